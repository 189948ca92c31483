-- Undeployed changes as they stand now, for analysts: metrics read the tables.
CREATE OR REPLACE VIEW payoff.waiting_changes
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `clock_start` DateTime64(3, 'UTC') COMMENT 'Author time, or committer time if earlier.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it came to the default branch.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    (f.service, toStartOfQuarter(f.merged_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '') AS hidden
SELECT if(hidden, '', f.service) AS service, o.team AS team, o.unit AS unit, f.tier AS tier, if(hidden, '', f.repository) AS repository, if(hidden, '', f.commit) AS commit,
    f.actor_kind AS actor_kind, f.clock_start AS clock_start, f.merged_at AS merged_at
FROM payoff_private.waiting_changes AS f FINAL
ASOF LEFT JOIN (SELECT service, valid_from, team, unit FROM payoff_private.shown_owners FINAL) AS o
    ON o.service = f.service AND o.valid_from <= f.merged_at
SETTINGS join_use_nulls = 0
COMMENT 'Changes on the default branch that no deployment has shipped.'
