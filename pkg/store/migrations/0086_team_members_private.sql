-- Who is in which team. Readers get counts, in payoff.team_members.
CREATE OR REPLACE VIEW payoff_private.team_members
(
    `person` String COMMENT 'Pseudonym.',
    `team` LowCardinality(String) COMMENT 'Team.',
    `role` LowCardinality(String) COMMENT 'Role in the team.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT r.person AS person, r.team AS team, r.role AS role,
    ifNull(parseDateTime64BestEffortOrNull(r.from, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, person String, team String, role String)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'person' AND r.team != ''
COMMENT 'Members of teams, half-open in time.'
