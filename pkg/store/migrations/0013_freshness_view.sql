-- How far each source has been heard of: a metric covers no day that lies after
-- the freshness horizon of the source it is made from. Times nobody believes are
-- left out, or one mistyped year would make a silent source look fresh; so are those
-- that lie ahead, as of what an organisation declares for next year.
CREATE OR REPLACE VIEW payoff.freshness
(
    `source` LowCardinality(String) COMMENT 'Who reports.',
    `last_occurred_at` DateTime64(3, 'UTC') COMMENT 'Latest time it told of, impossible times and those more than a day after their receipt left out; 1970-01-01 while there is none.',
    `last_received_at` DateTime64(3, 'UTC') COMMENT 'When the latest of its facts reached Payoff.',
    `last_loaded_at` DateTime64(3, 'UTC') COMMENT 'When the latest of its facts was loaded.',
    `facts` UInt64 COMMENT 'Distinct facts it has reported; of many thousands an estimate, within 1 %. payoff verify counts them.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    source,
    max(last_occurred_at) AS last_occurred_at,
    max(last_received_at) AS last_received_at,
    max(last_loaded_at) AS last_loaded_at,
    uniqCombined64Merge(facts) AS facts
FROM payoff_private.freshness
GROUP BY source
COMMENT 'How far each source has been heard of.'
