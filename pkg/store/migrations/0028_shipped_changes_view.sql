-- Shipped changes as they stand now, for analysts: metrics read the tables.
CREATE OR REPLACE VIEW payoff.shipped_changes
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `deployment_id` UUID COMMENT 'Deployment that shipped it.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `clock_start` DateTime64(3, 'UTC') COMMENT 'Author time, or committer time if earlier; of a squash whose commits are unknown the earliest time its pull request shows.',
    `merged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it came to the default branch; null when that is not known.',
    `shipped_at` DateTime64(3, 'UTC') COMMENT 'End of the part of the deployment that shipped it.',
    `lead_ms` Nullable(Int64) COMMENT 'shipped_at minus clock_start in milliseconds; null for the baseline and where it would be negative.',
    `baseline` Bool COMMENT 'Shipped by the first deployment: no lead time.',
    `link_quality` LowCardinality(String) COMMENT 'How well it is known: commit; squash: through the pull request it was squashed in; push_order: by the order of pushes.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful: future_authored, shipped_before_authored.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT f.named AS service, o.team AS team, o.unit AS unit, f.tier AS tier, f.repository AS repository, f.commit AS commit,
    f.deployment_id AS deployment_id, f.actor_kind AS actor_kind, f.clock_start AS clock_start, f.merged_at AS merged_at, f.shipped_at AS shipped_at,
    f.lead_ms AS lead_ms, f.baseline AS baseline, f.link_quality AS link_quality, f.flags AS flags
FROM
(
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT *, service AS named FROM payoff_private.shipped_changes FINAL
    WHERE (service, toStartOfQuarter(shipped_at, zone)) NOT IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
    UNION ALL
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT * REPLACE ('' AS repository, '' AS commit), '' AS named FROM payoff_private.shipped_changes FINAL
    WHERE (service, toStartOfQuarter(shipped_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
        AND service IN (SELECT service FROM payoff_private.hidden FINAL WHERE repository = '')
) AS f
ASOF LEFT JOIN (SELECT service, valid_from, team, unit FROM payoff_private.shown_owners FINAL) AS o
    ON o.service = f.service AND o.valid_from <= f.shipped_at
SETTINGS join_use_nulls = 0
COMMENT 'Changes that reached a tier, each with the deployment that shipped it.'
