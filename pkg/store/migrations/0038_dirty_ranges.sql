-- Ranges of time whose points must be computed anew. Written before the facts
-- they come from are replaced, so that a run that dies in between is made good by
-- the next; those at or below the saved generation are done.
CREATE TABLE IF NOT EXISTS payoff_private.dirty_ranges
(
    `generation` UInt64 COMMENT 'Run that found them.',
    `fact` LowCardinality(String) COMMENT 'Table of facts that changed there: metrics that read it are computed anew.',
    `range_start` DateTime64(3, 'UTC') COMMENT 'First instant.',
    `range_end` DateTime64(3, 'UTC') COMMENT 'First instant after.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept 30 days.'
)
ENGINE = MergeTree
ORDER BY (generation, range_start)
TTL toDateTime(written_at) + INTERVAL 30 DAY
COMMENT 'Ranges of time whose points are to be computed.'
