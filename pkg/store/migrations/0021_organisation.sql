-- What is fixed about the organisation and needed inside queries. One row a key.
CREATE TABLE IF NOT EXISTS payoff.organisation
(
    `key` LowCardinality(String) COMMENT 'timezone.',
    `value` String COMMENT 'Its value.',
    `set_at` DateTime64(3, 'UTC') COMMENT 'When it was set; the latest counts.'
)
ENGINE = ReplacingMergeTree(set_at)
ORDER BY key
COMMENT 'Settings of the organisation that queries need.'
