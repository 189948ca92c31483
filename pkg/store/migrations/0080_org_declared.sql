-- What the organisation says of each of its entities, the last that was said. The
-- tables of the organisation are read from these few rows; a later declaration of
-- an entity replaces all that was said of it, whichever event it came by.
CREATE TABLE IF NOT EXISTS payoff_private.org_declared
(
    `source` LowCardinality(String) COMMENT 'Who declares it.',
    `subject` String COMMENT 'Class and name of the entity, as in team/payments.',
    `class` LowCardinality(String) COMMENT 'unit, team, person, service, capability, rotation or calendar.',
    `name` String COMMENT 'Its name; for a person a stand-in that leads to nothing else.',
    `event_id` UUID COMMENT 'Event that says so.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `rows` String COMMENT 'Its dated rows, JSON; empty when it is declared no more.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (source, subject)
COMMENT 'Entities of the organisation as declared, derived from event_log.'
