-- Commits for analysts: without their authors. A commit told by several sources
-- is one change; the source that knows its parents is preferred.
CREATE OR REPLACE VIEW payoff.changes
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name; empty in a quarter in which all its changes are of services that are shown only inside their units, as are its commits'' names.',
    `commit` String COMMENT 'Full hash.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `parents` Array(String) COMMENT 'Parents, first parent first.',
    `is_merge` Bool COMMENT 'It has more than one parent.',
    `authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Author time.',
    `committed_at` DateTime64(3, 'UTC') COMMENT 'Committer time.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot.',
    `paths` Array(String) COMMENT 'Touched paths; none of a change of a service that is shown only inside its unit.',
    `paths_cut` Bool COMMENT 'More paths were touched than are listed.',
    `reverts` Array(String) COMMENT 'Commits it takes back.',
    `cherry_pick_of` String COMMENT 'Commit it was picked from.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it repairs.',
    `boundary` Bool COMMENT 'Its parents are missing: a shallow clone ends here.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT repository, commit, source, parents, is_merge, authored_at, committed_at, actor_kind, paths, paths_cut, reverts, cherry_pick_of, fixes, boundary, flags
FROM
(
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
        (f.repository, f.commit) IN
        (
            SELECT repository, commit FROM payoff_private.shipped_changes WHERE (service, toStartOfQuarter(shipped_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
            UNION ALL
            SELECT repository, commit FROM payoff_private.waiting_changes WHERE (service, toStartOfQuarter(merged_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
        ) AS of_hidden
    SELECT * REPLACE (if(of_hidden, [], f.paths) AS paths), length(f.parents) > 1 AS is_merge
    FROM payoff_private.commits AS f FINAL
    WHERE (repository, toStartOfQuarter(committed_at, zone)) NOT IN (SELECT repository, quarter FROM payoff_private.hidden FINAL WHERE service = '')
    ORDER BY parents_known DESC, source
    LIMIT 1 BY repository, commit
    UNION ALL
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone
    SELECT * REPLACE ('' AS repository, '' AS commit, [] AS parents, [] AS paths, [] AS reverts, '' AS cherry_pick_of), length(f.parents) > 1 AS is_merge
    FROM payoff_private.commits AS f FINAL
    WHERE (f.repository, toStartOfQuarter(f.committed_at, zone)) IN (SELECT repository, quarter FROM payoff_private.hidden FINAL WHERE service = '')
        AND f.repository IN (SELECT repository FROM payoff_private.hidden FINAL WHERE service = '')
    ORDER BY f.parents_known DESC, f.source
    LIMIT 1 BY f.repository, f.commit
)
COMMENT 'Commits of all known repositories.'
