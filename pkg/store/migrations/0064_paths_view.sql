-- What there is in a repository, for globs of services to be held against. When a path
-- was touched is not told: of a hidden service that is as good as a person's doing.
CREATE OR REPLACE VIEW payoff.paths
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `path` String COMMENT 'Path that a known commit touched.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT DISTINCT repository, arrayJoin(paths) AS path
FROM payoff_private.commits
COMMENT 'Paths of all known repositories, each once.'
