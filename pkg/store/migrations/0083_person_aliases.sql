-- Which pseudonyms are one person: somebody's login here and address there.
CREATE TABLE IF NOT EXISTS payoff_private.person_aliases
(
    `alias` String COMMENT 'Pseudonym of a further account.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the organisation says so no more.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.',
    `person` String COMMENT 'Pseudonym of the person it belongs to.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (alias, valid_from)
COMMENT 'Accounts that are one person''s.'
