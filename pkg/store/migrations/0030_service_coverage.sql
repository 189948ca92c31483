-- From when to when deployments of a service are known: what makes no deployment
-- 0 rather than unknown. Written like deployments, by difference.
CREATE TABLE IF NOT EXISTS payoff_private.service_coverage
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `first_at` DateTime64(3, 'UTC') COMMENT 'Start of the first known deployment.',
    `covered_to` DateTime64(3, 'UTC') COMMENT 'First instant of which nothing is known: retirement or the sources'' freshness horizon, whichever is earlier.',
    `known_to` DateTime64(3, 'UTC') COMMENT 'The sources'' freshness horizon, retirement left aside.',
    `midnight` DateTime64(3, 'UTC') COMMENT 'The last midnight before that, in the organisation''s time zone: what waits is counted as of then.',
    `retired_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was taken out of its environment for good.',
    `failure_window_ms` Int64 COMMENT 'How long after a deployment an incident is still put down to it, in milliseconds.',
    `sources` Array(Tuple(source LowCardinality(String), scope String)) COMMENT 'Who reports its deployments; the scope is the repository for sources that are pulled by repository.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier)
COMMENT 'Time range in which the deployments of a service are known.'
