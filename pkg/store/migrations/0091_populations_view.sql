-- Who could use a capability, whether they do or not.
CREATE OR REPLACE VIEW payoff.populations
(
    `capability` LowCardinality(String) COMMENT 'Capability.',
    `member_kind` LowCardinality(String) COMMENT 'team, service, or people: everyone in the team.',
    `member` LowCardinality(String) COMMENT 'Team or service.',
    `exempt` Bool COMMENT 'Could use it, and need not.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT name AS capability, r.memberKind AS member_kind, r.member AS member, r.exempt AS exempt,
    ifNull(parseDateTime64BestEffortOrNull(r.from, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, memberKind String, member String, exempt Bool)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'capability' AND r.member != ''
COMMENT 'Populations of capabilities, half-open in time.'
