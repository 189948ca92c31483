-- Where a published point was corrected: successive differences of the history. The
-- keys stand in the order of the table, so that little is left to be sorted.
CREATE OR REPLACE VIEW payoff.restatements
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
    `previous_value` Nullable(Float64) COMMENT 'What was said before.',
    `value` Nullable(Float64) COMMENT 'The number, in the metric''s unit; null when it does not exist.',
    `previous_n` UInt64 COMMENT 'Facts it was computed from before.',
    `n` UInt64 COMMENT 'Facts it is computed from.',
    `previous_computed_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When that was said.',
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When it was computed.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT metric, version, grain, window_start, window_end, service, team, unit, dims, previous_value, value, previous_n, n, previous_computed_at, computed_at
FROM
(
    SELECT *,
        lagInFrame(value) OVER w AS previous_value, lagInFrame(n) OVER w AS previous_n,
        lagInFrame(toNullable(computed_at)) OVER w AS previous_computed_at
    FROM payoff.metric_point_log
    WINDOW w AS (PARTITION BY metric, grain, version, service, team, unit, dims, window_start ORDER BY generation ASC, computed_at ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE previous_computed_at IS NOT NULL
COMMENT 'Corrections of published points: what was said before and what is said now.'
