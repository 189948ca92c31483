-- What was said last of each entity, so that an import sends only news and takes
-- back what its files no longer name. It tells of nobody: the name of a person is a
-- stand-in that stands nowhere else.
CREATE OR REPLACE VIEW payoff.declarations
(
    `source` LowCardinality(String) COMMENT 'Who declares it; org: an import of files.',
    `subject` String COMMENT 'Class and name of the entity, as in team/payments; of a person a stand-in.',
    `version` UInt256 COMMENT 'Version of the fact that says so.',
    `declared` Bool COMMENT 'false: it is declared no more.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT source, subject, version, rows NOT IN ('', '[]') AS declared
FROM payoff_private.org_declared FINAL
COMMENT 'Entities of the organisation, and whether they are declared.'
