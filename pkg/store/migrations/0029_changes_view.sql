-- Commits for analysts: without their authors. A commit told by several sources
-- is one change; the source that knows its parents is preferred.
CREATE OR REPLACE VIEW payoff.changes
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Full hash.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `parents` Array(String) COMMENT 'Parents, first parent first.',
    `is_merge` Bool COMMENT 'It has more than one parent.',
    `authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Author time.',
    `committed_at` DateTime64(3, 'UTC') COMMENT 'Committer time.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot.',
    `paths` Array(String) COMMENT 'Touched paths.',
    `paths_cut` Bool COMMENT 'More paths were touched than are listed.',
    `reverts` Array(String) COMMENT 'Commits it takes back.',
    `cherry_pick_of` String COMMENT 'Commit it was picked from.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it repairs.',
    `boundary` Bool COMMENT 'Its parents are missing: a shallow clone ends here.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT repository, commit, source, parents, (length(parents) > 1)::Bool AS is_merge, authored_at, committed_at, actor_kind, paths, paths_cut,
    reverts, cherry_pick_of, fixes, boundary, flags
FROM payoff_private.commits FINAL
ORDER BY parents_known DESC, source
LIMIT 1 BY repository, commit
COMMENT 'Commits of all known repositories.'
