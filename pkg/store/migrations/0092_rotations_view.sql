-- On-call rotations.
CREATE OR REPLACE VIEW payoff.rotations
(
    `rotation` LowCardinality(String) COMMENT 'Rotation.',
    `team` LowCardinality(String) COMMENT 'Team that is on call.',
    `calendar` LowCardinality(String) COMMENT 'Calendar of its working hours, in payoff.working_hours.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT name AS rotation, r.team AS team, r.calendar AS calendar,
    ifNull(parseDateTime64BestEffortOrNull(r.from, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, team String, calendar String)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'rotation'
COMMENT 'Rotations as the organisation declares them, half-open in time.'
