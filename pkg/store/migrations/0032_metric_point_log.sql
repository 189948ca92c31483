-- Every point ever published, append-only: what was said last Monday can be read.
-- A reader asks for the few points of one subject, so marks lie close together; when
-- each metric was computed last is kept beside, as dashboards ask it all the time. A metric is
-- written by itself and read by itself: partitions save merging its points with others'.
CREATE TABLE IF NOT EXISTS payoff.metric_point_log
(
    `metric` LowCardinality(String) COMMENT 'Name of the metric.',
    `version` UInt16 COMMENT 'Version of its definition.',
    `grain` LowCardinality(String) COMMENT 'day, week, month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `service` LowCardinality(String) COMMENT 'Service, or empty.',
    `team` LowCardinality(String) COMMENT 'Team, or empty.',
    `unit` LowCardinality(String) COMMENT 'Unit, or empty; service, team and unit empty: the whole.',
    `dims` LowCardinality(String) COMMENT 'Canonical JSON of further dimensions, or empty.',
    `value` Nullable(Float64) COMMENT 'The number, in the metric''s unit; null when it does not exist.',
    `numerator` Nullable(Float64) COMMENT 'Numerator of a ratio.',
    `denominator` Nullable(Float64) COMMENT 'Denominator of a ratio.',
    `n` UInt64 COMMENT 'Facts it is computed from.',
    `ci_low` Nullable(Float64) COMMENT 'Lower end of the 95 % interval.',
    `ci_high` Nullable(Float64) COMMENT 'Upper end of the 95 % interval.',
    `quality` LowCardinality(String) COMMENT 'ok, low_n, partial or no_data.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that computed it.',
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When it was computed.',
    PROJECTION last_computed (SELECT metric, max(computed_at), count() GROUP BY metric)
)
ENGINE = MergeTree
PARTITION BY metric
ORDER BY (metric, grain, version, service, team, unit, dims, window_start, generation, computed_at)
SETTINGS index_granularity = 1024
COMMENT 'History of all metric points; the latest of each key is in metric_points.'
