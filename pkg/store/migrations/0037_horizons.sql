-- How far each source has told: without it, silence could not be told from
-- nothing having happened. A maximum, so that a repeat changes nothing.
CREATE TABLE IF NOT EXISTS payoff_private.horizons
(
    `source` LowCardinality(String) COMMENT 'Who reports.',
    `scope` String COMMENT 'Repository, for sources that are read by repository; else empty.',
    `horizon` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Time of the latest event it told of; events dated after their receipt do not count.'
)
ENGINE = AggregatingMergeTree
ORDER BY (source, scope)
COMMENT 'Freshness horizon of each source.'
