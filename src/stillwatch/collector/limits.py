"""How much the collector takes at once: each limit with its reason."""

MAX_BODY_BYTES = 32 * 2**20
"""The largest body, as sent and inflated. LiteLLM sends up to 512 calls with their whole conversations at once, and drops
what is refused; OpenTelemetry Collector's own receivers take 20 MiB (confighttp, `max_request_body_size`). What is made to
do harm takes up to fifty times its size while it is decoded (messages of two bytes each), so this bounds memory, too."""

MAX_RECORDS = 100_000
"""Records in one body. Real ones have hundreds of bytes each; more than this is made of nothing."""

DECODERS = 1
"""Bodies that are decoded at once. One processor's worth: Python decodes one at a time in any case."""

BODIES_AT_ONCE = 4
"""How many largest bodies are held at once, in all requests together: bounds memory whatever clients send."""

MAX_REQUESTS = 128
"""Requests that are read or worked on at once. More gain nothing, since one processor decodes them."""

MAX_BODY_SECONDS = 60.0
"""How long a client may take to send a body, so that slow ones can't keep all places taken."""

MAX_GZIP_MEMBERS = 64
"""Members of one gzip body (RFC 1952 allows any number): each costs a copy of the rest."""

GROUP_ROWS = 20_000
"""Rows that one write to the journal takes; what waits behind it has the next one."""

MAX_SEGMENT_BYTES = 256 * 2**20
"""A segment of the journal of this size becomes a file, whatever its rows and age: long texts."""

PENDING_FILES = 10
"""The journal may hold this many files' rows (`--rows`) that are not Parquet yet; beyond it clients are told to wait."""

MAX_KEPT_REJECTS = 100_000
"""Rejected rows that one run keeps aside; more are only counted, so that a broken client can't fill the disk."""

SHUTDOWN_SECONDS = 20
"""How long requests in progress have to end at SIGTERM. Orchestrators kill after 30 s."""

RETRY_LATER = 10
"""Seconds of Retry-After, for a disk or the writing of files to catch up."""
