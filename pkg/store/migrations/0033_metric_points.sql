-- The latest point of each key. A later generation wins whatever its clock says.
CREATE OR REPLACE VIEW payoff.metric_points
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
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When it was computed.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT metric, version, grain, window_start, window_end, service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high, quality, computed_at
FROM payoff.metric_point_log
ORDER BY generation DESC, computed_at DESC
LIMIT 1 BY metric, version, grain, window_start, service, team, unit, dims
COMMENT 'The current value of every metric, window and service, team, unit or whole.'
