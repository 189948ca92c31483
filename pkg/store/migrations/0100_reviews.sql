-- A published review never changes: rows are only added, and the first of a week
-- holds.
CREATE TABLE IF NOT EXISTS payoff.reviews
(
    `week` LowCardinality(String) COMMENT 'Reviewed week, as 2026-W46.',
    `published_at` DateTime64(3, 'UTC') COMMENT 'When it was published; the earliest row of a week holds.',
    `as_of` DateTime64(6, 'UTC') COMMENT 'What was known then is what it says.',
    `html` String COMMENT 'The review as one HTML document that needs nothing else.',
    `markdown` String COMMENT 'The same in CommonMark.',
    `sha256` String COMMENT 'SHA-256 of html, in hexadecimal.'
)
ENGINE = MergeTree
ORDER BY (week, published_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Weekly reviews as they were published.'
