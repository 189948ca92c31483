-- What each metric means, next to its numbers; written from the catalogue.
CREATE TABLE IF NOT EXISTS payoff.metrics
(
    `metric` LowCardinality(String) COMMENT 'Name.',
    `version` UInt16 COMMENT 'Version of the definition.',
    `title` String COMMENT 'As people call it.',
    `question` String COMMENT 'The question it answers.',
    `help` String COMMENT 'The definition.',
    `class` LowCardinality(String) COMMENT 'impact, guardrail or health.',
    `direction` LowCardinality(String) COMMENT 'higher, lower or neither: which way is better.',
    `unit` LowCardinality(String) COMMENT 'Unit of value.',
    `guardrails` Array(String) COMMENT 'Metrics it is never shown without.',
    `owner` String COMMENT 'Who owns the definition.',
    `written_at` DateTime64(3, 'UTC') COMMENT 'When it was written.'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY metric
COMMENT 'The catalogue of metrics.'
