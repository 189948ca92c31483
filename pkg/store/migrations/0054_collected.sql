-- How the last attempt to fetch from each thing that is collected ended: who must
-- do something about it reads it in payoff.findings.
CREATE TABLE IF NOT EXISTS payoff_private.collected
(
    `source` LowCardinality(String) COMMENT 'Kind of what is collected: git.',
    `name` String COMMENT 'What is collected: a repository as owner/name.',
    `at` DateTime64(3, 'UTC') COMMENT 'When the attempt ended.',
    `told` UInt64 COMMENT 'Events it told.',
    `error` String COMMENT 'Why it failed; empty if it did not.'
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (source, name)
COMMENT 'The last attempt to collect from each place.'
