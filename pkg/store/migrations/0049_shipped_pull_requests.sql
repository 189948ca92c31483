-- Pull requests with the deployment that shipped them and the stages of their way.
CREATE TABLE IF NOT EXISTS payoff_private.shipped_pull_requests
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `change` String COMMENT 'The pull request, as owner/name#number.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
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
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, repository, change)
COMMENT 'Pull requests and the deployment that shipped them.'
