-- Where the hub said, when it took an object, that the log holds it. New states: erased (the log says so), and of what may
-- have been lost by the hub: sent, without a time.
ALTER TABLE outbox ADD COLUMN log_index INTEGER;
ALTER TABLE outbox ADD COLUMN commitment BLOB
