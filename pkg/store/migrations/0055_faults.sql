-- What linking found to be wrong with the facts: a cycle in a commit graph, an
-- environment without a tier. Listed in payoff.findings.
CREATE TABLE IF NOT EXISTS payoff_private.faults
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `kind` LowCardinality(String) COMMENT 'unknown_tier, commit_cycle.',
    `subject` String COMMENT 'What it is about.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `at` DateTime64(3, 'UTC') COMMENT 'When.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, kind, subject)
COMMENT 'Faults of the data that linking found.'
