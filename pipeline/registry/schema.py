"""The tables of the registry: rows with the records that made and replaced them, changes, and requests."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS registry (
    slot INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
    record BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    source TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    seen TEXT NOT NULL,
    last_record BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS site_row (
    place INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    document TEXT NOT NULL,
    made_by BIGINT NOT NULL,
    replaced_by BIGINT,
    PRIMARY KEY (kind, id, from_ms, made_by)
);
CREATE INDEX IF NOT EXISTS site_row_by_place ON site_row (place);
CREATE TABLE IF NOT EXISTS reference (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id TEXT NOT NULL,
    PRIMARY KEY (target_kind, target_id, kind, id)
);
CREATE INDEX IF NOT EXISTS reference_of ON reference (kind, id);
CREATE TABLE IF NOT EXISTS change (
    record BIGINT NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    change_id TEXT NOT NULL UNIQUE,
    asked_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    operations TEXT NOT NULL,
    edits TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS touched (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    record BIGINT NOT NULL REFERENCES change (record),
    PRIMARY KEY (kind, id, record)
);
CREATE INDEX IF NOT EXISTS touched_by_id ON touched (id, record);
CREATE TABLE IF NOT EXISTS request (
    request_id TEXT NOT NULL PRIMARY KEY,
    until_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    is_begun INTEGER NOT NULL,
    answer TEXT
);
"""
