-- Owners as the rows of facts name them: a team of fewer than three members is no name
-- at that time, and what it did is its unit's. Rows are cut where its size changes.
CREATE OR REPLACE VIEW payoff_private.shown_owners
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `team` LowCardinality(String) COMMENT 'Team that owns it; empty: none, or one that is shown only inside its unit.',
    `unit` LowCardinality(String) COMMENT 'Unit of the team at the time.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT o.service AS service, if(s.team = '', o.valid_from, greatest(o.valid_from, s.valid_from)) AS valid_from, if(s.team != '' AND s.members < 3, '', o.team) AS team, o.unit AS unit
FROM (SELECT service, team, unit, valid_from, valid_to FROM payoff_private.service_ownership FINAL) AS o
LEFT JOIN (SELECT team, valid_from, valid_to, members FROM payoff_private.team_sizes FINAL) AS s ON s.team = o.team
WHERE s.team = '' OR s.valid_from < o.valid_to AND o.valid_from < s.valid_to
SETTINGS join_use_nulls = 0
COMMENT 'Owners of services for all time, without the names of small teams.'
