-- Whose an identity is: of who first stored it, was certified under it, or named it as an author or as where something was
-- sighted. No release had the schema before this one: of stored objects, their authors are not looked up.
CREATE TABLE authors (
    id TEXT PRIMARY KEY,
    member INTEGER NOT NULL REFERENCES members (number)
);

INSERT INTO authors (id, member)
    SELECT id, MIN(member) FROM (
        SELECT id, member FROM pseudonyms
        UNION SELECT stix_id, member FROM objects WHERE type = 'identity' AND member IS NOT NULL
    ) AS held GROUP BY id;
