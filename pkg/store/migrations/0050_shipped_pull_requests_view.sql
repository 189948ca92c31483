-- Shipped pull requests as they stand now, for analysts: metrics read the tables.
CREATE OR REPLACE VIEW payoff.shipped_pull_requests
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `change` String COMMENT 'The pull request, as owner/name#number.',
    `deployment_id` UUID COMMENT 'Deployment that shipped it.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `first_authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Earliest author time of its commits.',
    `work_started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When work on its tickets began.',
    `ready_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it became ready for review.',
    `reviewed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First review by another person, no bot.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it was merged.',
    `shipped_at` DateTime64(3, 'UTC') COMMENT 'End of the part of the deployment that shipped it.',
    `coding_ms` Nullable(Int64) COMMENT 'First author time to ready for review; stages that are unknown or negative are null.',
    `pickup_ms` Nullable(Int64) COMMENT 'Ready to first review.',
    `review_ms` Nullable(Int64) COMMENT 'First review to merged.',
    `deploy_ms` Nullable(Int64) COMMENT 'Merged to deployed.',
    `delivery_ms` Nullable(Int64) COMMENT 'Work started to deployed.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT f.named AS service, o.team AS team, o.unit AS unit, f.tier AS tier, f.repository AS repository, f.change AS change,
    f.deployment_id AS deployment_id, f.actor_kind AS actor_kind, f.first_authored_at AS first_authored_at, f.work_started_at AS work_started_at,
    f.ready_at AS ready_at, f.reviewed_at AS reviewed_at, f.merged_at AS merged_at, f.shipped_at AS shipped_at, f.coding_ms AS coding_ms,
    f.pickup_ms AS pickup_ms, f.review_ms AS review_ms, f.deploy_ms AS deploy_ms, f.delivery_ms AS delivery_ms
FROM
(
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT *, service AS named FROM payoff_private.shipped_pull_requests FINAL
    WHERE (service, toStartOfQuarter(shipped_at, zone)) NOT IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
    UNION ALL
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT * REPLACE ('' AS repository, '' AS change), '' AS named FROM payoff_private.shipped_pull_requests FINAL
    WHERE (service, toStartOfQuarter(shipped_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
        AND service IN (SELECT service FROM payoff_private.hidden FINAL WHERE repository = '')
) AS f
ASOF LEFT JOIN (SELECT service, valid_from, team, unit FROM payoff_private.shown_owners FINAL) AS o
    ON o.service = f.service AND o.valid_from <= f.shipped_at
SETTINGS join_use_nulls = 0
COMMENT 'Pull requests that reached a tier, with the time each stage took, in milliseconds.'
