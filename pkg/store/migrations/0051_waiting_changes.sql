-- Changes on the default branch that no deployment has shipped: work that is done and
-- of no use yet.
CREATE TABLE IF NOT EXISTS payoff_private.waiting_changes
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `clock_start` DateTime64(3, 'UTC') COMMENT 'Author time, or committer time if earlier.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it came to the default branch.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, repository, commit)
COMMENT 'Undeployed changes.'
