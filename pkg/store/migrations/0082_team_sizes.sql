-- How many members each team has when: teams of fewer than 3 are shown only inside
-- their unit. Empty while no members are declared at all, as unknown is not small.
CREATE TABLE IF NOT EXISTS payoff_private.team_sizes
(
    `team` LowCardinality(String) COMMENT 'Team.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the organisation says so no more.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.',
    `members` UInt32 COMMENT 'Members, each counted once.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (team, valid_from)
COMMENT 'Sizes of teams for all time, resolved from what the organisation declares.'
