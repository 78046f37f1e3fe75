-- How much a migration may send, in bytes per second; absent if that is not limited.
ALTER TABLE workflow ADD COLUMN limit_bytes_per_second BIGINT;
-- The same of an appliance, by its id.
CREATE TABLE bandwidth (
    owner TEXT NOT NULL PRIMARY KEY,
    limit_bytes_per_second BIGINT NOT NULL
);
