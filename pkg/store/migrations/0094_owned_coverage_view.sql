-- Coverage by owner: covered days pool for each team over the time it owned the
-- service. A service that nobody declares has one row. The ends of the coverage
-- itself stand beside, as a window is cut by what is not known, not by a change of
-- owner.
CREATE OR REPLACE VIEW payoff.owned_coverage
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service in that time; empty while no owner is known.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `first_at` DateTime64(3, 'UTC') COMMENT 'Start of the first known deployment of the service.',
    `covered_to` DateTime64(3, 'UTC') COMMENT 'First instant of which nothing is known of the service.',
    `known_to` DateTime64(3, 'UTC') COMMENT 'The sources'' freshness horizon, retirement left aside.',
    `failure_window_ms` Int64 COMMENT 'How long after a deployment an incident is still put down to it, in milliseconds.',
    `owned_from` DateTime64(3, 'UTC') COMMENT 'First covered instant that is this owner''s.',
    `owned_to` DateTime64(3, 'UTC') COMMENT 'First instant after.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT c.service AS service, o.team AS team, o.unit AS unit, c.tier AS tier, c.first_at AS first_at, c.covered_to AS covered_to,
    c.known_to AS known_to, c.failure_window_ms AS failure_window_ms,
    if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from, if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
FROM payoff_private.service_coverage AS c FINAL
LEFT JOIN (SELECT service, team, unit, valid_from, valid_to, true AS declared FROM payoff_private.shown_owners FINAL) AS o ON o.service = c.service
WHERE owned_from < owned_to
SETTINGS join_use_nulls = 0
COMMENT 'Time range in which the deployments of a service are known, by owner, half-open.'
