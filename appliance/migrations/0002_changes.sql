-- Following changes, and what the plugin's pages keep. Portable as 0001 is.

-- Numbers of changes are given under this turnstile, last in their transaction, so that they become visible in
-- ascending order whoever writes.
ALTER TABLE workflow ADD COLUMN change_number BIGINT NOT NULL DEFAULT 0;
-- 1 once somebody took it off the list of what is in progress.
ALTER TABLE workflow ADD COLUMN dismissed BIGINT NOT NULL DEFAULT 0;
-- How long its transfer will still take, as JSON, when its driver last said.
ALTER TABLE workflow ADD COLUMN estimate TEXT;
UPDATE workflow SET change_number = queue_number;
INSERT INTO turnstile (name, turns) SELECT 'change', COALESCE(MAX(queue_number), 0) + 1 FROM workflow;
CREATE INDEX workflow_by_change ON workflow (change_number);
CREATE INDEX workflow_by_end ON workflow (ended_at);
-- Whose turn it is, and the next number in the queue, are found without reading what has ended.
CREATE INDEX workflow_by_turn ON workflow (queue_line, started_at);
CREATE INDEX workflow_by_queue ON workflow (queue_number);

-- Requests that carried a key, for a day: who repeats one gets what was made then.
CREATE TABLE idempotency (
    user_name TEXT NOT NULL,
    request_key TEXT NOT NULL,
    -- SHA-256 of the request, in hexadecimal.
    digest TEXT NOT NULL,
    -- Ids of the workflows made, as a JSON array.
    workflows TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (user_name, request_key)
);
CREATE INDEX idempotency_by_age ON idempotency (at);

-- What one appliance does for all that share the database, and until when.
CREATE TABLE duty (
    name TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- What of a cloud may be chosen, as JSON; no row means everything.
CREATE TABLE released (
    vcenter TEXT NOT NULL PRIMARY KEY,
    objects TEXT NOT NULL
);

-- The use of clusters. A cluster's id is empty for the cloud as a whole; at is the beginning of the step.
CREATE TABLE sample (
    cloud TEXT NOT NULL,
    cluster TEXT NOT NULL,
    step_seconds BIGINT NOT NULL,
    at BIGINT NOT NULL,
    cpu_percent DOUBLE PRECISION NOT NULL,
    memory_percent DOUBLE PRECISION NOT NULL,
    cold_vms BIGINT NOT NULL,
    PRIMARY KEY (cloud, cluster, step_seconds, at)
);
CREATE INDEX sample_by_age ON sample (step_seconds, at);

-- What users of a vCenter have set, as JSON.
CREATE TABLE preference (
    vcenter TEXT NOT NULL,
    user_name TEXT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (vcenter, user_name)
);
CREATE INDEX preference_by_age ON preference (at);
