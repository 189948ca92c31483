-- Who owns which service when: facts are attributed by it. The rows of a service
-- cover all time, with an empty team where nobody owns it, so that one join by
-- time finds the owner. Written by difference, like deployments.
CREATE TABLE IF NOT EXISTS payoff_private.service_ownership
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the organisation says so no more.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.',
    `team` LowCardinality(String) COMMENT 'Team that owns it; empty: none.',
    `unit` LowCardinality(String) COMMENT 'Unit of the team at the time.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, valid_from)
COMMENT 'Owners of services for all time, resolved from what the organisation declares.'
