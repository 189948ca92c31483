-- Coverage as it stands now.
CREATE OR REPLACE VIEW payoff.service_coverage
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `first_at` DateTime64(3, 'UTC') COMMENT 'Start of the first known deployment.',
    `covered_to` DateTime64(3, 'UTC') COMMENT 'First instant of which nothing is known: retirement or the sources'' freshness horizon, whichever is earlier.',
    `known_to` DateTime64(3, 'UTC') COMMENT 'The sources'' freshness horizon, retirement left aside.',
    `midnight` DateTime64(3, 'UTC') COMMENT 'The last midnight before that, in the organisation''s time zone: what waits is counted as of then.',
    `retired_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was taken out of its environment for good.',
    `failure_window_ms` Int64 COMMENT 'How long after a deployment an incident is still put down to it, in milliseconds.',
    `sources` Array(Tuple(source LowCardinality(String), scope String)) COMMENT 'Who reports its deployments; the scope is the repository for sources that are pulled by repository.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT service, '' AS team, '' AS unit, tier, first_at, covered_to, known_to, midnight, retired_at, failure_window_ms,
    sources
FROM payoff_private.service_coverage FINAL
COMMENT 'Time range in which the deployments of a service are known, half-open.'
