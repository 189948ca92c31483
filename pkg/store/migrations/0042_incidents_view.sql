-- Incidents as they stand now, for analysts: metrics read the tables.
CREATE OR REPLACE VIEW payoff.incidents
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `incident` String COMMENT 'Provider''s id.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `tier` LowCardinality(String) COMMENT 'Tier of its environment; production when it names none.',
    `began_at` DateTime64(3, 'UTC') COMMENT 'When the disturbance began: as stated, else when it was detected.',
    `created_at` DateTime64(3, 'UTC') COMMENT 'When it was created, else detected.',
    `detected_at` DateTime64(3, 'UTC') COMMENT 'When it began to be known.',
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person took it.',
    `mitigated_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When users were served again, after the last reopening.',
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was over, after the last reopening.',
    `reopened_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last reopened.',
    `impact` Nullable(Bool) COMMENT 'Whether users were affected; null when it is not said.',
    `severity` String COMMENT 'As the tool names it.',
    `cause` String COMMENT 'Stated cause.',
    `named_deployment` String COMMENT 'Deployment it names.',
    `named_commit` String COMMENT 'Commit it names.',
    `state` LowCardinality(String) COMMENT 'placed: it marks a deployment; unattributed: it marks none; false_alarm, no_impact, other_cause, dismissed: it is not put down to any; unknown_service.',
    `deployment_id` Nullable(UUID) COMMENT 'Deployment it marks as failed.',
    `rule` LowCardinality(String) COMMENT 'Rule that placed it: a, b, c, d.',
    `duration_ms` Nullable(Int64) COMMENT 'resolved_at minus created_at in milliseconds; null while it is open, and where it is negative.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    (f.service, toStartOfQuarter(f.began_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '') AS hidden
SELECT if(hidden, '', f.service) AS service, o.team AS team, o.unit AS unit, f.incident AS incident, f.source AS source, f.tier AS tier, f.began_at AS began_at,
    f.created_at AS created_at, f.detected_at AS detected_at, f.acknowledged_at AS acknowledged_at, f.mitigated_at AS mitigated_at,
    f.resolved_at AS resolved_at, f.reopened_at AS reopened_at, f.impact AS impact, f.severity AS severity, f.cause AS cause,
    if(hidden, '', f.named_deployment) AS named_deployment, if(hidden, '', f.named_commit) AS named_commit, f.state AS state, f.deployment_id AS deployment_id, f.rule AS rule,
    f.duration_ms AS duration_ms
FROM payoff_private.incidents AS f FINAL
ASOF LEFT JOIN (SELECT service, valid_from, team, unit FROM payoff_private.shown_owners FINAL) AS o
    ON o.service = f.service AND o.valid_from <= f.began_at
SETTINGS join_use_nulls = 0
COMMENT 'Incidents, each with the deployment it marks as failed.'
