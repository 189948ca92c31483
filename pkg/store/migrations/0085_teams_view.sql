-- Teams of the organisation with their dates. Each row is read by itself:
-- of the list [{}], a row that only says that the team is there, JSONExtract makes
-- no row at all. The views beside this one do the same.
CREATE OR REPLACE VIEW payoff.teams
(
    `team` LowCardinality(String) COMMENT 'Team.',
    `unit` LowCardinality(String) COMMENT 'Unit it is part of.',
    `line` LowCardinality(String) COMMENT 'The same for all teams that continue one another by being renamed, merged or split: named after the oldest.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT name AS team, r.unit AS unit, if(r.line = '', name, r.line) AS line,
    ifNull(parseDateTime64BestEffortOrNull(r.from, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, unit String, line String)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'team'
COMMENT 'Teams and their units, half-open in time.'
