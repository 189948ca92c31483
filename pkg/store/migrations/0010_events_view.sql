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
AS
WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone, toStartOfQuarter(f.occurred_at, zone) AS quarter,
    (f.service, quarter) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')
        OR (f.repository, quarter) IN (SELECT repository, quarter FROM payoff_private.hidden FINAL WHERE service = '') AS hidden
SELECT
    `log_epoch`, `topic`, `partition`, `offset`, `loaded_at`, `event_id`, `version`, `source`,
    `kind`, `type`,
    if(hidden OR f.kind = 'membership.changed' OR f.subject = f.unit OR startsWith(f.subject, 'person/'), '', f.subject) AS `subject`,
    `occurred_at`, `recorded_at`, `received_at`, `actor_kind`, if(hidden, '', f.service) AS `service`,
    `environment`, if(hidden, '', f.repository) AS `repository`, if(hidden, '', f.commit) AS `commit`, if(hidden, '', f.ref) AS `ref`,
    `outcome`, `started_at`, `incident`, `team`,
    `capability`, `flags`
FROM payoff_private.events AS f FINAL
COMMENT 'Facts: the current version of each, whatever came late, twice or out of order. Service, repository, commit, ref and subject are empty in a quarter in which the service is shown only inside its unit.'
