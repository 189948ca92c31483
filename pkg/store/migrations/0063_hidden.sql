-- Of what facts are told without names: a service that is shown only inside its unit,
-- by the quarter, and a repository whose changes in the quarter are all of such
-- services. The views of facts look here whether they may say a name. A quarter is the
-- longest window in which a service that works with others has more than one committer,
-- if it has. Written by difference, like deployments.
CREATE TABLE IF NOT EXISTS payoff_private.hidden
(
    `service` LowCardinality(String) COMMENT 'Service; empty in the row of a repository.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name; empty in the row of a service.',
    `quarter` Date COMMENT 'First day of the quarter, in the organisation''s time zone.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: it may be named again.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, repository, quarter)
COMMENT 'Services and repositories that facts of a quarter do not name.'
