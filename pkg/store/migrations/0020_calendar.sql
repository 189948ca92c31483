-- Windows are calendar ones in the organisation's time zone. They are a table, so
-- that every metric asks the same calendar and no query computes time zones.
CREATE TABLE IF NOT EXISTS payoff.calendar
(
    `grain` LowCardinality(String) COMMENT 'day, week (Monday first), month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `label` String COMMENT 'As people name it: 2026-11-16, 2026-W47, 2026-11, 2026-Q4, 2026.'
)
ENGINE = ReplacingMergeTree
ORDER BY (grain, window_start)
COMMENT 'Calendar windows in the organisation''s time zone, half-open, in UTC.'
