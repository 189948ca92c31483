-- Where branches stood: without a commit graph the order of pushes is the order of
-- changes, and the default branch says what waits to be deployed.
CREATE TABLE IF NOT EXISTS payoff_private.pushes
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `ref` String COMMENT 'Branch.',
    `default_branch` Bool COMMENT 'It is the default branch.',
    `before` String COMMENT 'Commit it stood at before.',
    `commit` String COMMENT 'Commit it stands at.',
    `commits` Array(String) COMMENT 'Commits of the push, oldest first.',
    `forced` Bool COMMENT 'Moved by force.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (repository, source, event_id)
COMMENT 'Pushes to branches, derived from event_log.'
