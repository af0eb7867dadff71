"""How much the hub's HTTP side takes at once: each bound with its reason. Those of the store are in limits.py."""

MAX_BODY_BYTES = 16 * 2**20
"""The largest body of a POST of objects; the API root tells it as `max_content_length`. A signed batch of 1000 objects has
one or two megabytes; other tools post bundles of some more."""

MAX_SMALL_BODY_BYTES = 64 * 2**10
"""The largest body of any other POST: keys, proofs, a checkpoint with its signatures."""

BODIES_AT_ONCE = 4
"""How many largest bodies are held at once, in all requests together: bounds memory whatever clients send."""

MAX_BODY_SECONDS = 60.0
"""How long a client may take to send a body, so that slow ones can't keep all places taken."""

MAX_REQUESTS = 256
"""Requests that are read or worked on at once; streams are counted apart. One process works on a few of them at a time."""

MAX_REQUESTS_OF_MEMBER = 64
"""Of these, one member's: a member can't take all places."""

READERS_OF_MEMBER = 4
"""Threads that read for one member at once, of READERS: what takes long must not keep all others waiting."""

READERS, WRITERS = 8, 64
"""Threads that read from the store, and that wait for a commit: waiting costs nothing, and one commit serves many."""

MAX_HEAD_BYTES = 32 * 2**10
"""Request line and headers of one request, or trailers. uvicorn's own parser would take any number of bytes."""

MAX_HEAD_SECONDS = 15.0
"""How long a new connection may take until its first request line and headers are whole."""

KEEP_ALIVE_SECONDS = 20
"""How long a connection is kept without a request. Longer than pollers and proxies pause, mostly."""

STALL_SECONDS = 20.0
"""How long a client may take nothing of what it was sent before its connection is cut. A stream then resumes by its
Last-Event-ID and loses nothing."""

MAX_CONNECTIONS = 2048
"""Connections at once: members have dozens, and each costs some ten kilobytes."""

MAX_STREAMS, MAX_STREAMS_OF_MEMBER = 1024, 16
"""Streams at once, and one member's: a few nodes, and those that a network forgot to close."""

HEARTBEAT_SECONDS = 15.0
"""A stream without events says so little. Proxies commonly cut what is silent for a minute."""

RING_EVENTS, RING_BYTES, RING_SECONDS = 4096, 16 * 2**20, 5.0
"""Recent events that are kept for all streams together, by number, bytes and age; who lags further reads from the store.
The age bounds how long an object that was erased by another process could still be handed out."""

CHUNK_BYTES = 256 * 2**10
"""What a stream writes at once, one event at least: with MAX_STREAMS it bounds what waits for slow readers."""

STORE_EVENTS = 500
"""Events that a lagging stream reads from the store at once."""

WATCH_SECONDS = 0.4
"""How often streams are held against the list of members: a revoked one's end within a second."""

SHUTDOWN_SECONDS = 20
"""How long requests in progress have to end at SIGTERM. Orchestrators kill after 30 s."""

SWEEP_SECONDS = 3600.0
"""How often what has expired is erased."""

RETRY_SOON = 1
"""Seconds of Retry-After, for a place to come free."""

FAILURES_OF_PAIR = (10.0, 1 / 6)
"""Failed logins of one account from one address: so many at once, then so many a second; further ones are not looked at."""

FAILURES_OF_ADDRESS = (100.0, 1.0)
"""Failed logins from one address, whatever the account."""

FAILURES_OF_ACCOUNT = (50.0, 1.0)
"""Failed logins of one account from all addresses. Beyond it, logins from addresses that are new are slowed, never refused:
whoever knows a member's name could lock it out otherwise."""

SLOWED_SECONDS, MAX_SLOWED = 1.0, 32
"""How long a slowed login waits, and how many may wait at once."""

KNOWN_SECONDS, MAX_KNOWN = 3600.0, 4096
"""How long credentials that were right are known to be, so that failures of others from the same address, as behind one
proxy, do not touch them; and how many are known."""

MAX_BUCKETS = 20_000
"""Addresses and accounts that are counted at once; the one that was quiet longest goes first."""
