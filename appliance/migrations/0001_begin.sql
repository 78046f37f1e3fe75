-- Portable between SQLite and PostgreSQL: times are milliseconds since 1970 (UTC), flags are 0 or 1,
-- documents are JSON as text.

-- Rows to lock: who updates one holds its lock until the end of the transaction.
CREATE TABLE turnstile (
    name TEXT NOT NULL PRIMARY KEY,
    turns BIGINT NOT NULL
);
INSERT INTO turnstile (name, turns) VALUES ('queue', 0), ('event', 0);

CREATE TABLE vcenter (
    id TEXT NOT NULL PRIMARY KEY,
    role TEXT NOT NULL,
    url TEXT NOT NULL,
    user_name TEXT NOT NULL,
    -- AES-256-GCM, bound to the id: see secret.rs.
    password TEXT NOT NULL,
    thumbprint TEXT NOT NULL,
    instance_uuid TEXT NOT NULL,
    added_at BIGINT NOT NULL
);

-- The state columns are a cache of the log: each change is written together with its workflow_event.
CREATE TABLE workflow (
    id TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    input TEXT NOT NULL,
    memo TEXT NOT NULL,
    progress TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Number of steps done; the step begun, or being undone, if there is one.
    steps_done BIGINT NOT NULL,
    step TEXT,
    committed BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    -- Why it unwinds, as JSON; absent while it goes forward.
    verdict TEXT,
    cancel_by TEXT,
    error TEXT,
    waiting_for TEXT,
    waiting_since BIGINT,
    queue_line TEXT NOT NULL,
    queue_number BIGINT NOT NULL,
    -- The appliance that drives it, until when, and how often that changed.
    owner TEXT,
    lease_until BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    log_length BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT
);
CREATE INDEX workflow_by_state ON workflow (state);
CREATE INDEX workflow_by_age ON workflow (created_at);

CREATE TABLE workflow_event (
    workflow TEXT NOT NULL,
    seq BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    step TEXT,
    message TEXT NOT NULL,
    PRIMARY KEY (workflow, seq)
);

CREATE TABLE event (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    type_id TEXT NOT NULL,
    severity TEXT NOT NULL,
    object TEXT NOT NULL,
    operation TEXT NOT NULL,
    user_name TEXT NOT NULL,
    message TEXT NOT NULL,
    workflow TEXT,
    workflow_seq BIGINT,
    -- 1 once the vCenters show it.
    posted BIGINT NOT NULL
);
CREATE INDEX event_by_workflow ON event (workflow, workflow_seq);
CREATE INDEX event_by_posted ON event (posted);
