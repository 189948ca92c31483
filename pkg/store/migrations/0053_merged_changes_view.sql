-- Changes by their merge, shipped or not: how long finished work waits has to count
-- what still waits, or the slowest would be left out.
CREATE OR REPLACE VIEW payoff.merged_changes
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it came to the default branch.',
    `shipped_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was shipped; null while it waits.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT service, team, unit, tier, repository, commit, actor_kind, assumeNotNull(merged_at) AS merged_at, toNullable(shipped_at) AS shipped_at
FROM payoff.shipped_changes AS s
WHERE s.merged_at IS NOT NULL AND NOT baseline -- the column, not the alias
UNION ALL
SELECT service, team, unit, tier, repository, commit, actor_kind, merged_at, CAST(NULL, 'Nullable(DateTime64(3, ''UTC''))') AS shipped_at
FROM payoff.waiting_changes
COMMENT 'Changes that came to the default branch, with the time they were shipped.'
