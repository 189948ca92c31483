-- Which deployment shipped which change: a change ships once per service, tier
-- and repository. Written like deployments, by difference.
CREATE TABLE IF NOT EXISTS payoff_private.shipped_changes
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
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
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, repository, commit)
COMMENT 'Changes and the deployment that shipped them.'
