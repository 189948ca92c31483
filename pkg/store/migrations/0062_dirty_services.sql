-- The services whose facts changed in the ranges of payoff_private.dirty_ranges, and
-- written with them: a metric that says nothing of the whole is computed of these, and
-- of those that share a unit with them, alone.
CREATE TABLE IF NOT EXISTS payoff_private.dirty_services
(
    `generation` UInt64 COMMENT 'Run that found them.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept 30 days.'
)
ENGINE = MergeTree
ORDER BY (generation, service)
TTL toDateTime(written_at) + INTERVAL 30 DAY
COMMENT 'Services whose points are to be computed.'
