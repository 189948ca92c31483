-- How many members a team has, for readers: nothing below three, and nobody.
CREATE OR REPLACE VIEW payoff.team_members
(
    `team` LowCardinality(String) COMMENT 'Team.',
    `members` Nullable(UInt32) COMMENT 'Members in that time; null below 3.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT team, if(members < 3, NULL, members) AS members, valid_from, valid_to
FROM payoff_private.team_sizes FINAL
COMMENT 'Sizes of teams, half-open in time; empty while no members are declared.'
