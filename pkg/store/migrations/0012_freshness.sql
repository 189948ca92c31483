-- How far each source has been heard of: a metric covers no day that lies after
-- the freshness horizon of the source it is made from. Times nobody believes are
-- left out, or one mistyped year would make a silent source look fresh.
CREATE OR REPLACE VIEW payoff.freshness
(
    `source` LowCardinality(String) COMMENT 'Who reports.',
    `last_occurred_at` DateTime64(3, 'UTC') COMMENT 'When the latest of its facts happened, impossible times left out.',
    `last_received_at` DateTime64(3, 'UTC') COMMENT 'When the latest of its facts reached Payoff.',
    `last_loaded_at` DateTime64(3, 'UTC') COMMENT 'When the latest of its facts was loaded.',
    `facts` UInt64 COMMENT 'Distinct facts it has reported.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    source,
    maxIf(occurred_at, NOT has(flags, 'impossible_time')) AS last_occurred_at,
    max(received_at) AS last_received_at,
    max(loaded_at) AS last_loaded_at,
    count() AS facts
FROM payoff_private.events FINAL
GROUP BY source
COMMENT 'How far each source has been heard of.'
