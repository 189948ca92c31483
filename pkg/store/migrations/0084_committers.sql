-- Whose changes were merged and reached production when, for services that somebody
-- owns: a service with one committer in a window is shown only inside its unit. Kept
-- for linked services by difference, so that no reader's query joins commits.
CREATE TABLE IF NOT EXISTS payoff_private.committers
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `step` LowCardinality(String) COMMENT 'merged, or shipped: metrics count changes by the one or the other.',
    `at` DateTime64(3, 'UTC') COMMENT 'When the change was merged, or in production.',
    `person` String COMMENT 'Pseudonym of its author, aliases resolved.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, step, at, person)
COMMENT 'Authors of changes to production, without bots.'
