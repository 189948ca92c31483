-- Services and where their code is.
CREATE OR REPLACE VIEW payoff.services
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name; a service may have several.',
    `paths` Array(String) COMMENT 'Globs of its paths in the repository; none: all of it.',
    `tier` LowCardinality(String) COMMENT 'How much depends on it, as the organisation says it.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT name AS service, r.repository AS repository, r.paths AS paths, r.tier AS tier,
    ifNull(parseDateTime64BestEffortOrNull(r.from, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, team String, repository String, paths Array(String), tier String)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'service' AND r.team = ''
COMMENT 'Services as the organisation declares them, half-open in time.'
