-- Deployments as they stand now, for analysts: metrics read the tables.
CREATE OR REPLACE VIEW payoff.deployments
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'Identity: that of its first attempt.',
    `source` LowCardinality(String) COMMENT 'Who reported its first attempt.',
    `repository` LowCardinality(String) COMMENT 'Repository of its first part.',
    `environments` Array(String) COMMENT 'Environments it went to.',
    `commit` String COMMENT 'Commit of its first part.',
    `artifact_version` String COMMENT 'Version as the team names it.',
    `started_at` DateTime64(3, 'UTC') COMMENT 'First start of its attempts.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'Last end of its attempts.',
    `succeeded` Bool COMMENT 'The latest attempt of each part succeeded.',
    `class` LowCardinality(String) COMMENT 'baseline, release, redeployment, rollback, re_release, or unsuccessful.',
    `marks` Nullable(UUID) COMMENT 'Rollback: the deployment it marks as failed.',
    `attempts` UInt32 COMMENT 'Attempts that make it.',
    `changes` UInt32 COMMENT 'Changes it shipped, baseline not counted.',
    `names` Array(String) COMMENT 'All it may be called by: identities of its attempts and runs, versions, commits.',
    `hotfix` Bool COMMENT 'Marked as a hotfix, by itself or by a pull request it shipped.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it says it repairs.',
    `takes_back` Array(String) COMMENT 'Deployments of whose changes it ships a revert, shipped less than the remedy window before.',
    `rework` Array(LowCardinality(String)) COMMENT 'Why it is rework: rollback, revert, hotfix, names_repaired; empty if it is not.',
    `link_quality` LowCardinality(String) COMMENT 'commit, push_order, or unknown_commit: its commit is not in the known history.',
    `time_quality` LowCardinality(String) COMMENT 'commit: its time is that of the commit.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT f.named AS service, o.team AS team, o.unit AS unit, f.tier AS tier, f.deployment_id AS deployment_id, f.source AS source,
    f.repository AS repository, f.environments AS environments, f.commit AS commit, f.artifact_version AS artifact_version, f.started_at AS started_at,
    f.ended_at AS ended_at, f.succeeded AS succeeded, f.class AS class, f.marks AS marks, f.attempts AS attempts, f.changes AS changes,
    f.names AS names, f.hotfix AS hotfix, f.fixes AS fixes, f.takes_back AS takes_back, f.rework AS rework, f.link_quality AS link_quality,
    f.time_quality AS time_quality
FROM
(
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT *, service AS named FROM payoff_private.deployments FINAL
    WHERE (service, toStartOfQuarter(ended_at, zone)) NOT IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
    UNION ALL
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT * REPLACE ('' AS repository, '' AS commit, '' AS artifact_version, [] AS names), '' AS named FROM payoff_private.deployments FINAL
    WHERE (service, toStartOfQuarter(ended_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
        AND service IN (SELECT service FROM payoff_private.hidden FINAL WHERE repository = '')
) AS f
ASOF LEFT JOIN (SELECT service, valid_from, team, unit FROM payoff_private.shown_owners FINAL) AS o
    ON o.service = f.service AND o.valid_from <= f.ended_at
SETTINGS join_use_nulls = 0
COMMENT 'Deployments: attempts of one service and tier with one version, over its environments and repositories.'
