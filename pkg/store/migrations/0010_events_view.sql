-- Analysts read facts without the columns that hold or lead to a person; so the
-- subject of a fact is empty where it is a person.
CREATE OR REPLACE VIEW payoff.events
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the row was read from; raised when the log is replaced.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic the row was read from.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `offset` Int64 COMMENT 'Kafka offset; (log_epoch, topic, partition, offset) is the row''s position.',
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When the row was loaded.',
    `event_id` UUID COMMENT 'Identity of the fact: the same for a webhook, its redelivery and the API''s answer.',
    `version` UInt256 COMMENT 'Version of the fact: mapping, provider''s sequence, hash of the data. The greatest is current.',
    `source` LowCardinality(String) COMMENT 'Who reported the fact.',
    `kind` LowCardinality(String) COMMENT 'What happened, e.g. service.deployed.',
    `type` LowCardinality(String) COMMENT 'CloudEvents type, with the version the sender wrote.',
    `subject` String COMMENT 'The entity it happened to: a service, a commit, an incident.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `recorded_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the provider last touched its record, if it says so.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff.',
    `actor_kind` LowCardinality(String) COMMENT 'human, bot, or empty when unknown.',
    `service` LowCardinality(String) COMMENT 'Service it is about.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Commit hash.',
    `ref` String COMMENT 'Branch or tag.',
    `outcome` LowCardinality(String) COMMENT 'How it ended.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began, where the body says so.',
    `incident` String COMMENT 'Incident it belongs to.',
    `team` LowCardinality(String) COMMENT 'Team the event itself names.',
    `capability` LowCardinality(String) COMMENT 'Capability it is about.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about the fact, e.g. impossible_time.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    `log_epoch`, `topic`, `partition`, `offset`, `loaded_at`, `event_id`, `version`, `source`,
    `kind`, `type`,
    if(`kind` = 'membership.changed' OR `subject` = `unit` OR startsWith(`subject`, 'person/'), '', `subject`) AS `subject`,
    `occurred_at`, `recorded_at`, `received_at`, `actor_kind`, `service`,
    `environment`, `repository`, `commit`, `ref`, `outcome`, `started_at`, `incident`, `team`,
    `capability`, `flags`
FROM payoff_private.events FINAL
COMMENT 'Facts: the current version of each, whatever came late, twice or out of order.'
