-- Where the hub stands. One row; whoever writes holds it.
CREATE TABLE heads (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    hub_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    date_added INTEGER NOT NULL,
    log_size INTEGER NOT NULL,
    checkpoint TEXT NOT NULL
);

-- Members and what lets them in. Secrets are kept as salted digests only.
CREATE TABLE members (
    number INTEGER PRIMARY KEY,
    member_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    added INTEGER NOT NULL,
    revoked INTEGER,
    requests_per_minute INTEGER NOT NULL,
    objects_per_day INTEGER NOT NULL,
    bytes_per_day INTEGER NOT NULL,
    witness TEXT
);

CREATE TABLE credentials (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    member INTEGER NOT NULL REFERENCES members (number),
    salt BLOB NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (kind, name)
);

CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES members (number),
    salt BLOB NOT NULL,
    digest BLOB NOT NULL,
    expires INTEGER NOT NULL
);

CREATE TABLE usage (
    member INTEGER NOT NULL REFERENCES members (number),
    day INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (member, day)
);

-- Collections; a row of grants takes the place of the collection's own rights for one member.
CREATE TABLE collections (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    alias TEXT UNIQUE,
    description TEXT NOT NULL,
    can_read INTEGER NOT NULL,
    can_write INTEGER NOT NULL
);

CREATE TABLE grants (
    collection INTEGER NOT NULL REFERENCES collections (number),
    member INTEGER NOT NULL REFERENCES members (number),
    can_read INTEGER NOT NULL,
    can_write INTEGER NOT NULL,
    PRIMARY KEY (collection, member)
);

-- Epochs, and the pseudonyms that members have in them.
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY,
    template_key BLOB NOT NULL,
    began INTEGER NOT NULL,
    rules TEXT NOT NULL,
    log_index INTEGER NOT NULL
);

CREATE TABLE pseudonyms (
    id TEXT PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES members (number),
    epoch INTEGER NOT NULL REFERENCES epochs (number),
    public_key BLOB NOT NULL,
    not_after INTEGER NOT NULL,
    certificate BLOB NOT NULL,
    log_index INTEGER NOT NULL,
    UNIQUE (member, epoch)
);

-- Versions of objects. A row stays for good, so that seq has no gaps; what it says is in contents, which can be erased:
-- then `erasure` is the index of the log entry that says so. `id_key`: ids.py.
CREATE TABLE objects (
    seq INTEGER PRIMARY KEY,
    date_added INTEGER NOT NULL,
    collection INTEGER NOT NULL,
    id_key INTEGER NOT NULL,
    stix_id TEXT NOT NULL,
    type TEXT NOT NULL,
    version INTEGER NOT NULL,
    spec_version TEXT NOT NULL,
    member INTEGER,
    revoked INTEGER NOT NULL,
    is_first INTEGER NOT NULL,
    is_last INTEGER NOT NULL,
    valid_until INTEGER,
    log_index INTEGER NOT NULL,
    batch INTEGER,
    batch_index INTEGER,
    erasure INTEGER
);
CREATE INDEX objects_by_id ON objects (id_key, collection, version);
CREATE UNIQUE INDEX objects_by_date ON objects (date_added);
CREATE INDEX objects_last ON objects (collection, seq) WHERE is_last = 1;
CREATE INDEX objects_ending ON objects (valid_until) WHERE valid_until IS NOT NULL AND erasure IS NULL;
CREATE INDEX objects_of_batch ON objects (batch) WHERE batch IS NOT NULL AND erasure IS NULL;

CREATE TABLE contents (
    seq INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    body BLOB NOT NULL
);

-- Batches that were posted under one signature: `leaves` are their objects' RFC 6962 leaf hashes, 32 bytes each.
CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    leaves BLOB NOT NULL
);

-- Sightings of objects, and opinions that they are false, by the object that says so.
CREATE TABLE reports (
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    member INTEGER NOT NULL,
    PRIMARY KEY (target, kind, member, source)
);
CREATE INDEX reports_by_source ON reports (source);

-- Statuses of POSTs: rows seq_from and those after it were made of it; `rest` is JSON: [[failures], [successes without a row]].
CREATE TABLE statuses (
    id TEXT PRIMARY KEY,
    member INTEGER NOT NULL,
    requested INTEGER NOT NULL,
    total INTEGER NOT NULL,
    seq_from INTEGER NOT NULL,
    seq_count INTEGER NOT NULL,
    rest BLOB NOT NULL
);
CREATE INDEX statuses_by_age ON statuses (requested);

-- The log (C2SP tlog-tiles). A partial tile or bundle is the beginning of the whole one, so each stands here once.
CREATE TABLE tiles (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (level, number)
);

CREATE TABLE bundles (
    number INTEGER PRIMARY KEY,
    entries BLOB NOT NULL
);

CREATE TABLE cosigned (
    size INTEGER PRIMARY KEY,
    checkpoint TEXT NOT NULL,
    first_seen INTEGER NOT NULL
);

CREATE TABLE cosignatures (
    size INTEGER NOT NULL REFERENCES cosigned (size),
    member INTEGER NOT NULL REFERENCES members (number),
    line TEXT NOT NULL,
    PRIMARY KEY (size, member)
);
