-- Attempts are numbered through, for each has a task of its own in the vCenters; those up to this number are
-- over and count no more, because a person has let the migration go on since.
ALTER TABLE workflow ADD COLUMN attempts_before BIGINT NOT NULL DEFAULT 0;
-- Appliances that drove it before its owner and whose vCenter sessions may still be open, with commas between.
ALTER TABLE workflow ADD COLUMN former_owners TEXT NOT NULL DEFAULT '';
CREATE INDEX workflow_by_end ON workflow (ended_at);
