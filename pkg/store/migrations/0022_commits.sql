-- Linking reads the commits of a repository, with parents; event_log is ordered
-- by position and cannot give them without a scan. The sorting key holds inputs
-- of the fact's identity only, so a corrected commit replaces its old row.
CREATE TABLE IF NOT EXISTS payoff_private.commits
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Full hash.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `parents` Array(String) COMMENT 'Parents, first parent first.',
    `parents_known` Bool COMMENT 'Whether the source knows the parents: a webhook does not.',
    `authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Author time.',
    `committed_at` DateTime64(3, 'UTC') COMMENT 'Committer time.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot.',
    `actor` String COMMENT 'Pseudonym of the author, or name of the bot.',
    `paths` Array(String) COMMENT 'Touched paths.',
    `paths_cut` Bool COMMENT 'More paths were touched than are listed.',
    `reverts` Array(String) COMMENT 'Commits it takes back.',
    `cherry_pick_of` String COMMENT 'Commit it was picked from.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it repairs.',
    `tickets` Array(String) COMMENT 'Work items it names.',
    `boundary` Bool COMMENT 'Its parents are missing: a shallow clone ends here.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (repository, commit, source, event_id)
COMMENT 'Commits by repository, derived from event_log.'
