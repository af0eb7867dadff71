-- Times are microseconds since 1970-01-01 UTC. Bodies are canonical JSON.

-- Small things by name, as JSON: cursor, follower, epoch, rules.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- The log as it was read. `seq` and `commitment` are of objects' entries.
CREATE TABLE entries (log_index INTEGER PRIMARY KEY, data BLOB NOT NULL, seq INTEGER, commitment BLOB);
CREATE UNIQUE INDEX entries_by_seq ON entries (seq) WHERE seq IS NOT NULL;
CREATE TABLE erasures (seq INTEGER PRIMARY KEY, log_index INTEGER NOT NULL);
-- What the log says of certificates: the digest of each one's payload.
CREATE TABLE logged_pseudonyms (id TEXT NOT NULL, digest BLOB NOT NULL, log_index INTEGER NOT NULL,
    PRIMARY KEY (id, digest)) WITHOUT ROWID;

CREATE TABLE certificates (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, public_key BLOB NOT NULL, digest BLOB NOT NULL,
    not_after INTEGER NOT NULL, own INTEGER NOT NULL, envelope TEXT NOT NULL) WITHOUT ROWID;

-- Envelopes of signed batches, by their digest.
CREATE TABLE envelopes (digest BLOB PRIMARY KEY, envelope TEXT NOT NULL) WITHOUT ROWID;

-- What the hub gave. `settled`: the log holds it as it was given. `same_as`: an earlier row with the same content.
CREATE TABLE received (
    seq INTEGER PRIMARY KEY,
    collection TEXT NOT NULL,
    date_added INTEGER NOT NULL,
    stix_id TEXT,
    type TEXT,
    version INTEGER,
    body BLOB,
    salt BLOB,
    log_index INTEGER NOT NULL,
    commitment BLOB,
    pseudonym TEXT,
    envelope BLOB,
    batch_index INTEGER,
    proof BLOB,
    own INTEGER NOT NULL,
    revoked INTEGER NOT NULL,
    valid_until INTEGER,
    erased INTEGER NOT NULL,
    same_as INTEGER,
    settled INTEGER NOT NULL,
    received INTEGER NOT NULL
);
CREATE INDEX received_by_id ON received (stix_id, version);
CREATE INDEX received_unsettled ON received (seq) WHERE settled = 0;
CREATE INDEX received_by_type ON received (type);

-- What is to be sent. state: queued, assigned (to a batch), sent (the hub took it), confirmed (the log holds it), refused.
CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    stix_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    draft BLOB NOT NULL,
    not_before INTEGER NOT NULL,
    state TEXT NOT NULL,
    batch INTEGER,
    place INTEGER,
    body BLOB,
    reason TEXT,
    sent INTEGER,
    seq INTEGER,
    UNIQUE (stix_id, version)
);
CREATE INDEX outbox_by_state ON outbox (state);
CREATE TABLE batches (number INTEGER PRIMARY KEY AUTOINCREMENT, pseudonym TEXT NOT NULL, envelope TEXT NOT NULL,
    state TEXT NOT NULL);

CREATE TABLE corroboration (id TEXT PRIMARY KEY, sightings TEXT NOT NULL, false_positives TEXT NOT NULL) WITHOUT ROWID;
-- Ids whose corroboration has to be asked for.
CREATE TABLE stale (id TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE outcomes (id TEXT PRIMARY KEY, source TEXT NOT NULL, was_right INTEGER NOT NULL, at INTEGER NOT NULL,
    origin TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE faults (id TEXT PRIMARY KEY, kind TEXT NOT NULL, what TEXT NOT NULL, at INTEGER NOT NULL,
    cleared INTEGER) WITHOUT ROWID;
