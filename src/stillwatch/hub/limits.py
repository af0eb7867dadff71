"""How much the hub takes and gives at once: each limit with its reason. Those of HTTP are beside its application."""

MAX_PAGE = 1000
"""Objects, records of a manifest or receipts in one page, unless fewer were asked for. A client that wants more takes the
next page by its cursor."""

MAX_PAGE_BYTES = 8 * 2**20
"""Bytes of the objects in one page, and of the batches in one of receipts; one object, or one receipt, is always given.
A thousand common objects have one megabyte. A thousand of the largest would have one gigabyte, which several threads would
hold at once, and each client."""

MAX_EVENTS_BYTES = 2**20
"""Bytes of the objects that are read at once for one stream; one is always read. Each lagging stream holds so much."""

MAX_POST_OBJECTS = 100_000
"""Objects in one POST. A batch that is signed has at most 1000; this many are unsigned and come from other tools."""

REQUESTS_PER_MINUTE = 6000
"""Requests of one member. A hundred each second: a node that polls, follows the stream and publishes makes one or two."""

OBJECTS_PER_DAY = 2_000_000
"""Objects that one member may post in a day (UTC). Far more than campaigns there are, and bounds what a stolen credential
can make the hub store."""

BYTES_PER_DAY = 4 * 2**30
"""Bytes that one member may post in a day (UTC), as sent."""

TOKEN_SECONDS = 3600
"""Life of an access token. RFC 6749, section 4.2.2, takes the same as its example."""

CACHED_SECONDS = 0.5
"""How long a member is taken from memory before the store is asked again: a revocation bites within a second everywhere."""

STATUS_SECONDS = 48 * 3600
"""Life of a status resource. TAXII 2.1, section 5.5, wants at least 24 hours."""

PREVIOUS_EPOCH_SECONDS = 24 * 3600
"""How long batches under pseudonyms of the epoch before are taken: nodes that were off line have queued some."""

GROUP_OBJECTS = 20_000
"""Objects that one transaction takes; what waits behind it has the next one."""

WAITING_OBJECTS = 200_000
"""Objects that may wait for a transaction in one process; beyond it clients are told to come again. Bounds memory."""

COSIGNED_SECONDS = 3600
"""How long every cosigned checkpoint is kept, so that slower witnesses can cosign the same one; after that only those that
no newer one makes useless."""

PSEUDONYM_SECONDS = 400 * 86_400
"""Life of a pseudonym's certificate. An epoch ends when the forum begins a new one; this only bounds a forgotten one."""
