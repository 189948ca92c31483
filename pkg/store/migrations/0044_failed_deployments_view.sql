-- Failed deployments as they stand now, for analysts: metrics read the tables.
CREATE OR REPLACE VIEW payoff.failed_deployments
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'The deployment.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'End of the deployment: it counts in this window.',
    `succeeded` Bool COMMENT 'Whether the deployment itself succeeded.',
    `rule` LowCardinality(String) COMMENT 'Strongest rule: confirmed by a person; a: an incident names it; b: rolled back or reverted; c: a hotfix followed; d: an incident soon after.',
    `incidents` Array(String) COMMENT 'Incidents put down to it.',
    `remedies` Array(String) COMMENT 'Deployments that rolled it back, reverted or fixed it.',
    `failed_at` DateTime64(3, 'UTC') COMMENT 'The earlier of the deployment''s end and its first incident''s begin.',
    `restored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the last of its incidents was mitigated, else resolved; without incidents the end of the first remedy.',
    `recovery_ms` Nullable(Int64) COMMENT 'restored_at minus failed_at in milliseconds; null while it is open, and where it is not positive.',
    `open` Bool COMMENT 'Not restored yet.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    (f.service, toStartOfQuarter(f.ended_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '') AS hidden
SELECT if(hidden, '', f.service) AS service, o.team AS team, o.unit AS unit, f.tier AS tier, f.deployment_id AS deployment_id, f.ended_at AS ended_at,
    f.succeeded AS succeeded, f.rule AS rule, f.incidents AS incidents, f.remedies AS remedies, f.failed_at AS failed_at, f.restored_at AS restored_at,
    f.recovery_ms AS recovery_ms, f.open AS open
FROM payoff_private.failed_deployments AS f FINAL
ASOF LEFT JOIN (SELECT service, valid_from, team, unit FROM payoff_private.shown_owners FINAL) AS o
    ON o.service = f.service AND o.valid_from <= f.ended_at
SETTINGS join_use_nulls = 0
COMMENT 'Deployments that needed intervention: rule, incidents, remedies and time to restore.'
