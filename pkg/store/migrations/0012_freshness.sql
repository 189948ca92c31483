-- How far each source has been heard of, a few rows for each, so that nobody who
-- asks scans all facts. The loader adds what it has stored; all columns are states
-- that a repeat does not change. As for the horizon of metrics, a time that a source
-- told of once counts also when the fact was corrected since.
CREATE TABLE IF NOT EXISTS payoff_private.freshness
(
    `source` LowCardinality(String) COMMENT 'Who reports.',
    `last_occurred_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Latest time it told of, impossible times and those more than a day after their receipt left out; 1970-01-01 while there is none.',
    `last_received_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the latest of its facts reached Payoff.',
    `last_loaded_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the latest of its facts was loaded.',
    `facts` AggregateFunction(uniqCombined64, UUID) COMMENT 'Which facts it has reported, for counting.'
)
ENGINE = AggregatingMergeTree
ORDER BY source
COMMENT 'How far each source has been heard of, in states to be merged.'
