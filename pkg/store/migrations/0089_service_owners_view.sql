-- Owners of services, for readers.
CREATE OR REPLACE VIEW payoff.service_owners
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `team` LowCardinality(String) COMMENT 'Team that owns it.',
    `unit` LowCardinality(String) COMMENT 'Unit of the team at the time.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT service, team, unit, valid_from, valid_to
FROM payoff_private.service_ownership FINAL
WHERE team != ''
COMMENT 'Owners of services, half-open in time.'
