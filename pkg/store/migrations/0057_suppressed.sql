-- What a run of computing may not show by itself, found once for all its metrics. A
-- run has a number that no other has and reads its own rows only, so that a leader
-- that lost its place and does not know it takes nothing away from the next. The
-- rows are dropped when the run ends; those of a run that died expire.
CREATE TABLE IF NOT EXISTS payoff_private.suppressed
(
    `run` UInt64 COMMENT 'The run of computing: a random number.',
    `grain` LowCardinality(String) COMMENT 'day, week, month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `service` LowCardinality(String) COMMENT 'Service that is not shown in it.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept a day.'
)
ENGINE = MergeTree
PARTITION BY run
ORDER BY (grain, window_start, service)
TTL toDateTime(written_at) + INTERVAL 1 DAY
COMMENT 'Windows in which services are shown only inside their unit, while points are computed.'
