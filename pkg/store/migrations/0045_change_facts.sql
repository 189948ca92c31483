-- What sources said of pull requests, by fact: stages and squashed commits are read
-- from it by repository.
CREATE TABLE IF NOT EXISTS payoff_private.change_facts
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `change` String COMMENT 'The pull request, as owner/name#number.',
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot.',
    `actor` String COMMENT 'Pseudonym of the person, or name of the bot.',
    `merge_commit` String COMMENT 'Commit the merge made.',
    `head_commit` String COMMENT 'Last commit of its branch.',
    `commits` Array(String) COMMENT 'Its commits, oldest first.',
    `commit_count` Int64 COMMENT 'How many they are; 0 when it is not said.',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was opened.',
    `ready_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it became ready for review.',
    `default_branch` Bool COMMENT 'It goes to the default branch.',
    `hotfix` Bool COMMENT 'Marked as a hotfix.',
    `reverts` Array(String) COMMENT 'Commits it takes back.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it repairs.',
    `tickets` Array(String) COMMENT 'Work items it names.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (repository, change, source, event_id)
COMMENT 'Reports about pull requests, derived from event_log.'
