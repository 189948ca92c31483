-- Platform products, and the teams that offer them.
CREATE OR REPLACE VIEW payoff.capabilities
(
    `capability` LowCardinality(String) COMMENT 'Capability.',
    `team` LowCardinality(String) COMMENT 'Team that offers it.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT name AS capability, r.team AS team,
    ifNull(parseDateTime64BestEffortOrNull(r.from, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, team String, member String)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'capability' AND r.member = ''
COMMENT 'Capabilities as the organisation declares them, half-open in time.'
