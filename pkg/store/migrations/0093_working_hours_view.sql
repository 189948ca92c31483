-- Working calendars: what is outside of them is off-hours. payoff.calendar is another thing, the windows of metrics.
CREATE OR REPLACE VIEW payoff.working_hours
(
    `calendar` LowCardinality(String) COMMENT 'Calendar.',
    `zone` LowCardinality(String) COMMENT 'Time zone, by its IANA name.',
    `days` Array(String) COMMENT 'Working days: mon, tue, …',
    `opens` String COMMENT 'When a working day begins, as 09:00.',
    `closes` String COMMENT 'When it ends.',
    `holidays` Array(String) COMMENT 'Days that are no working days, as 2026-12-25.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT name AS calendar, r.zone AS zone, r.days AS days, r.opens AS opens, r.closes AS closes, r.holidays AS holidays,
    ifNull(parseDateTime64BestEffortOrNull(r.from, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, zone String, days Array(String), opens String, closes String, holidays Array(String))'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'calendar'
COMMENT 'Working calendars as the organisation declares them, half-open in time.'
