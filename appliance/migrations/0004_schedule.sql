-- When it may begin, as JSON; absent if at any time.
ALTER TABLE workflow ADD COLUMN schedule TEXT;
