-- How far computing has read the log: saved last, so a run that dies is repeated.
CREATE TABLE IF NOT EXISTS payoff_private.compute_state
(
    `generation` UInt64 COMMENT 'Log rows seen by the run.',
    `definitions` String COMMENT 'Hash of the definitions and rules the points were computed by.',
    `positions` Array(Tuple(log_epoch UInt32, topic String, partition Int32, next_offset Int64)) COMMENT 'First position of each partition that is not yet in the derived tables.',
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When the run ended.'
)
ENGINE = MergeTree
ORDER BY (generation, computed_at)
TTL toDateTime(computed_at) + INTERVAL 400 DAY
COMMENT 'How far the log has been derived, linked and computed: the row of the greatest generation, then time.'
