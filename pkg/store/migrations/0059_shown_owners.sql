-- Whose a fact is shown as, by its time: the service's owner, but for teams that are
-- shown only inside their unit, and the services that are hidden with them. The rows of
-- a service cover all time, so that one join by time finds the owner. Written by
-- difference, like deployments.
CREATE TABLE IF NOT EXISTS payoff_private.shown_owners
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the organisation says so no more.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.',
    `team` LowCardinality(String) COMMENT 'Team that owns it; empty: none, or one that is shown only inside its unit.',
    `unit` LowCardinality(String) COMMENT 'Unit of the team at the time.',
    `hidden` Bool COMMENT 'The service itself is shown only inside its unit.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, valid_from)
COMMENT 'Owners of services for all time, as they are shown.'
