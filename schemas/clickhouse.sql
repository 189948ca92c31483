-- The schema after all migrations, with the views of all metrics. Generated: make generate.

CREATE VIEW payoff.attempts
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'service.deployed, service.upgraded, service.rolledback, service.removed, deployment.failed or deployment.started.',
    `attempt` String COMMENT 'Provider\'s id of the attempt; its transitions share it.',
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Commit that was deployed.',
    `artifact_version` String COMMENT 'Version as the team names it.',
    `ref` String COMMENT 'Branch or tag that was deployed.',
    `run_id` String COMMENT 'Pipeline run that did it.',
    `outcome` LowCardinality(String) COMMENT 'succeeded, failed, cancelled, unknown; empty while it runs.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began, where the source says so.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When the event happened: the end of an attempt that ended.',
    `time_quality` LowCardinality(String) COMMENT 'commit: the time is that of the commit.',
    `aliases` Array(String) COMMENT 'Further names of the version.',
    `fixes` Array(String) COMMENT 'Deployments or incidents it repairs.',
    `hotfix` Bool COMMENT 'Marked as a hotfix.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Tries to put one version of one service into one environment, as reported.'
AS SELECT
    event_id,
    source,
    kind,
    attempt,
    f.named AS service,
    environment,
    repository,
    commit,
    artifact_version,
    ref,
    run_id,
    outcome,
    started_at,
    occurred_at,
    time_quality,
    aliases,
    fixes,
    hotfix,
    flags
FROM
(
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        *,
        service AS named
    FROM payoff_private.attempts
    FINAL
    WHERE (service, toStartOfQuarter(occurred_at, zone)) NOT IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )
    UNION ALL
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        * REPLACE ('' AS attempt, '' AS repository, '' AS commit, '' AS artifact_version, '' AS ref, '' AS run_id, [] AS aliases),
        '' AS named
    FROM payoff_private.attempts
    FINAL
    WHERE ((service, toStartOfQuarter(occurred_at, zone)) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )) AND (service IN (
        SELECT service
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    ))
) AS f;

CREATE TABLE payoff.calendar
(
    `grain` LowCardinality(String) COMMENT 'day, week (Monday first), month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `label` String COMMENT 'As people name it: 2026-11-16, 2026-W47, 2026-11, 2026-Q4, 2026.'
)
ENGINE = ReplacingMergeTree
ORDER BY (grain, window_start)
SETTINGS index_granularity = 8192
COMMENT 'Calendar windows in the organisation\'s time zone, half-open, in UTC.';

CREATE VIEW payoff.capabilities
(
    `capability` LowCardinality(String) COMMENT 'Capability.',
    `team` LowCardinality(String) COMMENT 'Team that offers it.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Capabilities as the organisation declares them, half-open in time.'
AS SELECT
    name AS capability,
    r.team AS team,
    ifNull(parseDateTime64BestEffortOrNull(r.`from`, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared
FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, team String, member String)'), JSONExtractArrayRaw(rows)) AS r
WHERE (class = 'capability') AND (r.member = '');

CREATE VIEW payoff.changes
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name; empty in a quarter in which all its changes are of services that are shown only inside their units, as are its commits\' names.',
    `commit` String COMMENT 'Full hash.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `parents` Array(String) COMMENT 'Parents, first parent first.',
    `is_merge` Bool COMMENT 'It has more than one parent.',
    `authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Author time.',
    `committed_at` DateTime64(3, 'UTC') COMMENT 'Committer time.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot.',
    `paths` Array(String) COMMENT 'Touched paths; none of a change of a service that is shown only inside its unit.',
    `paths_cut` Bool COMMENT 'More paths were touched than are listed.',
    `reverts` Array(String) COMMENT 'Commits it takes back.',
    `cherry_pick_of` String COMMENT 'Commit it was picked from.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it repairs.',
    `boundary` Bool COMMENT 'Its parents are missing: a shallow clone ends here.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Commits of all known repositories.'
AS SELECT
    repository,
    commit,
    source,
    parents,
    is_merge,
    authored_at,
    committed_at,
    actor_kind,
    paths,
    paths_cut,
    reverts,
    cherry_pick_of,
    fixes,
    boundary,
    flags
FROM
(
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone,
        (f.repository, f.commit) IN (
            SELECT
                repository,
                commit
            FROM payoff_private.shipped_changes
            WHERE (service, toStartOfQuarter(shipped_at, zone)) IN (
                SELECT
                    service,
                    quarter
                FROM payoff_private.hidden
                FINAL
                WHERE repository = ''
            )
            UNION ALL
            SELECT
                repository,
                commit
            FROM payoff_private.waiting_changes
            WHERE (service, toStartOfQuarter(merged_at, zone)) IN (
                SELECT
                    service,
                    quarter
                FROM payoff_private.hidden
                FINAL
                WHERE repository = ''
            )
        ) AS of_hidden
    SELECT
        * REPLACE (if(of_hidden, [], f.paths) AS paths),
        length(f.parents) > 1 AS is_merge
    FROM payoff_private.commits AS f
    FINAL
    WHERE (repository, toStartOfQuarter(committed_at, zone)) NOT IN (
        SELECT
            repository,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE service = ''
    )
    ORDER BY
        parents_known DESC,
        source ASC
    LIMIT 1 BY
        repository,
        commit
    UNION ALL
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone,
        (f.repository, f.commit) IN (
            SELECT
                repository,
                commit
            FROM payoff_private.shipped_changes
            WHERE (service, toStartOfQuarter(shipped_at, zone)) IN (
                SELECT
                    service,
                    quarter
                FROM payoff_private.hidden
                FINAL
                WHERE repository = ''
            )
            UNION ALL
            SELECT
                repository,
                commit
            FROM payoff_private.waiting_changes
            WHERE (service, toStartOfQuarter(merged_at, zone)) IN (
                SELECT
                    service,
                    quarter
                FROM payoff_private.hidden
                FINAL
                WHERE repository = ''
            )
        ) AS of_hidden
    SELECT
        * REPLACE ('' AS repository, '' AS commit, [] AS parents, [] AS paths, [] AS reverts, '' AS cherry_pick_of),
        length(f.parents) > 1 AS is_merge
    FROM payoff_private.commits AS f
    FINAL
    WHERE ((f.repository, toStartOfQuarter(f.committed_at, zone)) IN (
        SELECT
            repository,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE service = ''
    )) AND (f.repository IN (
        SELECT repository
        FROM payoff_private.hidden
        FINAL
        WHERE service = ''
    ))
    ORDER BY
        f.parents_known DESC,
        f.source ASC
    LIMIT 1 BY
        f.repository,
        f.commit
);

CREATE VIEW payoff.dead_letters
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the record was read from.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record.',
    `partition` Int32 COMMENT 'Kafka partition of the record.',
    `offset` Int64 COMMENT 'Kafka offset of the record.',
    `source` LowCardinality(String) COMMENT 'Who sent it, where that is known.',
    `endpoint` LowCardinality(String) COMMENT 'The endpoint of the source that took it, where that is known.',
    `reason` String COMMENT 'Why it is no event, in words its sender can act on.',
    `field` String COMMENT 'The field that is wrong; empty when it is not one field.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff; when it was published, if it does not say.',
    `parked_at` DateTime64(3, 'UTC') COMMENT 'When it was put here.',
    `replayed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last sent through the mapping again; null if never.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Records that could not be loaded and why; payoff dead shows and replays them.'
AS SELECT
    log_epoch,
    topic,
    partition,
    offset,
    source,
    endpoint,
    reason,
    field,
    received_at,
    parked_at,
    replayed_at
FROM payoff_private.dead_letters
FINAL;

CREATE VIEW payoff.declarations
(
    `source` LowCardinality(String) COMMENT 'Who declares it; org: an import of files.',
    `subject` String COMMENT 'Class and name of the entity, as in team/payments; of a person a stand-in.',
    `version` UInt256 COMMENT 'Version of the fact that says so.',
    `declared` Bool COMMENT 'false: it is declared no more.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Entities of the organisation, and whether they are declared.'
AS SELECT
    source,
    subject,
    version,
    rows NOT IN ('', '[]') AS declared
FROM payoff_private.org_declared
FINAL;

CREATE VIEW payoff.deployments
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'Identity: that of its first attempt.',
    `source` LowCardinality(String) COMMENT 'Who reported its first attempt.',
    `repository` LowCardinality(String) COMMENT 'Repository of its first part.',
    `environments` Array(String) COMMENT 'Environments it went to.',
    `commit` String COMMENT 'Commit of its first part.',
    `artifact_version` String COMMENT 'Version as the team names it.',
    `started_at` DateTime64(3, 'UTC') COMMENT 'First start of its attempts.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'Last end of its attempts.',
    `succeeded` Bool COMMENT 'The latest attempt of each part succeeded.',
    `class` LowCardinality(String) COMMENT 'baseline, release, redeployment, rollback, re_release, or unsuccessful.',
    `marks` Nullable(UUID) COMMENT 'Rollback: the deployment it marks as failed.',
    `attempts` UInt32 COMMENT 'Attempts that make it.',
    `changes` UInt32 COMMENT 'Changes it shipped, baseline not counted.',
    `names` Array(String) COMMENT 'All it may be called by: identities of its attempts and runs, versions, commits.',
    `hotfix` Bool COMMENT 'Marked as a hotfix, by itself or by a pull request it shipped.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it says it repairs.',
    `takes_back` Array(String) COMMENT 'Deployments of whose changes it ships a revert, shipped less than the remedy window before.',
    `rework` Array(LowCardinality(String)) COMMENT 'Why it is rework: rollback, revert, hotfix, names_repaired; empty if it is not.',
    `link_quality` LowCardinality(String) COMMENT 'commit, push_order, or unknown_commit: its commit is not in the known history.',
    `time_quality` LowCardinality(String) COMMENT 'commit: its time is that of the commit.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Deployments: attempts of one service and tier with one version, over its environments and repositories.'
AS SELECT
    f.named AS service,
    o.team AS team,
    o.unit AS unit,
    f.tier AS tier,
    f.deployment_id AS deployment_id,
    f.source AS source,
    f.repository AS repository,
    f.environments AS environments,
    f.commit AS commit,
    f.artifact_version AS artifact_version,
    f.started_at AS started_at,
    f.ended_at AS ended_at,
    f.succeeded AS succeeded,
    f.class AS class,
    f.marks AS marks,
    f.attempts AS attempts,
    f.changes AS changes,
    f.names AS names,
    f.hotfix AS hotfix,
    f.fixes AS fixes,
    f.takes_back AS takes_back,
    f.rework AS rework,
    f.link_quality AS link_quality,
    f.time_quality AS time_quality
FROM
(
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        *,
        service AS named
    FROM payoff_private.deployments
    FINAL
    WHERE (service, toStartOfQuarter(ended_at, zone)) NOT IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )
    UNION ALL
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        * REPLACE ('' AS repository, '' AS commit, '' AS artifact_version, [] AS names),
        '' AS named
    FROM payoff_private.deployments
    FINAL
    WHERE ((service, toStartOfQuarter(ended_at, zone)) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )) AND (service IN (
        SELECT service
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    ))
) AS f
ASOF LEFT JOIN
(
    SELECT
        service,
        valid_from,
        team,
        unit
    FROM payoff_private.shown_owners
    FINAL
) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
SETTINGS join_use_nulls = 0;

CREATE VIEW payoff.event_log
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the row was read from; raised when the log is replaced.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic the row was read from.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `offset` Int64 COMMENT 'Kafka offset; (log_epoch, topic, partition, offset) is the row\'s position.',
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When the row was loaded.',
    `event_id` UUID COMMENT 'Identity of the fact: the same for a webhook, its redelivery and the API\'s answer.',
    `version` UInt256 COMMENT 'Version of the fact: mapping, provider\'s sequence, hash of the data. The greatest is current.',
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
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Every event as it was loaded, one row per Kafka record; a fact that was reported twice is here twice. Service, repository, commit, ref and subject are empty in a quarter in which the service is shown only inside its unit.'
AS WITH
    (
        SELECT if(max(value) = '', 'UTC', max(value))
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    toStartOfQuarter(f.occurred_at, zone) AS quarter,
    ((f.service, quarter) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )) OR ((f.repository, quarter) IN (
        SELECT
            repository,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE service = ''
    )) AS hidden
SELECT
    log_epoch,
    topic,
    partition,
    offset,
    loaded_at,
    event_id,
    version,
    source,
    kind,
    type,
    if(hidden OR (f.kind = 'membership.changed') OR (f.subject = f.unit) OR startsWith(f.subject, 'person/'), '', f.subject) AS subject,
    occurred_at,
    recorded_at,
    received_at,
    actor_kind,
    if(hidden, '', f.service) AS service,
    environment,
    if(hidden, '', f.repository) AS repository,
    if(hidden, '', f.commit) AS commit,
    if(hidden, '', f.ref) AS ref,
    outcome,
    started_at,
    incident,
    team,
    capability,
    flags
FROM payoff_private.event_log AS f
FINAL;

CREATE VIEW payoff.events
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the row was read from; raised when the log is replaced.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic the row was read from.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `offset` Int64 COMMENT 'Kafka offset; (log_epoch, topic, partition, offset) is the row\'s position.',
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When the row was loaded.',
    `event_id` UUID COMMENT 'Identity of the fact: the same for a webhook, its redelivery and the API\'s answer.',
    `version` UInt256 COMMENT 'Version of the fact: mapping, provider\'s sequence, hash of the data. The greatest is current.',
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
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Facts: the current version of each, whatever came late, twice or out of order. Service, repository, commit, ref and subject are empty in a quarter in which the service is shown only inside its unit.'
AS WITH
    (
        SELECT if(max(value) = '', 'UTC', max(value))
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    toStartOfQuarter(f.occurred_at, zone) AS quarter,
    ((f.service, quarter) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )) OR ((f.repository, quarter) IN (
        SELECT
            repository,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE service = ''
    )) AS hidden
SELECT
    log_epoch,
    topic,
    partition,
    offset,
    loaded_at,
    event_id,
    version,
    source,
    kind,
    type,
    if(hidden OR (f.kind = 'membership.changed') OR (f.subject = f.unit) OR startsWith(f.subject, 'person/'), '', f.subject) AS subject,
    occurred_at,
    recorded_at,
    received_at,
    actor_kind,
    if(hidden, '', f.service) AS service,
    environment,
    if(hidden, '', f.repository) AS repository,
    if(hidden, '', f.commit) AS commit,
    if(hidden, '', f.ref) AS ref,
    outcome,
    started_at,
    incident,
    team,
    capability,
    flags
FROM payoff_private.events AS f
FINAL;

CREATE VIEW payoff.failed_deployments
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'The deployment.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'End of the deployment: it counts in this window.',
    `succeeded` Bool COMMENT 'Whether the deployment itself succeeded.',
    `rule` LowCardinality(String) COMMENT 'Strongest rule: confirmed by a person; a: an incident names it; b: rolled back or reverted; c: a hotfix followed; d: an incident soon after.',
    `incidents` Array(String) COMMENT 'Incidents put down to it.',
    `remedies` Array(String) COMMENT 'Deployments that rolled it back, reverted or fixed it.',
    `failed_at` DateTime64(3, 'UTC') COMMENT 'The earlier of the deployment\'s end and its first incident\'s begin.',
    `restored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the last of its incidents was mitigated, else resolved; without incidents the end of the first remedy.',
    `recovery_ms` Nullable(Int64) COMMENT 'restored_at minus failed_at in milliseconds; null while it is open, and where it is not positive.',
    `open` Bool COMMENT 'Not restored yet.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Deployments that needed intervention: rule, incidents, remedies and time to restore.'
AS WITH
    (
        SELECT if(max(value) = '', 'UTC', max(value))
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    (f.service, toStartOfQuarter(f.ended_at, zone)) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    ) AS hidden
SELECT
    if(hidden, '', f.service) AS service,
    o.team AS team,
    o.unit AS unit,
    f.tier AS tier,
    f.deployment_id AS deployment_id,
    f.ended_at AS ended_at,
    f.succeeded AS succeeded,
    f.rule AS rule,
    f.incidents AS incidents,
    f.remedies AS remedies,
    f.failed_at AS failed_at,
    f.restored_at AS restored_at,
    f.recovery_ms AS recovery_ms,
    f.open AS open
FROM payoff_private.failed_deployments AS f
FINAL
ASOF LEFT JOIN
(
    SELECT
        service,
        valid_from,
        team,
        unit
    FROM payoff_private.shown_owners
    FINAL
) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
SETTINGS join_use_nulls = 0;

CREATE VIEW payoff.findings
(
    `kind` LowCardinality(String) COMMENT 'What is wrong: no_service, no_environment, unknown_tier, no_end, impossible_time, unknown_commit, no_commit, missing_parents, commit_cycle, future_authored, shipped_before_authored, incident_without_service, recovery_not_positive, collect_failed.',
    `subject` String COMMENT 'What it is about: a service, a commit, an incident.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `at` DateTime64(3, 'UTC') COMMENT 'When it happened, as reported.',
    `what` String COMMENT 'What is wrong, in a sentence.',
    `todo` String COMMENT 'What to do about it.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'What is kept but not counted, or counted with doubt, and what to do about it.'
AS SELECT
    found.1 AS kind,
    subject,
    source,
    at,
    found.2 AS what,
    found.3 AS todo
FROM
(
    SELECT
        arrayJoin(arrayConcat(if(service = '', [('no_service', 'A deployment names no service; it is in no metric.', 'Name the service in the event, or map its repository in services: of payoff.yaml.')], []), if((environment = '') AND (service != ''), [('no_environment', 'A deployment names no environment, so its tier is unknown; it is in no metric.', 'Name the environment in the event.')], []), if(has(flags, 'impossible_time'), [('impossible_time', 'A deployment is dated outside of what can be believed; it is in no metric.', 'Correct the clock or the format at the source and send it again.')], []))) AS found,
        if(service = '', if(attempt = '', toString(event_id), attempt), service) AS subject,
        source,
        occurred_at AS at
    FROM payoff_private.attempts
    FINAL
    WHERE (service, event_id) IN (
        SELECT
            service,
            event_id
        FROM payoff_private.attempts
        WHERE (service = '') OR (environment = '') OR has(flags, 'impossible_time')
    )
    UNION ALL
    SELECT
        ('no_end', 'An attempt to deploy began and its end is not known; it is in no metric.', 'Send how it ended: service.deployed or deployment.failed with the same attempt.'),
        concat(service, ' ', any(artifact_version)),
        any(source),
        max(occurred_at)
    FROM payoff_private.attempts
    FINAL
    WHERE (service != '') AND (environment != '') AND (kind != 'service.removed') AND (NOT has(flags, 'impossible_time')) AND ((service, source, environment, attempt) IN (
        SELECT
            service,
            source,
            environment,
            attempt
        FROM payoff_private.attempts
        WHERE outcome = ''
    ))
    GROUP BY
        service,
        source,
        environment,
        if(attempt = '', toString(event_id), attempt)
    HAVING max(outcome) = ''
    UNION ALL
    SELECT
        arrayJoin(arrayConcat(if(has(flags, 'impossible_time'), [('impossible_time', 'A commit is dated outside of what can be believed.', 'Nothing, if the history is as it is: the commit counts by its place in the graph, without a lead time.')], []), if(has(flags, 'future_authored') OR (authored_at > (committed_at + toIntervalMinute(5))), [('future_authored', 'A commit was authored after it was committed; its clock starts at the commit.', 'Correct the clock of the machine it was written on.')], []), if(boundary, [('missing_parents', 'The history ends at this commit, whose parents are not known.', 'Fetch the whole history: git fetch --unshallow, then import again.')], []))),
        commit,
        source,
        committed_at
    FROM payoff_private.commits
    FINAL
    WHERE (repository, commit) IN (
        SELECT
            repository,
            commit
        FROM payoff_private.commits
        WHERE has(flags, 'impossible_time') OR has(flags, 'future_authored') OR (authored_at > (committed_at + toIntervalMinute(5))) OR boundary
    )
    UNION ALL
    SELECT
        if(commit != '', ('unknown_commit', 'A deployment\'s commit is not in the known history; what it shipped is not known.', 'Import the repository with payoff import git, or name the commit in the event.'), ('no_commit', 'A deployment names no commit, and no other one of its version does; what it shipped is not known.', 'Name the commit in the event: customData.commit.')),
        concat(service, ' ', if(commit = '', artifact_version, commit)),
        source,
        ended_at
    FROM payoff_private.deployments
    FINAL
    WHERE (link_quality = 'unknown_commit') AND ((commit != '') OR succeeded) AND ((service, tier, deployment_id) IN (
        SELECT
            service,
            tier,
            deployment_id
        FROM payoff_private.deployments
        WHERE link_quality = 'unknown_commit'
    ))
    UNION ALL
    SELECT DISTINCT
        ('future_authored', 'A change was authored after it was merged; its clock starts at the commit.', 'Correct the clock of the machine it was written on.'),
        commit,
        '',
        assumeNotNull(merged_at)
    FROM payoff_private.shipped_changes
    FINAL
    WHERE has(flags, 'future_authored') AND (commit NOT IN (
        SELECT commit
        FROM payoff_private.commits
        WHERE has(flags, 'future_authored') OR (authored_at > (committed_at + toIntervalMinute(5)))
    )) AND ((service, tier, repository, commit) IN (
        SELECT
            service,
            tier,
            repository,
            commit
        FROM payoff_private.shipped_changes
        WHERE has(flags, 'future_authored')
    ))
    UNION ALL
    SELECT
        ('shipped_before_authored', 'A change was shipped before it was written; it has no lead time.', 'Correct the clocks of the machine it was written on and of who deploys.'),
        concat(service, ' ', commit),
        '',
        shipped_at
    FROM payoff_private.shipped_changes
    FINAL
    WHERE has(flags, 'shipped_before_authored') AND ((service, commit) IN (
        SELECT
            service,
            commit
        FROM payoff_private.shipped_changes
        WHERE has(flags, 'shipped_before_authored')
    ))
    UNION ALL
    SELECT
        ('incident_without_service', 'An incident names no service; it marks a deployment only where it names one.', 'Name it at the source, or map it: pagerduty.places of payoff.yaml.'),
        incident,
        source,
        detected_at
    FROM payoff_private.incidents
    FINAL
    WHERE service = ''
    UNION ALL
    SELECT
        ('impossible_time', 'A report about an incident is dated outside of what can be believed; it is left out.', 'Correct the clock or the format at the source and send it again.'),
        incident,
        source,
        occurred_at
    FROM payoff_private.incident_facts
    FINAL
    WHERE has(flags, 'impossible_time') AND ((incident, source, event_id) IN (
        SELECT
            incident,
            source,
            event_id
        FROM payoff_private.incident_facts
        WHERE has(flags, 'impossible_time')
    ))
    UNION ALL
    SELECT DISTINCT
        if(kind = 'unknown_tier', (CAST(kind, 'String'), 'An environment has no tier; what is deployed to it is in no metric.', 'Map the environment to a tier in tiers: of payoff.yaml.'), (CAST(kind, 'String'), 'A commit is its own ancestor, which git makes impossible; what is reached is counted once.', 'Import the repository anew with payoff import git; a source invents parents.')),
        subject,
        source,
        at
    FROM payoff_private.faults
    FINAL
    WHERE kind IN ('unknown_tier', 'commit_cycle')
    UNION ALL
    SELECT
        ('recovery_not_positive', 'A failed deployment was restored before it failed; it has no recovery time.', 'Look at the times of its incidents and remedies.'),
        concat(service, ' ', toString(deployment_id)),
        '',
        failed_at
    FROM payoff_private.failed_deployments
    FINAL
    WHERE (NOT open) AND (recovery_ms IS NULL)
    UNION ALL
    SELECT
        ('collect_failed', concat('What is fetched by itself could not be: ', error, '.'), 'Look at the place under collect: in payoff.yaml, and at its token; it is tried again by itself.'),
        name,
        source,
        at
    FROM payoff_private.collected
    FINAL
    WHERE (error != '') AND (at > (now() - toIntervalDay(1)))
);

CREATE VIEW payoff.freshness
(
    `source` LowCardinality(String) COMMENT 'Who reports.',
    `last_occurred_at` DateTime64(3, 'UTC') COMMENT 'Latest time it told of, impossible times and those more than a day after their receipt left out; 1970-01-01 while there is none.',
    `last_received_at` DateTime64(3, 'UTC') COMMENT 'When the latest of its facts reached Payoff.',
    `last_loaded_at` DateTime64(3, 'UTC') COMMENT 'When the latest of its facts was loaded.',
    `facts` UInt64 COMMENT 'Distinct facts it has reported; of many thousands an estimate, within 1 %. payoff verify counts them.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'How far each source has been heard of.'
AS SELECT
    source,
    max(last_occurred_at) AS last_occurred_at,
    max(last_received_at) AS last_received_at,
    max(last_loaded_at) AS last_loaded_at,
    uniqCombined64Merge(facts) AS facts
FROM payoff_private.freshness
GROUP BY source;

CREATE VIEW payoff.incidents
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `incident` String COMMENT 'Provider\'s id.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `tier` LowCardinality(String) COMMENT 'Tier of its environment; production when it names none.',
    `began_at` DateTime64(3, 'UTC') COMMENT 'When the disturbance began: as stated, else when it was detected.',
    `created_at` DateTime64(3, 'UTC') COMMENT 'When it was created, else detected.',
    `detected_at` DateTime64(3, 'UTC') COMMENT 'When it began to be known.',
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person took it.',
    `mitigated_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When users were served again, after the last reopening.',
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was over, after the last reopening.',
    `reopened_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last reopened.',
    `impact` Nullable(Bool) COMMENT 'Whether users were affected; null when it is not said.',
    `severity` String COMMENT 'As the tool names it.',
    `cause` String COMMENT 'Stated cause.',
    `named_deployment` String COMMENT 'Deployment it names.',
    `named_commit` String COMMENT 'Commit it names.',
    `state` LowCardinality(String) COMMENT 'placed: it marks a deployment; unattributed: it marks none; false_alarm, no_impact, other_cause, dismissed: it is not put down to any; unknown_service.',
    `deployment_id` Nullable(UUID) COMMENT 'Deployment it marks as failed.',
    `rule` LowCardinality(String) COMMENT 'Rule that placed it: a, b, c, d.',
    `duration_ms` Nullable(Int64) COMMENT 'resolved_at minus created_at in milliseconds; null while it is open, and where it is negative.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Incidents, each with the deployment it marks as failed.'
AS WITH
    (
        SELECT if(max(value) = '', 'UTC', max(value))
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    (f.service, toStartOfQuarter(f.began_at, zone)) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    ) AS hidden
SELECT
    if(hidden, '', f.service) AS service,
    o.team AS team,
    o.unit AS unit,
    f.incident AS incident,
    f.source AS source,
    f.tier AS tier,
    f.began_at AS began_at,
    f.created_at AS created_at,
    f.detected_at AS detected_at,
    f.acknowledged_at AS acknowledged_at,
    f.mitigated_at AS mitigated_at,
    f.resolved_at AS resolved_at,
    f.reopened_at AS reopened_at,
    f.impact AS impact,
    f.severity AS severity,
    f.cause AS cause,
    if(hidden, '', f.named_deployment) AS named_deployment,
    if(hidden, '', f.named_commit) AS named_commit,
    f.state AS state,
    f.deployment_id AS deployment_id,
    f.rule AS rule,
    f.duration_ms AS duration_ms
FROM payoff_private.incidents AS f
FINAL
ASOF LEFT JOIN
(
    SELECT
        service,
        valid_from,
        team,
        unit
    FROM payoff_private.shown_owners
    FINAL
) AS o ON (o.service = f.service) AND (o.valid_from <= f.began_at)
SETTINGS join_use_nulls = 0;

CREATE TABLE payoff.ingest_ledger
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log; see payoff_private.log_epochs.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `first_offset` Int64 COMMENT 'First offset of the range.',
    `last_offset` Int64 COMMENT 'Last offset of the range, itself included; first_offset - 1 for an empty range.',
    `rows` UInt64 COMMENT 'Records of the range that are rows of event_log; 0 in a topic of sealed deliveries.',
    `parked` UInt64 COMMENT 'Records of the range that are in dead_letters.',
    `loader` LowCardinality(String) COMMENT 'Which loader wrote it.',
    `generation` Int32 COMMENT 'Generation of the consumer group in which it was loaded.',
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When it was written.',
    PROJECTION ends
    (
        SELECT
            log_epoch,
            topic,
            partition,
            max(last_offset)
        GROUP BY
            log_epoch,
            topic,
            partition
    )
)
ENGINE = MergeTree
ORDER BY (log_epoch, topic, partition, last_offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, lightweight_mutation_projection_mode = 'rebuild', index_granularity = 8192
COMMENT 'Ranges of Kafka offsets that are loaded, with what became of them.';

CREATE VIEW payoff.merged_changes
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it came to the default branch.',
    `shipped_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was shipped; null while it waits.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Changes that came to the default branch, with the time they were shipped.'
AS SELECT
    service,
    team,
    unit,
    tier,
    repository,
    commit,
    actor_kind,
    assumeNotNull(merged_at) AS merged_at,
    toNullable(shipped_at) AS shipped_at
FROM payoff.shipped_changes AS s
WHERE (s.merged_at IS NOT NULL) AND (NOT baseline)
UNION ALL
SELECT
    service,
    team,
    unit,
    tier,
    repository,
    commit,
    actor_kind,
    merged_at,
    CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS shipped_at
FROM payoff.waiting_changes;

CREATE VIEW payoff.metric_dora_bot_share
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Share of changes by bots: How much of what we ship was written by bots? Changes by bots divided by all changes shipped to production, the first deployment left out. They are in no lead time: bots do not wait.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        1.959963984540054 AS z,
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                count() AS n,
                countIf(s.hit) AS hits,
                countIf(s.also) AS alsos
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    hit,
                    also
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        actor_kind = 'bot' AS hit,
                        false AS also
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_changes AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE NOT baseline
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.n AS n,
                f.hits AS hits,
                f.alsos AS alsos,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                sum(f.n) AS n,
                sum(f.hits) AS hits,
                sum(f.alsos) AS alsos,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        toNullable((stat.2) / n) AS value,
        toNullable(toFloat64(stat.2)) AS numerator,
        toNullable(toFloat64(n)) AS denominator,
        n,
        toNullable(if((stat.2) = 0, 0., ((((stat.2) / n) + ((z * z) / (2 * n))) - (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_low,
        toNullable(if((stat.2) = n, 1., ((((stat.2) / n) + ((z * z) / (2 * n))) + (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_high,
        multiIf(cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', hits)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_change_fail_rate
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Change fail rate: How often does a deployment need intervention? Failed deployments divided by successful or failed ones, in production. A deployment failed if an incident names it (a), it was rolled back or a change of it reverted (b), a hotfix names or follows it (c), or an incident of its service began soon after it (d). A window younger than the time in which incidents are put down to deployments is partial. DORA 2025.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        1.959963984540054 AS z,
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                count() AS n,
                countIf(s.hit) AS hits,
                countIf(s.also) AS alsos
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    hit,
                    also
                FROM
                (
                    SELECT
                        d.service AS service,
                        d.team AS team,
                        d.unit AS unit,
                        d.tier AS tier,
                        d.ended_at AS at,
                        f.rule != '' AS hit,
                        f.rule NOT IN ('', 'd') AS also
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.deployments AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
                        SETTINGS join_use_nulls = 0
                    ) AS d
                    LEFT JOIN
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.failed_deployments AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
                        SETTINGS join_use_nulls = 0
                    ) AS f ON (f.service = d.service) AND (f.tier = d.tier) AND (f.deployment_id = d.deployment_id)
                    WHERE d.succeeded OR (f.rule != '')
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.n AS n,
                f.hits AS hits,
                f.alsos AS alsos,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                sum(f.n) AS n,
                sum(f.hits) AS hits,
                sum(f.alsos) AS alsos,
                min((((f.first_day > w.day) OR (f.covered_to < w.window_end)) OR (toUnixTimestamp64Milli(f.known_to) < (toUnixTimestamp64Milli(w.window_end) + f.failure_window_ms)))) AS cut
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        toNullable((stat.2) / n) AS value,
        toNullable(toFloat64(stat.2)) AS numerator,
        toNullable(toFloat64(n)) AS denominator,
        n,
        toNullable(if((stat.2) = 0, 0., ((((stat.2) / n) + ((z * z) / (2 * n))) - (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_low,
        toNullable(if((stat.2) = n, 1., ((((stat.2) / n) + ((z * z) / (2 * n))) + (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_high,
        multiIf(cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', hits), ('{"stat":"rules_abc"}', alsos)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_change_lead_time
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Change lead time: How long does finished work wait for its users? From a change\'s author time (committer time if earlier) to the end of the deployment that shipped it to production; changes by people, merge commits and the first deployment left out; median, in the window in which the deployment ended. A squashed pull request counts as its commits. DORA 2025.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        lead_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_changes AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE (NOT baseline) AND (actor_kind != 'bot')
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"missing"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"missing"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"missing"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_change_lead_time_coding
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Lead time: coding: How long is a change written before others may see it? From the first author time of a pull request\'s commits to ready for review. Median over pull requests by people, in the window in which the deployment that shipped them ended; a stage that is unknown or negative is left out and counted.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        coding_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_pull_requests AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE actor_kind != 'bot'
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"missing"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"missing"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"missing"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_change_lead_time_delivery
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Lead time: delivery: How long from the start of work to its users? From the start of work on the tickets a pull request names to the end of the deployment that shipped it. Median over pull requests by people, in the window in which the deployment that shipped them ended; a stage that is unknown or negative is left out and counted.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        delivery_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_pull_requests AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE actor_kind != 'bot'
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"missing"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"missing"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"missing"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_change_lead_time_deploy
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Lead time: deploy: How long does a merged change wait for its users? From the merge to the end of the deployment that shipped it. Median over pull requests by people, in the window in which the deployment that shipped them ended; a stage that is unknown or negative is left out and counted.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        deploy_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_pull_requests AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE actor_kind != 'bot'
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"missing"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"missing"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"missing"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_change_lead_time_pickup
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Lead time: pickup: How long does a change wait for its first review? From ready for review to the first review by another person; a bot\'s does not count. Median over pull requests by people, in the window in which the deployment that shipped them ended; a stage that is unknown or negative is left out and counted.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        pickup_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_pull_requests AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE actor_kind != 'bot'
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"missing"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"missing"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"missing"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_change_lead_time_review
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Lead time: review: How long does a review take? From the first review by another person to the merge. Median over pull requests by people, in the window in which the deployment that shipped them ended; a stage that is unknown or negative is left out and counted.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        review_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_pull_requests AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE actor_kind != 'bot'
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"missing"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"missing"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"missing"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_deployment_frequency
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Deployment frequency: How often does a change reach the users? Successful deployments to production, redeployments of the running commit left out, divided by covered days: the days from the first known deployment to retirement or the end of what the source has told. Per service and day; DORA 2025.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        covered AS
        (
            SELECT
                w.number AS number,
                w.window_end AS window_end,
                c.service AS service,
                c.team AS team,
                c.unit AS unit,
                least(w.window_end, c.covered_to) AS known_until,
                greatest(w.window_start, c.owned_from) AS owned_from,
                least(w.window_end, c.owned_to) - toIntervalMillisecond(1) AS owned_last,
                if(owned_from = greatest(w.window_start, c.first_at), dateDiff('day', owned_from, owned_last, zone) + 1, dateDiff('day', owned_from - toIntervalMillisecond(1), owned_last, zone)) AS days,
                (toDate32(c.first_at, zone) > w.day) OR (known_until < w.window_end) AS cut
            FROM
            (
                SELECT DISTINCT
                    number,
                    day,
                    window_start,
                    window_end
                FROM spread
            ) AS w
            CROSS JOIN
            (
                SELECT
                    c.service AS service,
                    o.team AS team,
                    o.unit AS unit,
                    c.tier AS tier,
                    c.first_at AS first_at,
                    c.covered_to AS covered_to,
                    c.known_to AS known_to,
                    c.failure_window_ms AS failure_window_ms,
                    if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from,
                    if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
                FROM payoff_private.service_coverage AS c
                FINAL
                LEFT JOIN
                (
                    SELECT
                        service,
                        team,
                        unit,
                        valid_from,
                        valid_to,
                        true AS declared
                    FROM payoff_private.shown_owners
                    FINAL
                ) AS o ON o.service = c.service
                WHERE owned_from < owned_to
                SETTINGS join_use_nulls = 0
            ) AS c
            WHERE (c.tier = 'production') AND (c.owned_from < w.window_end) AND (c.owned_to > w.window_start) AND (empty(asked_services) OR has(asked_services, c.service)) AND (empty(asked_teams) OR has(asked_teams, c.team)) AND (empty(asked_units) OR has(asked_units, c.unit))
        ),
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                toDate32(s.at, zone) AS day,
                count() AS n
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        ended_at AS at
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.deployments AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE succeeded AND (class != 'redeployment')
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece,
                day
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.day AS day,
                f.n AS n,
                c.first_at AS first_at,
                c.covered_to AS covered_to
            FROM pieced AS f
            INNER JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                number,
                any(window_end) AS window_end,
                service,
                team,
                unit,
                sum(facts) AS n,
                sum(days) AS d,
                uniqExactIf(day, facts > 0) AS on_days,
                minIf(cut, facts = 0) AS cut
            FROM
            (
                SELECT
                    number,
                    window_end,
                    service,
                    team,
                    unit,
                    days,
                    cut,
                    0 AS facts,
                    toDate32(0) AS day
                FROM covered
                UNION ALL
                SELECT
                    w.number,
                    w.window_end,
                    f.service,
                    f.team,
                    f.unit,
                    0 AS days,
                    false AS cut,
                    f.n AS facts,
                    f.day AS day
                FROM known AS f
                INNER JOIN spread AS w ON w.piece = f.piece
                WHERE (f.first_at < w.window_end) AND (f.covered_to > w.window_start)
            )
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING (sum(days) > 0) AND (((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != ''))
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat AS dims,
        if(dims = '', toNullable((n * 1) / d), toNullable(toFloat64(on_days))) AS value,
        if(dims = '', toNullable(toFloat64(n)), NULL) AS numerator,
        if(dims = '', toNullable(toFloat64(d)), NULL) AS denominator,
        n,
        if(dims = '', toNullable((if(n = 0, 0., n * pow((1 - (1 / (9 * n))) - (1.959963984540054 / (3 * sqrt(n))), 3)) * 1) / d), NULL) AS ci_low,
        if(dims = '', toNullable((((n + 1) * pow((1 - (1 / (9 * (n + 1)))) + (1.959963984540054 / (3 * sqrt(n + 1))), 3)) * 1) / d), NULL) AS ci_high,
        if(cut, 'partial', 'ok') AS quality
    FROM grouped
    ARRAY JOIN ['', '{"stat":"days"}'] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_deployment_rework_rate
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Deployment rework rate: How much of what we deploy repairs what we deployed? Successful deployments that are a rollback, ship the revert of a recently shipped change, carry a hotfix mark or name the incident or deployment they repair, divided by successful deployments to production; each counts once. DORA 2025.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        1.959963984540054 AS z,
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                count() AS n,
                countIf(s.hit) AS hits,
                countIf(s.also) AS alsos
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    hit,
                    also
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        ended_at AS at,
                        notEmpty(rework) AS hit,
                        false AS also
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.deployments AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE succeeded
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.n AS n,
                f.hits AS hits,
                f.alsos AS alsos,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                sum(f.n) AS n,
                sum(f.hits) AS hits,
                sum(f.alsos) AS alsos,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        toNullable((stat.2) / n) AS value,
        toNullable(toFloat64(stat.2)) AS numerator,
        toNullable(toFloat64(n)) AS denominator,
        n,
        toNullable(if((stat.2) = 0, 0., ((((stat.2) / n) + ((z * z) / (2 * n))) - (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_low,
        toNullable(if((stat.2) = n, 1., ((((stat.2) / n) + ((z * z) / (2 * n))) + (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_high,
        multiIf(cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', hits)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_failed_deployment_recovery_time
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Failed deployment recovery time: How long do users suffer from a deployment that failed? From the earlier of a failed deployment\'s end and its first incident\'s begin until the last of its incidents was mitigated (else resolved), or, without an incident, until its remedy was deployed. Median, in the window in which the failed deployment ended; those not restored yet are counted beside it. DORA 2025.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        ended_at AS at,
                        recovery_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.failed_deployments AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
                        SETTINGS join_use_nulls = 0
                    )
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min((((f.first_day > w.day) OR (f.covered_to < w.window_end)) OR (toUnixTimestamp64Milli(f.known_to) < (toUnixTimestamp64Milli(w.window_end) + f.failure_window_ms)))) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"open"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"open"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"open"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_failed_deployments
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Failed deployments: How many deployments fail, however many there are? Failed deployments to production per covered service-week. A rate falls by itself when its denominator grows; this count does not, and so it guards every aim at frequency or lead time.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        covered AS
        (
            SELECT
                w.number AS number,
                w.window_end AS window_end,
                c.service AS service,
                c.team AS team,
                c.unit AS unit,
                least(w.window_end, c.covered_to) AS known_until,
                greatest(w.window_start, c.owned_from) AS owned_from,
                least(w.window_end, c.owned_to) - toIntervalMillisecond(1) AS owned_last,
                if(owned_from = greatest(w.window_start, c.first_at), dateDiff('day', owned_from, owned_last, zone) + 1, dateDiff('day', owned_from - toIntervalMillisecond(1), owned_last, zone)) AS days,
                (toDate32(c.first_at, zone) > w.day) OR (known_until < w.window_end) OR (toUnixTimestamp64Milli(c.known_to) < (toUnixTimestamp64Milli(w.window_end) + c.failure_window_ms)) AS cut
            FROM
            (
                SELECT DISTINCT
                    number,
                    day,
                    window_start,
                    window_end
                FROM spread
            ) AS w
            CROSS JOIN
            (
                SELECT
                    c.service AS service,
                    o.team AS team,
                    o.unit AS unit,
                    c.tier AS tier,
                    c.first_at AS first_at,
                    c.covered_to AS covered_to,
                    c.known_to AS known_to,
                    c.failure_window_ms AS failure_window_ms,
                    if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from,
                    if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
                FROM payoff_private.service_coverage AS c
                FINAL
                LEFT JOIN
                (
                    SELECT
                        service,
                        team,
                        unit,
                        valid_from,
                        valid_to,
                        true AS declared
                    FROM payoff_private.shown_owners
                    FINAL
                ) AS o ON o.service = c.service
                WHERE owned_from < owned_to
                SETTINGS join_use_nulls = 0
            ) AS c
            WHERE (c.tier = 'production') AND (c.owned_from < w.window_end) AND (c.owned_to > w.window_start) AND (empty(asked_services) OR has(asked_services, c.service)) AND (empty(asked_teams) OR has(asked_teams, c.team)) AND (empty(asked_units) OR has(asked_units, c.unit))
        ),
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                toDate32(s.at, zone) AS day,
                count() AS n
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        ended_at AS at
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.failed_deployments AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.ended_at)
                        SETTINGS join_use_nulls = 0
                    )
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece,
                day
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.day AS day,
                f.n AS n,
                c.first_at AS first_at,
                c.covered_to AS covered_to
            FROM pieced AS f
            INNER JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                number,
                any(window_end) AS window_end,
                service,
                team,
                unit,
                sum(facts) AS n,
                sum(days) AS d,
                uniqExactIf(day, facts > 0) AS on_days,
                minIf(cut, facts = 0) AS cut
            FROM
            (
                SELECT
                    number,
                    window_end,
                    service,
                    team,
                    unit,
                    days,
                    cut,
                    0 AS facts,
                    toDate32(0) AS day
                FROM covered
                UNION ALL
                SELECT
                    w.number,
                    w.window_end,
                    f.service,
                    f.team,
                    f.unit,
                    0 AS days,
                    false AS cut,
                    f.n AS facts,
                    f.day AS day
                FROM known AS f
                INNER JOIN spread AS w ON w.piece = f.piece
                WHERE (f.first_at < w.window_end) AND (f.covered_to > w.window_start)
            )
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING (sum(days) > 0) AND (((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != ''))
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat AS dims,
        if(dims = '', toNullable((n * 7) / d), toNullable(toFloat64(on_days))) AS value,
        if(dims = '', toNullable(toFloat64(n)), NULL) AS numerator,
        if(dims = '', toNullable(toFloat64(d)), NULL) AS denominator,
        n,
        if(dims = '', toNullable((if(n = 0, 0., n * pow((1 - (1 / (9 * n))) - (1.959963984540054 / (3 * sqrt(n))), 3)) * 7) / d), NULL) AS ci_low,
        if(dims = '', toNullable((((n + 1) * pow((1 - (1 / (9 * (n + 1)))) + (1.959963984540054 / (3 * sqrt(n + 1))), 3)) * 7) / d), NULL) AS ci_high,
        if(cut, 'partial', 'ok') AS quality
    FROM grouped
    ARRAY JOIN ['', '{"stat":"days"}'] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_impact_incidents
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Incidents with impact: How often are users disturbed, whatever the cause? Incidents in production per covered service-week, false alarms and incidents stated to be without impact left out, in the window in which they began. It guards every aim at frequency or lead time.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        covered AS
        (
            SELECT
                w.number AS number,
                w.window_end AS window_end,
                c.service AS service,
                c.team AS team,
                c.unit AS unit,
                least(w.window_end, c.covered_to) AS known_until,
                greatest(w.window_start, c.owned_from) AS owned_from,
                least(w.window_end, c.owned_to) - toIntervalMillisecond(1) AS owned_last,
                if(owned_from = greatest(w.window_start, c.first_at), dateDiff('day', owned_from, owned_last, zone) + 1, dateDiff('day', owned_from - toIntervalMillisecond(1), owned_last, zone)) AS days,
                (toDate32(c.first_at, zone) > w.day) OR (known_until < w.window_end) AS cut
            FROM
            (
                SELECT DISTINCT
                    number,
                    day,
                    window_start,
                    window_end
                FROM spread
            ) AS w
            CROSS JOIN
            (
                SELECT
                    c.service AS service,
                    o.team AS team,
                    o.unit AS unit,
                    c.tier AS tier,
                    c.first_at AS first_at,
                    c.covered_to AS covered_to,
                    c.known_to AS known_to,
                    c.failure_window_ms AS failure_window_ms,
                    if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from,
                    if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
                FROM payoff_private.service_coverage AS c
                FINAL
                LEFT JOIN
                (
                    SELECT
                        service,
                        team,
                        unit,
                        valid_from,
                        valid_to,
                        true AS declared
                    FROM payoff_private.shown_owners
                    FINAL
                ) AS o ON o.service = c.service
                WHERE owned_from < owned_to
                SETTINGS join_use_nulls = 0
            ) AS c
            WHERE (c.tier = 'production') AND (c.owned_from < w.window_end) AND (c.owned_to > w.window_start) AND (empty(asked_services) OR has(asked_services, c.service)) AND (empty(asked_teams) OR has(asked_teams, c.team)) AND (empty(asked_units) OR has(asked_units, c.unit))
        ),
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                toDate32(s.at, zone) AS day,
                count() AS n
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        began_at AS at
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.incidents AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.began_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE state NOT IN ('false_alarm', 'no_impact')
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece,
                day
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.day AS day,
                f.n AS n,
                c.first_at AS first_at,
                c.covered_to AS covered_to
            FROM pieced AS f
            INNER JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                number,
                any(window_end) AS window_end,
                service,
                team,
                unit,
                sum(facts) AS n,
                sum(days) AS d,
                uniqExactIf(day, facts > 0) AS on_days,
                minIf(cut, facts = 0) AS cut
            FROM
            (
                SELECT
                    number,
                    window_end,
                    service,
                    team,
                    unit,
                    days,
                    cut,
                    0 AS facts,
                    toDate32(0) AS day
                FROM covered
                UNION ALL
                SELECT
                    w.number,
                    w.window_end,
                    f.service,
                    f.team,
                    f.unit,
                    0 AS days,
                    false AS cut,
                    f.n AS facts,
                    f.day AS day
                FROM known AS f
                INNER JOIN spread AS w ON w.piece = f.piece
                WHERE (f.first_at < w.window_end) AND (f.covered_to > w.window_start)
            )
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING (sum(days) > 0) AND (((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != ''))
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat AS dims,
        if(dims = '', toNullable((n * 7) / d), toNullable(toFloat64(on_days))) AS value,
        if(dims = '', toNullable(toFloat64(n)), NULL) AS numerator,
        if(dims = '', toNullable(toFloat64(d)), NULL) AS denominator,
        n,
        if(dims = '', toNullable((if(n = 0, 0., n * pow((1 - (1 / (9 * n))) - (1.959963984540054 / (3 * sqrt(n))), 3)) * 7) / d), NULL) AS ci_low,
        if(dims = '', toNullable((((n + 1) * pow((1 - (1 / (9 * (n + 1)))) + (1.959963984540054 / (3 * sqrt(n + 1))), 3)) * 7) / d), NULL) AS ci_high,
        if(cut, 'partial', 'ok') AS quality
    FROM grouped
    ARRAY JOIN ['', '{"stat":"days"}'] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_incident_duration
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Incident duration: How long do incidents last, whatever the cause? From an incident\'s creation to its resolution after the last reopening, all incidents in production; median, in the window in which it was created. It is not the recovery time of failed deployments.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                groupArray(s.ms) AS durations,
                count() AS facts
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    ms
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        created_at AS at,
                        duration_ms AS ms
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.incidents AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.began_at)
                        SETTINGS join_use_nulls = 0
                    )
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.durations AS durations,
                f.facts AS facts,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                arraySort(groupArrayArray(f.durations)) AS sorted,
                length(sorted) AS n,
                toUInt64(sum(f.facts) - n) AS missing,
                min(((
                    SELECT max(known_to)
                    FROM
                    (
                        SELECT
                            service,
                            tier,
                            first_at,
                            covered_to,
                            known_to,
                            midnight,
                            failure_window_ms
                        FROM payoff_private.service_coverage
                        FINAL
                    )
                ) < w.window_end)) AS cut,
                arrayReduce('quantilesExactInclusive(0.5, 0.75, 0.9)', sorted) AS q,
                toInt64(floor((n / 2) - ((1.959963984540054 * sqrt(n)) / 2))) AS lo,
                toInt64(ceil((1 + (n / 2)) + ((1.959963984540054 * sqrt(n)) / 2))) AS hi
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        multiIf(dims = '{"stat":"open"}', toNullable(toFloat64(missing)), n = 0, NULL, toNullable(stat.2)) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        if(dims = '{"stat":"open"}', n + missing, n) AS n,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[lo])), NULL) AS ci_low,
        if((dims = '') AND (lo >= 1) AND (hi <= n), toNullable(toFloat64(sorted[hi])), NULL) AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', q[1]), ('{"stat":"p75"}', q[2]), ('{"stat":"p90"}', q[3]), ('{"stat":"open"}', 0.)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_score
DEFINER = default SQL SECURITY DEFINER
COMMENT 'DORA score: Where does this service stand, in DORA\'s quick check? DORA\'s quick check from 26 complete weeks: categories of median lead time, median recovery time and frequency, and the two rates, each 0 to 10; the mean of those that are known, of at least three. For the page of a service; a unit shows the median of its services. 2025 all-industry means: 5.5, 4.8, 7.4 (recovery), 8.1, 7.8; stability 7.9; overall 6.72.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        weeks AS
        (
            SELECT
                1 AS one,
                window_start,
                window_end
            FROM payoff.calendar
            WHERE grain = 'week'
        ),
        trails AS
        (
            SELECT
                w.grain AS grain,
                w.window_start AS window_start,
                w.window_end AS window_end,
                k.since AS since,
                k.window_end AS until
            FROM
            (
                SELECT
                    *,
                    1 AS one
                FROM windows
                WHERE (window_end > (
                    SELECT min(first_at)
                    FROM
                    (
                        SELECT
                            service,
                            tier,
                            first_at,
                            covered_to,
                            known_to,
                            midnight,
                            failure_window_ms
                        FROM payoff_private.service_coverage
                        FINAL
                    )
                )) AND ((grain = 'range') OR (window_start < (
                    SELECT max(known_to)
                    FROM
                    (
                        SELECT
                            service,
                            tier,
                            first_at,
                            covered_to,
                            known_to,
                            midnight,
                            failure_window_ms
                        FROM payoff_private.service_coverage
                        FINAL
                    )
                )))
            ) AS w
            ASOF INNER JOIN
            (
                SELECT
                    one,
                    window_end,
                    lagInFrame(window_start, 25, window_start) OVER (ORDER BY window_start ASC ROWS BETWEEN 25 PRECEDING AND CURRENT ROW) AS since
                FROM weeks
            ) AS k ON (w.one = k.one) AND (w.window_end >= k.window_end)
        ),
        asked_from - toIntervalWeek(28) AS reached_from,
        facts AS
        (
            SELECT
                service,
                shipped_at AS at,
                lead_ms AS lead,
                CAST(NULL, 'Nullable(Int64)') AS recovery,
                false AS deployed,
                false AS tried,
                false AS failed,
                false AS succeeded,
                false AS reworked
            FROM payoff_private.shipped_changes
            FINAL
            WHERE (tier = 'production') AND (NOT baseline) AND (actor_kind != 'bot') AND (lead_ms IS NOT NULL)
            UNION ALL
            SELECT
                service,
                ended_at,
                NULL,
                NULL,
                class != 'redeployment',
                true,
                false,
                true,
                notEmpty(rework)
            FROM payoff_private.deployments
            FINAL
            WHERE (tier = 'production') AND succeeded
            UNION ALL
            SELECT
                service,
                ended_at,
                NULL,
                recovery_ms,
                false,
                NOT succeeded,
                true,
                false,
                false
            FROM payoff_private.failed_deployments
            FINAL
            WHERE tier = 'production'
        ),
        weekly AS
        (
            SELECT
                f.service AS service,
                k.window_end AS until,
                groupArray(f.lead) AS leads,
                groupArray(f.recovery) AS recoveries,
                countIf(f.deployed) AS deployed,
                countIf(f.tried) AS tried,
                countIf(f.failed) AS failed,
                countIf(f.succeeded) AS succeeded,
                countIf(f.reworked) AS reworked
            FROM
            (
                SELECT
                    *,
                    1 AS one
                FROM facts
                WHERE (at >= reached_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service))
            ) AS f
            ASOF INNER JOIN weeks AS k ON (f.one = k.one) AND (f.at >= k.window_start)
            GROUP BY
                service,
                until
        ),
        sums AS
        (
            SELECT
                service,
                until,
                if(sum(length(leads)) OVER trail = 0, NULL, toNullable(quantileExactInclusiveArray(0.5)(leads) OVER trail)) AS lead,
                if(sum(length(recoveries)) OVER trail = 0, NULL, toNullable(quantileExactInclusiveArray(0.5)(recoveries) OVER trail)) AS recovery,
                sum(deployed) OVER trail AS deployed,
                sum(tried) OVER trail AS tried,
                sum(failed) OVER trail AS failed,
                sum(succeeded) OVER trail AS succeeded,
                sum(reworked) OVER trail AS reworked
            FROM
            (
                SELECT
                    s.service AS service,
                    k.window_end AS until,
                    y.leads AS leads,
                    y.recoveries AS recoveries,
                    y.deployed AS deployed,
                    y.tried AS tried,
                    y.failed AS failed,
                    y.succeeded AS succeeded,
                    y.reworked AS reworked
                FROM
                (
                    SELECT DISTINCT service
                    FROM
                    (
                        SELECT
                            service,
                            tier,
                            first_at,
                            covered_to,
                            known_to,
                            midnight,
                            failure_window_ms
                        FROM payoff_private.service_coverage
                        FINAL
                    )
                    WHERE empty(asked_services) OR has(asked_services, service)
                ) AS s
                CROSS JOIN
                (
                    SELECT window_end
                    FROM weeks
                    WHERE (window_start >= reached_from) AND (window_end <= asked_to)
                ) AS k
                LEFT JOIN weekly AS y ON (y.service = s.service) AND (y.until = k.window_end)
            )
            WINDOW trail AS (PARTITION BY service ORDER BY until ASC ROWS BETWEEN 25 PRECEDING AND CURRENT ROW)
        ),
        covered AS
        (
            SELECT
                t.grain AS grain,
                t.window_start AS window_start,
                t.window_end AS window_end,
                t.until AS until,
                c.service AS service,
                c.team AS team,
                c.unit AS unit,
                greatest(t.since, c.first_at) AS covered_from,
                least(t.until, c.covered_to) AS covered_until,
                dateDiff('day', covered_from, covered_until - toIntervalMillisecond(1), zone) + 1 AS days,
                (dateDiff('day', t.since, covered_from, zone) > 0) OR (covered_until < t.until) AS cut
            FROM trails AS t
            CROSS JOIN
            (
                SELECT
                    c.service AS service,
                    o.team AS team,
                    o.unit AS unit,
                    c.tier AS tier,
                    c.first_at AS first_at,
                    c.covered_to AS covered_to,
                    c.known_to AS known_to,
                    c.failure_window_ms AS failure_window_ms,
                    if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from,
                    if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
                FROM payoff_private.service_coverage AS c
                FINAL
                LEFT JOIN
                (
                    SELECT
                        service,
                        team,
                        unit,
                        valid_from,
                        valid_to,
                        true AS declared
                    FROM payoff_private.shown_owners
                    FINAL
                ) AS o ON o.service = c.service
                WHERE owned_from < owned_to
                SETTINGS join_use_nulls = 0
            ) AS c
            WHERE (c.tier = 'production') AND (c.first_at < t.until) AND (c.covered_to > t.since) AND (c.known_to >= t.until) AND (c.owned_from < least(t.until, c.covered_to)) AND (c.owned_to >= least(t.until, c.covered_to)) AND (empty(asked_services) OR has(asked_services, c.service)) AND (empty(asked_teams) OR has(asked_teams, c.team)) AND (empty(asked_units) OR has(asked_units, c.unit))
        ),
        components AS
        (
            SELECT
                c.grain AS grain,
                c.window_start AS window_start,
                c.window_end AS window_end,
                c.service AS service,
                c.unit AS unit,
                c.cut AS cut,
                if(f.lead IS NULL, NULL, toNullable((arrayCount(limit -> (ifNull(f.lead, 0) < limit), [15724800000., 2592000000., 604800000., 86400000., 3600000.]) / 5) * 10)) AS lead_score,
                if(f.recovery IS NULL, NULL, toNullable((arrayCount(limit -> (ifNull(f.recovery, 0) < limit), [15724800000., 2592000000., 604800000., 86400000., 3600000.]) / 5) * 10)) AS recovery_score,
                toNullable((arrayCount(limit -> (((f.deployed * 7) / c.days) >= limit), [7 / 182, 7 / 30, 1., 5., 10.]) / 5) * 10) AS frequency_score,
                if(f.tried = 0, NULL, toNullable(10 - ((f.failed / f.tried) * 10))) AS fail_score,
                if(f.succeeded = 0, NULL, toNullable(10 - ((f.reworked / f.succeeded) * 10))) AS rework_score
            FROM covered AS c
            LEFT JOIN sums AS f ON (f.service = c.service) AND (f.until = c.until)
        ),
        known AS
        (
            SELECT
                *,
                arrayMap(x -> assumeNotNull(x), arrayFilter(x -> (x IS NOT NULL), [lead_score, recovery_score, frequency_score])) AS throughput,
                arrayMap(x -> assumeNotNull(x), arrayFilter(x -> (x IS NOT NULL), [fail_score, rework_score])) AS stability
            FROM components
        ),
        overall AS
        (
            SELECT
                *,
                toUInt64(length(throughput) + length(stability)) AS parts,
                if(parts < 3, NULL, toNullable(arrayAvg(arrayConcat(throughput, stability)))) AS score
            FROM known
        ),
        scored AS
        (
            SELECT
                (grain, window_start, window_end) AS time,
                service,
                unit,
                cut,
                parts,
                score,
                [('', score), ('{"stat":"throughput"}', if(empty(throughput), NULL, toNullable(arrayAvg(throughput)))), ('{"stat":"stability"}', if(empty(stability), NULL, toNullable(arrayAvg(stability)))), ('{"stat":"lead_time"}', lead_score), ('{"stat":"recovery"}', recovery_score), ('{"stat":"frequency"}', frequency_score), ('{"stat":"fail_rate"}', fail_score), ('{"stat":"rework"}', rework_score)] AS figures
            FROM overall
        ),
        grouped AS
        (
            SELECT
                time,
                who.1 AS service,
                who.2 AS unit,
                notEmpty(service) AS of_service,
                if(of_service, any(parts), countIf(score IS NOT NULL)) AS n,
                if(of_service, min(cut), minIf(cut, score IS NOT NULL)) AS cut,
                if(of_service, any(figures), [('', toNullable(quantileExactInclusiveIf(0.5)(assumeNotNull(score), score IS NOT NULL)))]) AS figures
            FROM scored AS s
            ARRAY JOIN [(toString(s.service), ''), ('', toString(s.unit))] AS who
            GROUP BY
                time,
                who
            HAVING of_service OR (notEmpty(unit) AND (n > 0))
        )
    SELECT
        time.1 AS grain,
        time.2 AS window_start,
        time.3 AS window_end,
        service,
        '' AS team,
        unit,
        stat.1 AS dims,
        stat.2 AS value,
        if(of_service AND (dims = ''), toNullable(toFloat64(n)), NULL) AS numerator,
        if(of_service AND (dims = ''), toNullable(5.), NULL) AS denominator,
        toUInt64(n) AS n,
        CAST(NULL, 'Nullable(Float64)') AS ci_low,
        CAST(NULL, 'Nullable(Float64)') AS ci_high,
        multiIf(value IS NULL, 'no_data', cut, 'partial', 'ok') AS quality
    FROM grouped
    ARRAY JOIN figures AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_squash_share
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Share of squashed changes: How much of the lead time is known only through pull requests? Changes known through the pull request they were squashed in, divided by all changes by people shipped to production. Beside it the share linked by the order of pushes, without a commit graph.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        1.959963984540054 AS z,
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                count() AS n,
                countIf(s.hit) AS hits,
                countIf(s.also) AS alsos
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    hit,
                    also
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        shipped_at AS at,
                        link_quality = 'squash' AS hit,
                        link_quality = 'push_order' AS also
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.shipped_changes AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE (NOT baseline) AND (actor_kind != 'bot')
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.n AS n,
                f.hits AS hits,
                f.alsos AS alsos,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                sum(f.n) AS n,
                sum(f.hits) AS hits,
                sum(f.alsos) AS alsos,
                min(((f.first_day > w.day) OR (f.covered_to < w.window_end))) AS cut
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        toNullable((stat.2) / n) AS value,
        toNullable(toFloat64(stat.2)) AS numerator,
        toNullable(toFloat64(n)) AS denominator,
        n,
        toNullable(if((stat.2) = 0, 0., ((((stat.2) / n) + ((z * z) / (2 * n))) - (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_low,
        toNullable(if((stat.2) = n, 1., ((((stat.2) / n) + ((z * z) / (2 * n))) + (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_high,
        multiIf(cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', hits), ('{"stat":"push_order"}', alsos)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_unattributed_incident_share
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Share of unattributed incidents: How many incidents can be put down to no deployment? Incidents that mark no deployment divided by those that could: false alarms, incidents without impact and those that state another cause left out; in the window in which they began. A high share says that links are missing, and the change fail rate is too low.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        1.959963984540054 AS z,
        pieced AS
        (
            SELECT
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                p.piece AS piece,
                count() AS n,
                countIf(s.hit) AS hits,
                countIf(s.also) AS alsos
            FROM
            (
                SELECT
                    1 AS one,
                    service,
                    team,
                    unit,
                    at,
                    hit,
                    also
                FROM
                (
                    SELECT
                        service,
                        team,
                        unit,
                        tier,
                        began_at AS at,
                        state IN ('unattributed', 'unknown_service') AS hit,
                        state = 'unknown_service' AS also
                    FROM
                    (
                        SELECT
                            f.*,
                            o.team AS team,
                            o.unit AS unit
                        FROM payoff_private.incidents AS f
                        FINAL
                        ASOF LEFT JOIN
                        (
                            SELECT
                                service,
                                valid_from,
                                team,
                                unit
                            FROM payoff_private.shown_owners
                            FINAL
                        ) AS o ON (o.service = f.service) AND (o.valid_from <= f.began_at)
                        SETTINGS join_use_nulls = 0
                    )
                    WHERE state IN ('placed', 'unattributed', 'unknown_service')
                )
                WHERE (tier = 'production') AND (at >= asked_from) AND (at < asked_to) AND (empty(asked_services) OR has(asked_services, service)) AND (empty(asked_teams) OR has(asked_teams, team)) AND (empty(asked_units) OR has(asked_units, unit))
            ) AS s
            ASOF INNER JOIN pieces AS p ON (s.one = p.one) AND (s.at >= p.piece)
            GROUP BY
                service,
                team,
                unit,
                piece
        ),
        known AS
        (
            SELECT
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                f.piece AS piece,
                f.n AS n,
                f.hits AS hits,
                f.alsos AS alsos,
                toDate32(c.first_at, zone) AS first_day,
                c.covered_to AS covered_to,
                c.known_to AS known_to,
                c.failure_window_ms AS failure_window_ms
            FROM pieced AS f
            LEFT JOIN
            (
                SELECT *
                FROM
                (
                    SELECT
                        service,
                        tier,
                        first_at,
                        covered_to,
                        known_to,
                        midnight,
                        failure_window_ms
                    FROM payoff_private.service_coverage
                    FINAL
                )
                WHERE tier = 'production'
            ) AS c ON c.service = f.service
        ),
        grouped AS
        (
            SELECT
                w.number AS number,
                any(w.window_end) AS window_end,
                f.service AS service,
                f.team AS team,
                f.unit AS unit,
                sum(f.n) AS n,
                sum(f.hits) AS hits,
                sum(f.alsos) AS alsos,
                min(((
                    SELECT max(known_to)
                    FROM
                    (
                        SELECT
                            service,
                            tier,
                            first_at,
                            covered_to,
                            known_to,
                            midnight,
                            failure_window_ms
                        FROM payoff_private.service_coverage
                        FINAL
                    )
                ) < w.window_end)) AS cut
            FROM known AS f
            INNER JOIN spread AS w ON w.piece = f.piece
            GROUP BY
                GROUPING SETS (
                    (number, service),
                    (number, team),
                    (number, unit),
                    (number))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        asked_grains[bitAnd(number, 7)] AS grain,
        fromUnixTimestamp64Milli(bitShiftRight(number, 3), 'UTC') AS window_start,
        window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        toNullable((stat.2) / n) AS value,
        toNullable(toFloat64(stat.2)) AS numerator,
        toNullable(toFloat64(n)) AS denominator,
        n,
        toNullable(if((stat.2) = 0, 0., ((((stat.2) / n) + ((z * z) / (2 * n))) - (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_low,
        toNullable(if((stat.2) = n, 1., ((((stat.2) / n) + ((z * z) / (2 * n))) + (z * sqrt(((((stat.2) / n) * (1 - ((stat.2) / n))) / n) + ((z * z) / ((4. * n) * n))))) / (1 + ((z * z) / n)))) AS ci_high,
        multiIf(cut, 'partial', n < 10, 'low_n', 'ok') AS quality
    FROM grouped
    ARRAY JOIN [('', hits), ('{"stat":"unknown_service"}', alsos)] AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE VIEW payoff.metric_dora_undeployed_changes
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Undeployed changes: How much finished work is of no use yet, and how old is it? Changes by people on the default branch that no deployment has shipped, as the window ends (in the last one, at the last midnight that is known of), with their age since the merge. Known where pushes or merges tell where the default branch stands, from the first merge on that is known of a service.'
AS WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS
    (
        SELECT
            'range' AS grain,
            {from:DateTime64(3, 'UTC')} AS window_start,
            {to:DateTime64(3, 'UTC')} AS window_end
    ),
    (
        SELECT max(value)
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    pieces AS
    (
        SELECT
            asked_from AS piece,
            1 AS one
    ),
    spread AS
    (
        SELECT
            window_start AS piece,
            bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number,
            window_start,
            window_end,
            toDate32(window_start, zone) AS day
        FROM windows
        WHERE window_start < window_end
    ),
    suppressed_services AS
    (
        SELECT DISTINCT
            f.grain AS grain,
            w.window_start AS window_start,
            f.service AS service
        FROM
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                service,
                step,
                at,
                person
            FROM payoff_private.committers
            FINAL
            WHERE (at >= asked_from) AND (at < asked_to)
        ) AS f
        ASOF INNER JOIN windows AS w ON (f.grain = w.grain) AND (f.at >= w.window_start)
        WHERE f.at < w.window_end
        GROUP BY
            grain,
            window_start,
            service,
            f.step
        HAVING min(f.person) = max(f.person)
        UNION ALL
        SELECT
            w.grain AS grain,
            w.window_start AS window_start,
            o.service AS service
        FROM windows AS w
        CROSS JOIN
        (
            SELECT
                service,
                valid_from,
                valid_to
            FROM payoff_private.shown_owners
            FINAL
            WHERE hidden
        ) AS o
        WHERE (o.valid_from < w.window_end) AND (o.valid_to > w.window_start)
    ),
    (
        SELECT groupArray(toString(service))
        FROM suppressed_services
    ) AS hidden_services,
    if(empty({services:Array(String)}), [], arrayPushBack(arrayFilter(s -> (NOT has(hidden_services, s)), {services:Array(String)}), '\0')) AS asked_services,
    {teams:Array(String)} AS asked_teams,
    {units:Array(String)} AS asked_units
SELECT *
FROM
(
    WITH
        numbered AS
        (
            SELECT
                *,
                toInt64(row_number() OVER (PARTITION BY grain ORDER BY window_start ASC)) AS number
            FROM windows
        ),
        waits AS
        (
            SELECT
                arrayJoin(asked_grains) AS grain,
                m.service AS service,
                m.team AS team,
                m.unit AS unit,
                m.merged_at AS merged_at,
                if(m.shipped_at IS NULL, toDateTime64('2200-01-01', 3, 'UTC'), assumeNotNull(m.shipped_at)) AS left_at,
                c.midnight AS midnight,
                greatest(m.merged_at, asked_from) AS from_at,
                least(left_at, midnight, asked_to) AS to_at
            FROM
            (
                SELECT
                    service,
                    team,
                    unit,
                    tier,
                    repository,
                    commit,
                    actor_kind,
                    assumeNotNull(merged_at) AS merged_at,
                    toNullable(shipped_at) AS shipped_at
                FROM
                (
                    SELECT
                        f.*,
                        o.team AS team,
                        o.unit AS unit
                    FROM payoff_private.shipped_changes AS f
                    FINAL
                    ASOF LEFT JOIN
                    (
                        SELECT
                            service,
                            valid_from,
                            team,
                            unit
                        FROM payoff_private.shown_owners
                        FINAL
                    ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                    SETTINGS join_use_nulls = 0
                ) AS s
                WHERE (s.merged_at IS NOT NULL) AND (NOT baseline)
                UNION ALL
                SELECT
                    service,
                    team,
                    unit,
                    tier,
                    repository,
                    commit,
                    actor_kind,
                    merged_at,
                    CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS shipped_at
                FROM
                (
                    SELECT
                        f.*,
                        o.team AS team,
                        o.unit AS unit
                    FROM payoff_private.waiting_changes AS f
                    FINAL
                    ASOF LEFT JOIN
                    (
                        SELECT
                            service,
                            valid_from,
                            team,
                            unit
                        FROM payoff_private.shown_owners
                        FINAL
                    ) AS o ON (o.service = f.service) AND (o.valid_from <= f.merged_at)
                    SETTINGS join_use_nulls = 0
                )
            ) AS m
            INNER JOIN
            (
                SELECT
                    service,
                    tier,
                    first_at,
                    covered_to,
                    known_to,
                    midnight,
                    failure_window_ms
                FROM payoff_private.service_coverage
                FINAL
            ) AS c ON (c.service = m.service) AND (c.tier = m.tier)
            WHERE (m.tier = 'production') AND (m.actor_kind != 'bot') AND (from_at < to_at) AND (empty(asked_services) OR has(asked_services, m.service)) AND (empty(asked_teams) OR has(asked_teams, m.team)) AND (empty(asked_units) OR has(asked_units, m.unit))
        ),
        spread AS
        (
            SELECT
                a.grain AS grain,
                a.service AS service,
                a.team AS team,
                a.unit AS unit,
                a.merged_at AS merged_at,
                a.left_at AS left_at,
                a.midnight AS midnight,
                arrayJoin(range(a.first_number, b.number + 1)) AS number
            FROM
            (
                SELECT
                    waits.*,
                    n.number AS first_number
                FROM waits
                ASOF INNER JOIN numbered AS n ON (waits.grain = n.grain) AND (waits.from_at >= n.window_start)
            ) AS a
            ASOF INNER JOIN numbered AS b ON (a.grain = b.grain) AND (a.to_at >= b.window_start)
        ),
        begun AS
        (
            SELECT
                service,
                min(merged_at) AS merged_at
            FROM
            (
                SELECT
                    service,
                    team,
                    unit,
                    tier,
                    repository,
                    commit,
                    actor_kind,
                    assumeNotNull(merged_at) AS merged_at,
                    toNullable(shipped_at) AS shipped_at
                FROM
                (
                    SELECT
                        f.*,
                        o.team AS team,
                        o.unit AS unit
                    FROM payoff_private.shipped_changes AS f
                    FINAL
                    ASOF LEFT JOIN
                    (
                        SELECT
                            service,
                            valid_from,
                            team,
                            unit
                        FROM payoff_private.shown_owners
                        FINAL
                    ) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
                    SETTINGS join_use_nulls = 0
                ) AS s
                WHERE (s.merged_at IS NOT NULL) AND (NOT baseline)
                UNION ALL
                SELECT
                    service,
                    team,
                    unit,
                    tier,
                    repository,
                    commit,
                    actor_kind,
                    merged_at,
                    CAST(NULL, 'Nullable(DateTime64(3, \'UTC\'))') AS shipped_at
                FROM
                (
                    SELECT
                        f.*,
                        o.team AS team,
                        o.unit AS unit
                    FROM payoff_private.waiting_changes AS f
                    FINAL
                    ASOF LEFT JOIN
                    (
                        SELECT
                            service,
                            valid_from,
                            team,
                            unit
                        FROM payoff_private.shown_owners
                        FINAL
                    ) AS o ON (o.service = f.service) AND (o.valid_from <= f.merged_at)
                    SETTINGS join_use_nulls = 0
                )
            )
            WHERE (tier = 'production') AND (actor_kind != 'bot')
            GROUP BY service
        ),
        known AS
        (
            SELECT
                o.service AS service,
                o.team AS team,
                o.unit AS unit,
                o.owned_from AS owned_from,
                o.owned_to AS owned_to,
                c.midnight AS midnight,
                b.merged_at AS merged_at
            FROM
            (
                SELECT
                    c.service AS service,
                    o.team AS team,
                    o.unit AS unit,
                    c.tier AS tier,
                    c.first_at AS first_at,
                    c.covered_to AS covered_to,
                    c.known_to AS known_to,
                    c.failure_window_ms AS failure_window_ms,
                    if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from,
                    if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
                FROM payoff_private.service_coverage AS c
                FINAL
                LEFT JOIN
                (
                    SELECT
                        service,
                        team,
                        unit,
                        valid_from,
                        valid_to,
                        true AS declared
                    FROM payoff_private.shown_owners
                    FINAL
                ) AS o ON o.service = c.service
                WHERE owned_from < owned_to
                SETTINGS join_use_nulls = 0
            ) AS o
            INNER JOIN
            (
                SELECT
                    service,
                    tier,
                    first_at,
                    covered_to,
                    known_to,
                    midnight,
                    failure_window_ms
                FROM payoff_private.service_coverage
                FINAL
            ) AS c ON (c.service = o.service) AND (c.tier = o.tier)
            INNER JOIN begun AS b ON b.service = o.service
            WHERE (o.tier = 'production') AND (empty(asked_services) OR has(asked_services, o.service)) AND (empty(asked_teams) OR has(asked_teams, o.team)) AND (empty(asked_units) OR has(asked_units, o.unit))
        ),
        facts AS
        (
            SELECT
                (s.grain, n.window_start, n.window_end) AS time,
                s.service AS service,
                s.team AS team,
                s.unit AS unit,
                true AS waits,
                least(n.window_end, s.midnight) AS as_of,
                dateDiff('millisecond', s.merged_at, as_of) AS ms,
                s.midnight < n.window_end AS cut
            FROM spread AS s
            INNER JOIN numbered AS n ON (n.grain = s.grain) AND (n.number = s.number)
            WHERE (n.window_start < s.midnight) AND (s.merged_at < as_of) AND (s.left_at >= as_of)
            UNION ALL
            SELECT
                (w.grain, w.window_start, w.window_end),
                k.service,
                k.team,
                k.unit,
                false,
                least(w.window_end, k.midnight) AS as_of,
                0,
                k.midnight < w.window_end
            FROM windows AS w
            CROSS JOIN known AS k
            WHERE (w.window_start < k.midnight) AND (k.merged_at < as_of) AND (k.owned_from < as_of) AND (k.owned_to >= as_of)
        ),
        grouped AS
        (
            SELECT
                time,
                service,
                team,
                unit,
                countIf(waits) AS n,
                quantilesExactInclusiveIf(0.5, 0.9)(ms, waits) AS q,
                max(ms) AS oldest,
                max(cut) AS cut
            FROM facts
            GROUP BY
                GROUPING SETS (
                    (time, service),
                    (time, team),
                    (time, unit),
                    (time))
            HAVING ((grouping(service) = 1) AND (grouping(team) = 1) AND (grouping(unit) = 1)) OR (service != '') OR (team != '') OR (unit != '')
        )
    SELECT
        time.1 AS grain,
        time.2 AS window_start,
        time.3 AS window_end,
        service,
        team,
        unit,
        stat.1 AS dims,
        toNullable(stat.2) AS value,
        CAST(NULL, 'Nullable(Float64)') AS numerator,
        CAST(NULL, 'Nullable(Float64)') AS denominator,
        n,
        CAST(NULL, 'Nullable(Float64)') AS ci_low,
        CAST(NULL, 'Nullable(Float64)') AS ci_high,
        if(cut, 'partial', 'ok') AS quality
    FROM grouped
    ARRAY JOIN if(n = 0, [('', 0.)], [('', toFloat64(n)), ('{"stat":"age_p50"}', q[1]), ('{"stat":"age_p90"}', q[2]), ('{"stat":"oldest"}', toFloat64(oldest))]) AS stat
) AS p
WHERE NOT has(hidden_services, toString(p.service));

CREATE TABLE payoff.metric_point_log
(
    `metric` LowCardinality(String) COMMENT 'Name of the metric.',
    `version` UInt16 COMMENT 'Version of its definition.',
    `grain` LowCardinality(String) COMMENT 'day, week, month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `service` LowCardinality(String) COMMENT 'Service, or empty.',
    `team` LowCardinality(String) COMMENT 'Team, or empty.',
    `unit` LowCardinality(String) COMMENT 'Unit, or empty; service, team and unit empty: the whole.',
    `dims` LowCardinality(String) COMMENT 'Canonical JSON of further dimensions, or empty.',
    `value` Nullable(Float64) COMMENT 'The number, in the metric\'s unit; null when it does not exist.',
    `numerator` Nullable(Float64) COMMENT 'Numerator of a ratio.',
    `denominator` Nullable(Float64) COMMENT 'Denominator of a ratio.',
    `n` UInt64 COMMENT 'Facts it is computed from.',
    `ci_low` Nullable(Float64) COMMENT 'Lower end of the 95 % interval.',
    `ci_high` Nullable(Float64) COMMENT 'Upper end of the 95 % interval.',
    `quality` LowCardinality(String) COMMENT 'ok, low_n, partial or no_data.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that computed it.',
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When it was computed.',
    PROJECTION last_computed
    (
        SELECT
            metric,
            max(computed_at),
            count()
        GROUP BY metric
    )
)
ENGINE = MergeTree
PARTITION BY metric
ORDER BY (metric, grain, version, service, team, unit, dims, window_start, generation, computed_at)
SETTINGS index_granularity = 1024
COMMENT 'History of all metric points; the latest of each key is in metric_points.';

CREATE VIEW payoff.metric_points
(
    `metric` LowCardinality(String) COMMENT 'Name of the metric.',
    `version` UInt16 COMMENT 'Version of its definition.',
    `grain` LowCardinality(String) COMMENT 'day, week, month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `service` LowCardinality(String) COMMENT 'Service, or empty.',
    `team` LowCardinality(String) COMMENT 'Team, or empty.',
    `unit` LowCardinality(String) COMMENT 'Unit, or empty; service, team and unit empty: the whole.',
    `dims` LowCardinality(String) COMMENT 'Canonical JSON of further dimensions, or empty.',
    `value` Nullable(Float64) COMMENT 'The number, in the metric\'s unit; null when it does not exist.',
    `numerator` Nullable(Float64) COMMENT 'Numerator of a ratio.',
    `denominator` Nullable(Float64) COMMENT 'Denominator of a ratio.',
    `n` UInt64 COMMENT 'Facts it is computed from.',
    `ci_low` Nullable(Float64) COMMENT 'Lower end of the 95 % interval.',
    `ci_high` Nullable(Float64) COMMENT 'Upper end of the 95 % interval.',
    `quality` LowCardinality(String) COMMENT 'ok, low_n, partial or no_data.',
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When it was computed.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'The current value of every metric, window and service, team, unit or whole.'
AS SELECT
    metric,
    version,
    grain,
    window_start,
    window_end,
    service,
    team,
    unit,
    dims,
    value,
    numerator,
    denominator,
    n,
    ci_low,
    ci_high,
    quality,
    computed_at
FROM payoff.metric_point_log
ORDER BY
    generation DESC,
    computed_at DESC
LIMIT 1 BY
    metric,
    version,
    grain,
    window_start,
    service,
    team,
    unit,
    dims;

CREATE TABLE payoff.metrics
(
    `metric` LowCardinality(String) COMMENT 'Name.',
    `version` UInt16 COMMENT 'Version of the definition.',
    `title` String COMMENT 'As people call it.',
    `question` String COMMENT 'The question it answers.',
    `help` String COMMENT 'The definition.',
    `class` LowCardinality(String) COMMENT 'impact, guardrail or health.',
    `direction` LowCardinality(String) COMMENT 'higher, lower or neither: which way is better.',
    `unit` LowCardinality(String) COMMENT 'Unit of value.',
    `guardrails` Array(String) COMMENT 'Metrics it is never shown without.',
    `owner` String COMMENT 'Who owns the definition.',
    `written_at` DateTime64(3, 'UTC') COMMENT 'When it was written.'
)
ENGINE = ReplacingMergeTree(written_at)
ORDER BY metric
SETTINGS index_granularity = 8192
COMMENT 'The catalogue of metrics.';

CREATE TABLE payoff.organisation
(
    `key` LowCardinality(String) COMMENT 'timezone.',
    `value` String COMMENT 'Its value.',
    `set_at` DateTime64(3, 'UTC') COMMENT 'When it was set; the latest counts.'
)
ENGINE = ReplacingMergeTree(set_at)
ORDER BY key
SETTINGS index_granularity = 8192
COMMENT 'Settings of the organisation that queries need.';

CREATE VIEW payoff.owned_coverage
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service in that time; empty while no owner is known.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `first_at` DateTime64(3, 'UTC') COMMENT 'Start of the first known deployment of the service.',
    `covered_to` DateTime64(3, 'UTC') COMMENT 'First instant of which nothing is known of the service.',
    `known_to` DateTime64(3, 'UTC') COMMENT 'The sources\' freshness horizon, retirement left aside.',
    `failure_window_ms` Int64 COMMENT 'How long after a deployment an incident is still put down to it, in milliseconds.',
    `owned_from` DateTime64(3, 'UTC') COMMENT 'First covered instant that is this owner\'s.',
    `owned_to` DateTime64(3, 'UTC') COMMENT 'First instant after.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Time range in which the deployments of a service are known, by owner, half-open.'
AS SELECT
    c.service AS service,
    o.team AS team,
    o.unit AS unit,
    c.tier AS tier,
    c.first_at AS first_at,
    c.covered_to AS covered_to,
    c.known_to AS known_to,
    c.failure_window_ms AS failure_window_ms,
    if(o.declared, greatest(c.first_at, o.valid_from), c.first_at) AS owned_from,
    if(o.declared, least(c.covered_to, o.valid_to), c.covered_to) AS owned_to
FROM payoff_private.service_coverage AS c
FINAL
LEFT JOIN
(
    SELECT
        service,
        team,
        unit,
        valid_from,
        valid_to,
        true AS declared
    FROM payoff_private.shown_owners
    FINAL
) AS o ON o.service = c.service
WHERE owned_from < owned_to
SETTINGS join_use_nulls = 0;

CREATE VIEW payoff.pages
(
    `page` String COMMENT 'Provider\'s id.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `rotation` String COMMENT 'On-call rotation that was called.',
    `service` String COMMENT 'Service it is about; empty when none is named, and in a quarter in which it is shown only inside its unit.',
    `incident` String COMMENT 'Incident it belongs to; empty when none is named.',
    `key` String COMMENT 'De-duplication key: notifications of one key before it resolves are one page.',
    `urgency` String COMMENT 'As the tool names it.',
    `triggered_at` DateTime64(3, 'UTC') COMMENT 'When a person was first called.',
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person first answered.',
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it ended, the last time; null while it goes on.',
    `label` String COMMENT 'What somebody said it was, the last time: impacting, false_alarm, not_cause; empty while nobody did.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Calls of a person, each with its rotation and what it turned out to be.'
AS SELECT
    subject AS page,
    source,
    argMaxIf(c.rotation, occurred_at, c.rotation != '') AS rotation,
    argMaxIf(toString(e.service), occurred_at, e.service != '') AS service,
    argMaxIf(e.incident, occurred_at, e.incident != '') AS incident,
    argMaxIf(c.key, occurred_at, c.key != '') AS key,
    argMaxIf(c.urgency, occurred_at, c.urgency != '') AS urgency,
    minIf(occurred_at, kind = 'page.triggered') AS triggered_at,
    minOrNullIf(occurred_at, kind = 'page.acknowledged') AS acknowledged_at,
    if(maxIf(occurred_at, kind = 'page.resolved') < maxIf(occurred_at, kind = 'page.triggered'), NULL, maxOrNullIf(occurred_at, kind = 'page.resolved')) AS resolved_at,
    argMaxIf(c.label, occurred_at, c.label != '') AS label
FROM
(
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone,
        (f.service, toStartOfQuarter(f.occurred_at, zone)) IN (
            SELECT
                service,
                quarter
            FROM payoff_private.hidden
            FINAL
            WHERE repository = ''
        ) AS hidden
    SELECT
        kind,
        source,
        subject,
        occurred_at,
        if(hidden, '', f.service) AS service,
        incident,
        JSONExtract(data, 'subject', 'content', 'Tuple(rotation String, key String, urgency String, label String)') AS c
    FROM payoff_private.events AS f
    FINAL
    WHERE (kind IN ('page.triggered', 'page.acknowledged', 'page.resolved', 'page.labelled')) AND (NOT has(flags, 'impossible_time'))
) AS e
GROUP BY
    source,
    subject
HAVING countIf(kind = 'page.triggered') > 0;

CREATE VIEW payoff.paths
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `path` String COMMENT 'Path that a known commit touched.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Paths of all known repositories, each once.'
AS SELECT DISTINCT
    repository,
    arrayJoin(paths) AS path
FROM payoff_private.commits;

CREATE VIEW payoff.populations
(
    `capability` LowCardinality(String) COMMENT 'Capability.',
    `member_kind` LowCardinality(String) COMMENT 'team, service, or people: everyone in the team.',
    `member` LowCardinality(String) COMMENT 'Team or service.',
    `exempt` Bool COMMENT 'Could use it, and need not.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Populations of capabilities, half-open in time.'
AS SELECT
    name AS capability,
    r.memberKind AS member_kind,
    r.member AS member,
    r.exempt AS exempt,
    ifNull(parseDateTime64BestEffortOrNull(r.`from`, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared
FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, memberKind String, member String, exempt Bool)'), JSONExtractArrayRaw(rows)) AS r
WHERE (class = 'capability') AND (r.member != '');

CREATE VIEW payoff.process_changes
(
    `changed_at` DateTime64(3, 'UTC') COMMENT 'When it changed.',
    `what` String COMMENT 'What changed, in the words of who recorded it.',
    `metrics` Array(String) COMMENT 'Metrics it concerns; none: all.',
    `service` LowCardinality(String) COMMENT 'Service whose process changed; with team and unit empty, too: everybody\'s.',
    `team` LowCardinality(String) COMMENT 'Team whose process changed.',
    `unit` String COMMENT 'Unit whose process changed.',
    `source` LowCardinality(String) COMMENT 'Who recorded it.',
    `recorded_at` DateTime64(3, 'UTC') COMMENT 'When the record reached Payoff.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Changes of processes, as recorded.'
AS SELECT
    occurred_at AS changed_at,
    subject AS what,
    JSONExtract(data, 'subject', 'content', 'metrics', 'Array(String)') AS metrics,
    service,
    team,
    unit,
    source,
    received_at AS recorded_at
FROM payoff_private.events
FINAL
WHERE (kind = 'process.changed') AND (JSONExtractString(data, 'subject', 'content', 'state') != 'withdrawn');

CREATE VIEW payoff.restatements
(
    `metric` LowCardinality(String) COMMENT 'Name of the metric.',
    `version` UInt16 COMMENT 'Version of its definition.',
    `grain` LowCardinality(String) COMMENT 'day, week, month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `service` LowCardinality(String) COMMENT 'Service, or empty.',
    `team` LowCardinality(String) COMMENT 'Team, or empty.',
    `unit` LowCardinality(String) COMMENT 'Unit, or empty; service, team and unit empty: the whole.',
    `dims` LowCardinality(String) COMMENT 'Canonical JSON of further dimensions, or empty.',
    `previous_value` Nullable(Float64) COMMENT 'What was said before.',
    `value` Nullable(Float64) COMMENT 'The number, in the metric\'s unit; null when it does not exist.',
    `previous_n` UInt64 COMMENT 'Facts it was computed from before.',
    `n` UInt64 COMMENT 'Facts it is computed from.',
    `previous_computed_at` Nullable(DateTime64(6, 'UTC')) COMMENT 'When that was said.',
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When it was computed.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Corrections of published points: what was said before and what is said now.'
AS SELECT
    metric,
    version,
    grain,
    window_start,
    window_end,
    service,
    team,
    unit,
    dims,
    previous_value,
    value,
    previous_n,
    n,
    previous_computed_at,
    computed_at
FROM
(
    SELECT
        *,
        lagInFrame(value) OVER w AS previous_value,
        lagInFrame(n) OVER w AS previous_n,
        lagInFrame(toNullable(computed_at)) OVER w AS previous_computed_at
    FROM payoff.metric_point_log
    WINDOW w AS (PARTITION BY metric, grain, version, service, team, unit, dims, window_start ORDER BY generation ASC, computed_at ASC ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE previous_computed_at IS NOT NULL;

CREATE TABLE payoff.reviews
(
    `week` LowCardinality(String) COMMENT 'Reviewed week, as 2026-W46.',
    `published_at` DateTime64(3, 'UTC') COMMENT 'When it was published; the earliest row of a week holds.',
    `as_of` DateTime64(6, 'UTC') COMMENT 'What was known then is what it says.',
    `html` String COMMENT 'The review as one HTML document that needs nothing else.',
    `markdown` String COMMENT 'The same in CommonMark.',
    `sha256` String COMMENT 'SHA-256 of html, in hexadecimal.'
)
ENGINE = MergeTree
ORDER BY (week, published_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192
COMMENT 'Weekly reviews as they were published.';

CREATE VIEW payoff.rotations
(
    `rotation` LowCardinality(String) COMMENT 'Rotation.',
    `team` LowCardinality(String) COMMENT 'Team that is on call.',
    `calendar` LowCardinality(String) COMMENT 'Calendar of its working hours, in payoff.working_hours.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Rotations as the organisation declares them, half-open in time.'
AS SELECT
    name AS rotation,
    r.team AS team,
    r.calendar AS calendar,
    ifNull(parseDateTime64BestEffortOrNull(r.`from`, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared
FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, team String, calendar String)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'rotation';

CREATE TABLE payoff.schema_migrations
(
    `number` UInt32 COMMENT 'Number of the migration; they are applied in this order.',
    `name` String COMMENT 'Its file name.',
    `checksum` String COMMENT 'SHA-256 of the file; an applied migration must not change.',
    `applied_at` DateTime64(3, 'UTC') COMMENT 'When it was recorded as applied.'
)
ENGINE = MergeTree
ORDER BY (number, applied_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192
COMMENT 'Migrations applied to this store.';

CREATE VIEW payoff.service_coverage
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `first_at` DateTime64(3, 'UTC') COMMENT 'Start of the first known deployment.',
    `covered_to` DateTime64(3, 'UTC') COMMENT 'First instant of which nothing is known: retirement or the sources\' freshness horizon, whichever is earlier.',
    `known_to` DateTime64(3, 'UTC') COMMENT 'The sources\' freshness horizon, retirement left aside.',
    `midnight` DateTime64(3, 'UTC') COMMENT 'The last midnight before that, in the organisation\'s time zone: what waits is counted as of then.',
    `retired_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was taken out of its environment for good.',
    `failure_window_ms` Int64 COMMENT 'How long after a deployment an incident is still put down to it, in milliseconds.',
    `sources` Array(Tuple(
        source LowCardinality(String),
        scope String)) COMMENT 'Who reports its deployments; the scope is the repository for sources that are pulled by repository.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Time range in which the deployments of a service are known, half-open.'
AS SELECT
    service,
    '' AS team,
    '' AS unit,
    tier,
    first_at,
    covered_to,
    known_to,
    midnight,
    retired_at,
    failure_window_ms,
    sources
FROM payoff_private.service_coverage
FINAL;

CREATE VIEW payoff.service_owners
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `team` LowCardinality(String) COMMENT 'Team that owns it.',
    `unit` LowCardinality(String) COMMENT 'Unit of the team at the time.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Owners of services, half-open in time.'
AS SELECT
    service,
    team,
    unit,
    valid_from,
    valid_to
FROM payoff_private.service_ownership
FINAL
WHERE team != '';

CREATE VIEW payoff.services
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name; a service may have several.',
    `paths` Array(String) COMMENT 'Globs of its paths in the repository; none: all of it.',
    `tier` LowCardinality(String) COMMENT 'How much depends on it, as the organisation says it.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Services as the organisation declares them, half-open in time.'
AS SELECT
    name AS service,
    r.repository AS repository,
    r.paths AS paths,
    r.tier AS tier,
    ifNull(parseDateTime64BestEffortOrNull(r.`from`, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared
FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, team String, repository String, paths Array(String), tier String)'), JSONExtractArrayRaw(rows)) AS r
WHERE (class = 'service') AND (r.team = '');

CREATE VIEW payoff.shipped_changes
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `deployment_id` UUID COMMENT 'Deployment that shipped it.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `clock_start` DateTime64(3, 'UTC') COMMENT 'Author time, or committer time if earlier; of a squash whose commits are unknown the earliest time its pull request shows.',
    `merged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it came to the default branch; null when that is not known.',
    `shipped_at` DateTime64(3, 'UTC') COMMENT 'End of the part of the deployment that shipped it.',
    `lead_ms` Nullable(Int64) COMMENT 'shipped_at minus clock_start in milliseconds; null for the baseline and where it would be negative.',
    `baseline` Bool COMMENT 'Shipped by the first deployment: no lead time.',
    `link_quality` LowCardinality(String) COMMENT 'How well it is known: commit; squash: through the pull request it was squashed in; push_order: by the order of pushes.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful: future_authored, shipped_before_authored.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Changes that reached a tier, each with the deployment that shipped it.'
AS SELECT
    f.named AS service,
    o.team AS team,
    o.unit AS unit,
    f.tier AS tier,
    f.repository AS repository,
    f.commit AS commit,
    f.deployment_id AS deployment_id,
    f.actor_kind AS actor_kind,
    f.clock_start AS clock_start,
    f.merged_at AS merged_at,
    f.shipped_at AS shipped_at,
    f.lead_ms AS lead_ms,
    f.baseline AS baseline,
    f.link_quality AS link_quality,
    f.flags AS flags
FROM
(
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        *,
        service AS named
    FROM payoff_private.shipped_changes
    FINAL
    WHERE (service, toStartOfQuarter(shipped_at, zone)) NOT IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )
    UNION ALL
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        * REPLACE ('' AS repository, '' AS commit),
        '' AS named
    FROM payoff_private.shipped_changes
    FINAL
    WHERE ((service, toStartOfQuarter(shipped_at, zone)) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )) AND (service IN (
        SELECT service
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    ))
) AS f
ASOF LEFT JOIN
(
    SELECT
        service,
        valid_from,
        team,
        unit
    FROM payoff_private.shown_owners
    FINAL
) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
SETTINGS join_use_nulls = 0;

CREATE VIEW payoff.shipped_pull_requests
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `change` String COMMENT 'The pull request, as owner/name#number.',
    `deployment_id` UUID COMMENT 'Deployment that shipped it.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `first_authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Earliest author time of its commits.',
    `work_started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When work on its tickets began.',
    `ready_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it became ready for review.',
    `reviewed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First review by another person, no bot.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it was merged.',
    `shipped_at` DateTime64(3, 'UTC') COMMENT 'End of the part of the deployment that shipped it.',
    `coding_ms` Nullable(Int64) COMMENT 'First author time to ready for review; stages that are unknown or negative are null.',
    `pickup_ms` Nullable(Int64) COMMENT 'Ready to first review.',
    `review_ms` Nullable(Int64) COMMENT 'First review to merged.',
    `deploy_ms` Nullable(Int64) COMMENT 'Merged to deployed.',
    `delivery_ms` Nullable(Int64) COMMENT 'Work started to deployed.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Pull requests that reached a tier, with the time each stage took, in milliseconds.'
AS SELECT
    f.named AS service,
    o.team AS team,
    o.unit AS unit,
    f.tier AS tier,
    f.repository AS repository,
    f.change AS change,
    f.deployment_id AS deployment_id,
    f.actor_kind AS actor_kind,
    f.first_authored_at AS first_authored_at,
    f.work_started_at AS work_started_at,
    f.ready_at AS ready_at,
    f.reviewed_at AS reviewed_at,
    f.merged_at AS merged_at,
    f.shipped_at AS shipped_at,
    f.coding_ms AS coding_ms,
    f.pickup_ms AS pickup_ms,
    f.review_ms AS review_ms,
    f.deploy_ms AS deploy_ms,
    f.delivery_ms AS delivery_ms
FROM
(
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        *,
        service AS named
    FROM payoff_private.shipped_pull_requests
    FINAL
    WHERE (service, toStartOfQuarter(shipped_at, zone)) NOT IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )
    UNION ALL
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone
    SELECT
        * REPLACE ('' AS repository, '' AS change),
        '' AS named
    FROM payoff_private.shipped_pull_requests
    FINAL
    WHERE ((service, toStartOfQuarter(shipped_at, zone)) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    )) AND (service IN (
        SELECT service
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    ))
) AS f
ASOF LEFT JOIN
(
    SELECT
        service,
        valid_from,
        team,
        unit
    FROM payoff_private.shown_owners
    FINAL
) AS o ON (o.service = f.service) AND (o.valid_from <= f.shipped_at)
SETTINGS join_use_nulls = 0;

CREATE VIEW payoff.team_members
(
    `team` LowCardinality(String) COMMENT 'Team.',
    `members` Nullable(UInt32) COMMENT 'Members in that time; null below 3.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Sizes of teams, half-open in time; empty while no members are declared.'
AS SELECT
    team,
    if(members < 3, NULL, members) AS members,
    valid_from,
    valid_to
FROM payoff_private.team_sizes
FINAL;

CREATE VIEW payoff.teams
(
    `team` LowCardinality(String) COMMENT 'Team.',
    `unit` LowCardinality(String) COMMENT 'Unit it is part of.',
    `line` LowCardinality(String) COMMENT 'The same for all teams that continue one another by being renamed, merged or split: named after the oldest.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Teams and their units, half-open in time.'
AS SELECT
    name AS team,
    r.unit AS unit,
    if(r.line = '', name, r.line) AS line,
    ifNull(parseDateTime64BestEffortOrNull(r.`from`, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared
FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, unit String, line String)'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'team';

CREATE VIEW payoff.tickets
(
    `ticket` String COMMENT 'Provider\'s id.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `category` String COMMENT 'As the tool names it, the last time: production help, bug, how-to, …',
    `type` String COMMENT 'Type of the ticket.',
    `helped_by` String COMMENT 'Group or team it lies with.',
    `team` String COMMENT 'Team that asked.',
    `service` String COMMENT 'Service it is about; empty when none is named, and in a quarter in which it is shown only inside its unit.',
    `capability` String COMMENT 'Capability it is about; empty when none is named.',
    `tier` String COMMENT 'Tier of support.',
    `channel` String COMMENT 'tool, chat, office hours.',
    `priority` String COMMENT 'As the tool names it.',
    `state` String COMMENT 'As the tool named it last.',
    `opened_at` DateTime64(3, 'UTC') COMMENT 'When it was first heard of: created, where that is known.',
    `closed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was closed, the last time; null while it is open, also again.',
    `resolution` String COMMENT 'How it ended.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Requests for support as they stand now.'
AS SELECT
    subject AS ticket,
    source,
    argMaxIf(u.category, occurred_at, u.category != '') AS category,
    argMaxIf(c.ticketType, occurred_at, c.ticketType != '') AS type,
    argMaxIf(c.group, occurred_at, c.group != '') AS helped_by,
    argMaxIf(toString(e.team), occurred_at, e.team != '') AS team,
    argMaxIf(toString(e.service), occurred_at, e.service != '') AS service,
    argMaxIf(toString(e.capability), occurred_at, e.capability != '') AS capability,
    argMaxIf(u.tier, occurred_at, u.tier != '') AS tier,
    argMaxIf(u.channel, occurred_at, u.channel != '') AS channel,
    argMaxIf(c.priority, occurred_at, c.priority != '') AS priority,
    argMaxIf(u.state, occurred_at, u.state != '') AS state,
    min(occurred_at) AS opened_at,
    if(maxIf(occurred_at, kind = 'ticket.closed') < maxIf(occurred_at, (kind != 'ticket.closed') AND (lower(u.state) IN ('open', 'new', 'reopened', 'in_progress', 'pending'))), NULL, maxOrNullIf(occurred_at, kind = 'ticket.closed')) AS closed_at,
    argMaxIf(c.resolution, occurred_at, c.resolution != '') AS resolution
FROM
(
    WITH
        (
            SELECT if(max(value) = '', 'UTC', max(value))
            FROM payoff.organisation
            FINAL
            WHERE key = 'timezone'
        ) AS zone,
        (f.service, toStartOfQuarter(f.occurred_at, zone)) IN (
            SELECT
                service,
                quarter
            FROM payoff_private.hidden
            FINAL
            WHERE repository = ''
        ) AS hidden
    SELECT
        kind,
        source,
        subject,
        occurred_at,
        if(hidden, '', f.service) AS service,
        team,
        capability,
        JSONExtract(data, 'subject', 'content', 'Tuple(ticketType String, `group` String, priority String, resolution String)') AS c,
        JSONExtract(data, 'customData', 'Tuple(category String, tier String, channel String, state String)') AS u
    FROM payoff_private.events AS f
    FINAL
    WHERE (kind IN ('ticket.created', 'ticket.updated', 'ticket.closed')) AND (NOT has(flags, 'impossible_time'))
) AS e
GROUP BY
    source,
    subject;

CREATE VIEW payoff.waiting_changes
(
    `service` LowCardinality(String) COMMENT 'Service; empty in a quarter in which it is shown only inside its unit, as is what would name it.',
    `team` LowCardinality(String) COMMENT 'Team that owned the service at the time; empty while no owner is known, and where it is shown only inside its unit, as one of fewer than three members.',
    `unit` LowCardinality(String) COMMENT 'Unit of that team; empty while none is known.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `clock_start` DateTime64(3, 'UTC') COMMENT 'Author time, or committer time if earlier.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it came to the default branch.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Changes on the default branch that no deployment has shipped.'
AS WITH
    (
        SELECT if(max(value) = '', 'UTC', max(value))
        FROM payoff.organisation
        FINAL
        WHERE key = 'timezone'
    ) AS zone,
    (f.service, toStartOfQuarter(f.merged_at, zone)) IN (
        SELECT
            service,
            quarter
        FROM payoff_private.hidden
        FINAL
        WHERE repository = ''
    ) AS hidden
SELECT
    if(hidden, '', f.service) AS service,
    o.team AS team,
    o.unit AS unit,
    f.tier AS tier,
    if(hidden, '', f.repository) AS repository,
    if(hidden, '', f.commit) AS commit,
    f.actor_kind AS actor_kind,
    f.clock_start AS clock_start,
    f.merged_at AS merged_at
FROM payoff_private.waiting_changes AS f
FINAL
ASOF LEFT JOIN
(
    SELECT
        service,
        valid_from,
        team,
        unit
    FROM payoff_private.shown_owners
    FINAL
) AS o ON (o.service = f.service) AND (o.valid_from <= f.merged_at)
SETTINGS join_use_nulls = 0;

CREATE VIEW payoff.working_hours
(
    `calendar` LowCardinality(String) COMMENT 'Calendar.',
    `zone` LowCardinality(String) COMMENT 'Time zone, by its IANA name.',
    `days` Array(String) COMMENT 'Working days: mon, tue, …',
    `opens` String COMMENT 'When a working day begins, as 09:00.',
    `closes` String COMMENT 'When it ends.',
    `holidays` Array(String) COMMENT 'Days that are no working days, as 2026-12-25.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Working calendars as the organisation declares them, half-open in time.'
AS SELECT
    name AS calendar,
    r.zone AS zone,
    r.days AS days,
    r.opens AS opens,
    r.closes AS closes,
    r.holidays AS holidays,
    ifNull(parseDateTime64BestEffortOrNull(r.`from`, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared
FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, zone String, days Array(String), opens String, closes String, holidays Array(String))'), JSONExtractArrayRaw(rows)) AS r
WHERE class = 'calendar';

CREATE TABLE payoff_private.attempts
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'service.deployed, service.upgraded, service.rolledback, service.removed, deployment.failed or deployment.started.',
    `attempt` String COMMENT 'Provider\'s id of the attempt; its transitions share it.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Commit that was deployed.',
    `artifact_version` String COMMENT 'Version as the team names it.',
    `ref` String COMMENT 'Branch or tag that was deployed.',
    `run_id` String COMMENT 'Pipeline run that did it.',
    `outcome` LowCardinality(String) COMMENT 'succeeded, failed, cancelled, unknown; empty while it runs.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began, where the source says so.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When the event happened: the end of an attempt that ended.',
    `time_quality` LowCardinality(String) COMMENT 'commit: the time is that of the commit.',
    `aliases` Array(String) COMMENT 'Further names of the version.',
    `fixes` Array(String) COMMENT 'Deployments or incidents it repairs.',
    `hotfix` Bool COMMENT 'Marked as a hotfix.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.',
    `deleted` UInt8 COMMENT '1: the fact\'s last version tells of another service.'
)
ENGINE = ReplacingMergeTree(version, deleted)
ORDER BY (service, event_id)
SETTINGS index_granularity = 8192
COMMENT 'Attempts to deploy by fact, derived from event_log.';

CREATE TABLE payoff_private.change_facts
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `change` String COMMENT 'The pull request, as owner/name#number.',
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot.',
    `actor` String COMMENT 'Pseudonym of the person, or name of the bot.',
    `merge_commit` String COMMENT 'Commit the merge made.',
    `head_commit` String COMMENT 'Last commit of its branch.',
    `commits` Array(String) COMMENT 'Its commits, oldest first.',
    `commit_count` Int64 COMMENT 'How many they are; 0 when it is not said.',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was opened.',
    `ready_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it became ready for review.',
    `default_branch` Bool COMMENT 'It goes to the default branch.',
    `hotfix` Bool COMMENT 'Marked as a hotfix.',
    `reverts` Array(String) COMMENT 'Commits it takes back.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it repairs.',
    `tickets` Array(String) COMMENT 'Work items it names.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (repository, change, source, event_id)
SETTINGS index_granularity = 8192
COMMENT 'Reports about pull requests, derived from event_log.';

CREATE TABLE payoff_private.collected
(
    `source` LowCardinality(String) COMMENT 'Kind of what is collected: git.',
    `name` String COMMENT 'What is collected: a repository as owner/name.',
    `at` DateTime64(3, 'UTC') COMMENT 'When the attempt ended.',
    `told` UInt64 COMMENT 'Events it told.',
    `error` String COMMENT 'Why it failed; empty if it did not.'
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (source, name)
SETTINGS index_granularity = 8192
COMMENT 'The last attempt to collect from each place.';

CREATE TABLE payoff_private.commits
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Full hash.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `parents` Array(String) COMMENT 'Parents, first parent first.',
    `parents_known` Bool COMMENT 'Whether the source knows the parents: a webhook does not.',
    `authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Author time.',
    `committed_at` DateTime64(3, 'UTC') COMMENT 'Committer time.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot.',
    `actor` String COMMENT 'Pseudonym of the author, or name of the bot.',
    `paths` Array(String) COMMENT 'Touched paths.',
    `paths_cut` Bool COMMENT 'More paths were touched than are listed.',
    `reverts` Array(String) COMMENT 'Commits it takes back.',
    `cherry_pick_of` String COMMENT 'Commit it was picked from.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it repairs.',
    `tickets` Array(String) COMMENT 'Work items it names.',
    `boundary` Bool COMMENT 'Its parents are missing: a shallow clone ends here.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (repository, commit, source, event_id)
SETTINGS index_granularity = 8192
COMMENT 'Commits by repository, derived from event_log.';

CREATE TABLE payoff_private.committers
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `step` LowCardinality(String) COMMENT 'merged, or shipped: metrics count changes by the one or the other.',
    `at` DateTime64(3, 'UTC') COMMENT 'When the change was merged, or in production.',
    `person` String COMMENT 'Pseudonym of its author, aliases resolved.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, step, at, person)
SETTINGS index_granularity = 8192
COMMENT 'Authors of changes to production, without bots.';

CREATE TABLE payoff_private.compute_state
(
    `generation` UInt64 COMMENT 'Log rows seen by the run.',
    `definitions` String COMMENT 'Hash of the definitions and rules the points were computed by.',
    `positions` Array(Tuple(
        log_epoch UInt32,
        topic String,
        partition Int32,
        next_offset Int64)) COMMENT 'First position of each partition that is not yet in the derived tables.',
    `computed_at` DateTime64(6, 'UTC') COMMENT 'When the run ended.'
)
ENGINE = MergeTree
ORDER BY (generation, computed_at)
TTL toDateTime(computed_at) + toIntervalDay(400)
SETTINGS index_granularity = 8192
COMMENT 'How far the log has been derived, linked and computed: the row of the greatest generation, then time.';

CREATE TABLE payoff_private.corrections
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it was said.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `deployment` String COMMENT 'Deployment it is about: any of its names.',
    `incident` String COMMENT 'Incident it is about.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY event_id
SETTINGS index_granularity = 8192
COMMENT 'Confirmed and dismissed failures, derived from event_log.';

CREATE TABLE payoff_private.dead_letters
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log; see payoff_private.log_epochs.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record.',
    `partition` Int32 COMMENT 'Kafka partition of the record.',
    `offset` Int64 COMMENT 'Kafka offset of the record.',
    `source` LowCardinality(String) COMMENT 'Who sent it, where that is known.',
    `endpoint` LowCardinality(String) COMMENT 'The endpoint of the source that took it, where that is known.',
    `reason` String COMMENT 'Why it is no event, in words its sender can act on.',
    `field` String COMMENT 'The field that is wrong; empty when it is not one field.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff; when it was published, if it does not say.',
    `parked_at` DateTime64(3, 'UTC') COMMENT 'When it was put here.',
    `replayed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last sent through the mapping again; null if never.',
    `revision` UInt32 COMMENT 'How often it was replayed; the greatest is current.',
    `sealed` Bool COMMENT 'Whether body is sealed to the delivery key.',
    `headers` Map(LowCardinality(String), String) COMMENT 'Headers of the record.',
    `key` String COMMENT 'Key of the record.',
    `body` String COMMENT 'The record as it was.' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY (log_epoch, topic, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192
COMMENT 'Records that could not be loaded, with their bodies. Read it FINAL, or through payoff.dead_letters.';

CREATE TABLE payoff_private.deployments
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'Identity: that of its first attempt.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `source` LowCardinality(String) COMMENT 'Who reported its first attempt.',
    `repository` LowCardinality(String) COMMENT 'Repository of its first part.',
    `environments` Array(String) COMMENT 'Environments it went to.',
    `commit` String COMMENT 'Commit of its first part.',
    `artifact_version` String COMMENT 'Version as the team names it.',
    `started_at` DateTime64(3, 'UTC') COMMENT 'First start of its attempts.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'Last end of its attempts.',
    `succeeded` Bool COMMENT 'The latest attempt of each part succeeded.',
    `class` LowCardinality(String) COMMENT 'baseline, release, redeployment, rollback, re_release, or unsuccessful.',
    `marks` Nullable(UUID) COMMENT 'Rollback: the deployment it marks as failed.',
    `attempts` UInt32 COMMENT 'Attempts that make it.',
    `changes` UInt32 COMMENT 'Changes it shipped, baseline not counted.',
    `names` Array(String) COMMENT 'All it may be called by: identities of its attempts and runs, versions, commits.',
    `hotfix` Bool COMMENT 'Marked as a hotfix, by itself or by a pull request it shipped.',
    `fixes` Array(String) COMMENT 'Deployments and incidents it says it repairs.',
    `takes_back` Array(String) COMMENT 'Deployments of whose changes it ships a revert, shipped less than the remedy window before.',
    `rework` Array(LowCardinality(String)) COMMENT 'Why it is rework: rollback, revert, hotfix, names_repaired; empty if it is not.',
    `link_quality` LowCardinality(String) COMMENT 'commit, push_order, or unknown_commit: its commit is not in the known history.',
    `time_quality` LowCardinality(String) COMMENT 'commit: its time is that of the commit.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, deployment_id)
SETTINGS index_granularity = 8192
COMMENT 'Deployments, linked from attempts.';

CREATE TABLE payoff_private.dirty_ranges
(
    `generation` UInt64 COMMENT 'Run that found them.',
    `fact` LowCardinality(String) COMMENT 'Table of facts that changed there: metrics that read it are computed anew.',
    `range_start` DateTime64(3, 'UTC') COMMENT 'First instant.',
    `range_end` DateTime64(3, 'UTC') COMMENT 'First instant after.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept 30 days.'
)
ENGINE = MergeTree
ORDER BY (generation, range_start)
TTL toDateTime(written_at) + toIntervalDay(30)
SETTINGS index_granularity = 8192
COMMENT 'Ranges of time whose points are to be computed.';

CREATE TABLE payoff_private.dirty_services
(
    `generation` UInt64 COMMENT 'Run that found them.',
    `service` LowCardinality(String) COMMENT 'Service.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept 30 days.'
)
ENGINE = MergeTree
ORDER BY (generation, service)
TTL toDateTime(written_at) + toIntervalDay(30)
SETTINGS index_granularity = 8192
COMMENT 'Services whose points are to be computed.';

CREATE TABLE payoff_private.event_log
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the row was read from; raised when the log is replaced.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic the row was read from.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `offset` Int64 COMMENT 'Kafka offset; (log_epoch, topic, partition, offset) is the row\'s position.' CODEC(Delta(8), ZSTD(1)),
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When the row was loaded.' CODEC(Delta(8), ZSTD(1)),
    `event_id` UUID COMMENT 'Identity of the fact: the same for a webhook, its redelivery and the API\'s answer.' CODEC(NONE),
    `version` UInt256 COMMENT 'Version of the fact: mapping, provider\'s sequence, hash of the data. The greatest is current.' CODEC(ZSTD(1)),
    `source` LowCardinality(String) COMMENT 'Who reported the fact.',
    `kind` LowCardinality(String) COMMENT 'What happened, e.g. service.deployed.',
    `type` LowCardinality(String) COMMENT 'CloudEvents type, with the version the sender wrote.',
    `subject` String COMMENT 'The entity it happened to: a service, a commit, an incident.' CODEC(ZSTD(1)),
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `recorded_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the provider last touched its record, if it says so.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff.' CODEC(Delta(8), ZSTD(1)),
    `actor_kind` LowCardinality(String) COMMENT 'human, bot, or empty when unknown.',
    `actor` String COMMENT 'Pseudonym of a person, or name of a bot.' CODEC(ZSTD(1)),
    `service` LowCardinality(String) COMMENT 'Service it is about.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Commit hash.' CODEC(ZSTD(1)),
    `ref` String COMMENT 'Branch or tag.' CODEC(ZSTD(1)),
    `outcome` LowCardinality(String) COMMENT 'How it ended.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began, where the body says so.',
    `incident` String COMMENT 'Incident it belongs to.' CODEC(ZSTD(1)),
    `team` LowCardinality(String) COMMENT 'Team the event itself names.',
    `unit` String COMMENT 'Unit that used or was offered a capability: a team, a service or a person\'s pseudonym.' CODEC(ZSTD(1)),
    `capability` LowCardinality(String) COMMENT 'Capability it is about.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about the fact, e.g. impossible_time.',
    `data` String COMMENT 'The canonical CDEvents body, JSON.' CODEC(ZSTD(1)),
    INDEX event_ids event_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(loaded_at)
ORDER BY (log_epoch, topic, partition, offset)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192
COMMENT 'One row per Kafka record, by its position. Read it FINAL, or through payoff.event_log.';

CREATE TABLE payoff_private.events
(
    `log_epoch` UInt32 COMMENT 'Which Kafka log the row was read from; raised when the log is replaced.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic the row was read from.',
    `partition` Int32 COMMENT 'Kafka partition.',
    `offset` Int64 COMMENT 'Kafka offset; (log_epoch, topic, partition, offset) is the row\'s position.' CODEC(Delta(8), ZSTD(1)),
    `loaded_at` DateTime64(3, 'UTC') COMMENT 'When the row was loaded.' CODEC(Delta(8), ZSTD(1)),
    `event_id` UUID COMMENT 'Identity of the fact: the same for a webhook, its redelivery and the API\'s answer.' CODEC(NONE),
    `version` UInt256 COMMENT 'Version of the fact: mapping, provider\'s sequence, hash of the data. The greatest is current.' CODEC(ZSTD(1)),
    `source` LowCardinality(String) COMMENT 'Who reported the fact.',
    `kind` LowCardinality(String) COMMENT 'What happened, e.g. service.deployed.',
    `type` LowCardinality(String) COMMENT 'CloudEvents type, with the version the sender wrote.',
    `subject` String COMMENT 'The entity it happened to: a service, a commit, an incident.' CODEC(ZSTD(1)),
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `recorded_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the provider last touched its record, if it says so.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When it reached Payoff.' CODEC(Delta(8), ZSTD(1)),
    `actor_kind` LowCardinality(String) COMMENT 'human, bot, or empty when unknown.',
    `actor` String COMMENT 'Pseudonym of a person, or name of a bot.' CODEC(ZSTD(1)),
    `service` LowCardinality(String) COMMENT 'Service it is about.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `commit` String COMMENT 'Commit hash.' CODEC(ZSTD(1)),
    `ref` String COMMENT 'Branch or tag.' CODEC(ZSTD(1)),
    `outcome` LowCardinality(String) COMMENT 'How it ended.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it began, where the body says so.',
    `incident` String COMMENT 'Incident it belongs to.' CODEC(ZSTD(1)),
    `team` LowCardinality(String) COMMENT 'Team the event itself names.',
    `unit` String COMMENT 'Unit that used or was offered a capability: a team, a service or a person\'s pseudonym.' CODEC(ZSTD(1)),
    `capability` LowCardinality(String) COMMENT 'Capability it is about.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about the fact, e.g. impossible_time.',
    `data` String COMMENT 'The canonical CDEvents body, JSON.' CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (kind, source, event_id)
SETTINGS index_granularity = 8192
COMMENT 'The current version of each fact. Read it FINAL, or through payoff.events.';

CREATE TABLE payoff_private.failed_deployments
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'production, staging, testing, development or unknown, by the configured rules.',
    `deployment_id` UUID COMMENT 'The deployment.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `ended_at` DateTime64(3, 'UTC') COMMENT 'End of the deployment: it counts in this window.',
    `succeeded` Bool COMMENT 'Whether the deployment itself succeeded.',
    `rule` LowCardinality(String) COMMENT 'Strongest rule: confirmed by a person; a: an incident names it; b: rolled back or reverted; c: a hotfix followed; d: an incident soon after.',
    `incidents` Array(String) COMMENT 'Incidents put down to it.',
    `remedies` Array(String) COMMENT 'Deployments that rolled it back, reverted or fixed it.',
    `failed_at` DateTime64(3, 'UTC') COMMENT 'The earlier of the deployment\'s end and its first incident\'s begin.',
    `restored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the last of its incidents was mitigated, else resolved; without incidents the end of the first remedy.',
    `recovery_ms` Nullable(Int64) COMMENT 'restored_at minus failed_at in milliseconds; null while it is open, and where it is not positive.',
    `open` Bool COMMENT 'Not restored yet.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, deployment_id)
SETTINGS index_granularity = 8192
COMMENT 'Failed deployments.';

CREATE TABLE payoff_private.faults
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `kind` LowCardinality(String) COMMENT 'unknown_tier, commit_cycle.',
    `subject` String COMMENT 'What it is about.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `at` DateTime64(3, 'UTC') COMMENT 'When.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, kind, subject)
SETTINGS index_granularity = 8192
COMMENT 'Faults of the data that linking found.';

CREATE TABLE payoff_private.freshness
(
    `source` LowCardinality(String) COMMENT 'Who reports.',
    `last_occurred_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Latest time it told of, impossible times and those more than a day after their receipt left out; 1970-01-01 while there is none.',
    `last_received_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the latest of its facts reached Payoff.',
    `last_loaded_at` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'When the latest of its facts was loaded.',
    `facts` AggregateFunction(uniqCombined64, UUID) COMMENT 'Which facts it has reported, for counting.'
)
ENGINE = AggregatingMergeTree
ORDER BY source
SETTINGS index_granularity = 8192
COMMENT 'How far each source has been heard of, in states to be merged.';

CREATE TABLE payoff_private.hidden
(
    `service` LowCardinality(String) COMMENT 'Service; empty in the row of a repository.',
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name; empty in the row of a service.',
    `quarter` Date COMMENT 'First day of the quarter, in the organisation\'s time zone.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: it may be named again.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, repository, quarter)
SETTINGS index_granularity = 8192
COMMENT 'Services and repositories that facts of a quarter do not name.';

CREATE TABLE payoff_private.horizons
(
    `source` LowCardinality(String) COMMENT 'Who reports.',
    `scope` String COMMENT 'Repository, for sources that are read by repository; else empty.',
    `horizon` SimpleAggregateFunction(max, DateTime64(3, 'UTC')) COMMENT 'Time of the latest event it told of; events dated after their receipt do not count.'
)
ENGINE = AggregatingMergeTree
ORDER BY (source, scope)
SETTINGS index_granularity = 8192
COMMENT 'Freshness horizon of each source.';

CREATE TABLE payoff_private.incident_facts
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `incident` String COMMENT 'Provider\'s id of the incident.',
    `service` LowCardinality(String) COMMENT 'Service it disturbs.',
    `environment` LowCardinality(String) COMMENT 'Environment, as the source names it.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it was so.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the disturbance began, where the source says so.',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the incident was created, where the source says so.',
    `impact` Nullable(Bool) COMMENT 'Whether users were affected; null when it is not said.',
    `severity` String COMMENT 'As the tool names it.',
    `cause` String COMMENT 'Stated cause.',
    `deployment` String COMMENT 'Deployment it names.',
    `commit` String COMMENT 'Commit it names.',
    `label` String COMMENT 'impacting, false_alarm, not_cause.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (incident, source, event_id)
SETTINGS index_granularity = 8192
COMMENT 'Reports about incidents, derived from event_log.';

CREATE TABLE payoff_private.incidents
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `incident` String COMMENT 'Provider\'s id.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `tier` LowCardinality(String) COMMENT 'Tier of its environment; production when it names none.',
    `began_at` DateTime64(3, 'UTC') COMMENT 'When the disturbance began: as stated, else when it was detected.',
    `created_at` DateTime64(3, 'UTC') COMMENT 'When it was created, else detected.',
    `detected_at` DateTime64(3, 'UTC') COMMENT 'When it began to be known.',
    `acknowledged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When a person took it.',
    `mitigated_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When users were served again, after the last reopening.',
    `resolved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was over, after the last reopening.',
    `reopened_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was last reopened.',
    `impact` Nullable(Bool) COMMENT 'Whether users were affected; null when it is not said.',
    `severity` String COMMENT 'As the tool names it.',
    `cause` String COMMENT 'Stated cause.',
    `named_deployment` String COMMENT 'Deployment it names.',
    `named_commit` String COMMENT 'Commit it names.',
    `state` LowCardinality(String) COMMENT 'placed: it marks a deployment; unattributed: it marks none; false_alarm, no_impact, other_cause, dismissed: it is not put down to any; unknown_service.',
    `deployment_id` Nullable(UUID) COMMENT 'Deployment it marks as failed.',
    `rule` LowCardinality(String) COMMENT 'Rule that placed it: a, b, c, d.',
    `duration_ms` Nullable(Int64) COMMENT 'resolved_at minus created_at in milliseconds; null while it is open, and where it is negative.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, incident, source)
SETTINGS index_granularity = 8192
COMMENT 'Incidents, linked from their reports.';

CREATE TABLE payoff_private.log_epochs
(
    `log_epoch` UInt32 COMMENT 'Number of the epoch, from 1; the greatest is current.',
    `log_id` String COMMENT 'Identity of the Kafka log, as the log itself states it.',
    `started_at` DateTime64(3, 'UTC') COMMENT 'When the epoch was opened.'
)
ENGINE = MergeTree
ORDER BY (log_epoch, started_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, index_granularity = 8192
COMMENT 'Which Kafka log each epoch of positions belongs to.';

CREATE TABLE payoff_private.org_declared
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
SETTINGS index_granularity = 8192
COMMENT 'Entities of the organisation as declared, derived from event_log.';

CREATE TABLE payoff_private.person_aliases
(
    `alias` String COMMENT 'Pseudonym of a further account.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the organisation says so no more.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.',
    `person` String COMMENT 'Pseudonym of the person it belongs to.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (alias, valid_from)
SETTINGS index_granularity = 8192
COMMENT 'Accounts that are one person\'s.';

CREATE TABLE payoff_private.pushes
(
    `repository` LowCardinality(String) COMMENT 'Repository, as owner/name.',
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `occurred_at` DateTime64(3, 'UTC') COMMENT 'When it happened.',
    `ref` String COMMENT 'Branch.',
    `default_branch` Bool COMMENT 'It is the default branch.',
    `before` String COMMENT 'Commit it stood at before.',
    `commit` String COMMENT 'Commit it stands at.',
    `commits` Array(String) COMMENT 'Commits of the push, oldest first.',
    `forced` Bool COMMENT 'Moved by force.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful about it.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (repository, source, event_id)
SETTINGS index_granularity = 8192
COMMENT 'Pushes to branches, derived from event_log.';

CREATE TABLE payoff_private.service_coverage
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `first_at` DateTime64(3, 'UTC') COMMENT 'Start of the first known deployment.',
    `covered_to` DateTime64(3, 'UTC') COMMENT 'First instant of which nothing is known: retirement or the sources\' freshness horizon, whichever is earlier.',
    `known_to` DateTime64(3, 'UTC') COMMENT 'The sources\' freshness horizon, retirement left aside.',
    `midnight` DateTime64(3, 'UTC') COMMENT 'The last midnight before that, in the organisation\'s time zone: what waits is counted as of then.',
    `retired_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was taken out of its environment for good.',
    `failure_window_ms` Int64 COMMENT 'How long after a deployment an incident is still put down to it, in milliseconds.',
    `sources` Array(Tuple(
        source LowCardinality(String),
        scope String)) COMMENT 'Who reports its deployments; the scope is the repository for sources that are pulled by repository.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier)
SETTINGS index_granularity = 8192
COMMENT 'Time range in which the deployments of a service are known.';

CREATE TABLE payoff_private.service_ownership
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
SETTINGS index_granularity = 8192
COMMENT 'Owners of services for all time, resolved from what the organisation declares.';

CREATE TABLE payoff_private.shipped_changes
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `deployment_id` UUID COMMENT 'Deployment that shipped it.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `clock_start` DateTime64(3, 'UTC') COMMENT 'Author time, or committer time if earlier; of a squash whose commits are unknown the earliest time its pull request shows.',
    `merged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it came to the default branch; null when that is not known.',
    `shipped_at` DateTime64(3, 'UTC') COMMENT 'End of the part of the deployment that shipped it.',
    `lead_ms` Nullable(Int64) COMMENT 'shipped_at minus clock_start in milliseconds; null for the baseline and where it would be negative.',
    `baseline` Bool COMMENT 'Shipped by the first deployment: no lead time.',
    `link_quality` LowCardinality(String) COMMENT 'How well it is known: commit; squash: through the pull request it was squashed in; push_order: by the order of pushes.',
    `flags` Array(LowCardinality(String)) COMMENT 'What is doubtful: future_authored, shipped_before_authored.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, repository, commit)
SETTINGS index_granularity = 8192
COMMENT 'Changes and the deployment that shipped them.';

CREATE TABLE payoff_private.shipped_pull_requests
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier of the deployment.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `change` String COMMENT 'The pull request, as owner/name#number.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `deployment_id` UUID COMMENT 'Deployment that shipped it.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `first_authored_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Earliest author time of its commits.',
    `work_started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When work on its tickets began.',
    `ready_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it became ready for review.',
    `reviewed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First review by another person, no bot.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it was merged.',
    `shipped_at` DateTime64(3, 'UTC') COMMENT 'End of the part of the deployment that shipped it.',
    `coding_ms` Nullable(Int64) COMMENT 'First author time to ready for review; stages that are unknown or negative are null.',
    `pickup_ms` Nullable(Int64) COMMENT 'Ready to first review.',
    `review_ms` Nullable(Int64) COMMENT 'First review to merged.',
    `deploy_ms` Nullable(Int64) COMMENT 'Merged to deployed.',
    `delivery_ms` Nullable(Int64) COMMENT 'Work started to deployed.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, repository, change)
SETTINGS index_granularity = 8192
COMMENT 'Pull requests and the deployment that shipped them.';

CREATE TABLE payoff_private.shown_owners
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
SETTINGS index_granularity = 8192
COMMENT 'Owners of services for all time, as they are shown.';

CREATE TABLE payoff_private.suppressed
(
    `run` UInt64 COMMENT 'The run of computing: a random number.',
    `grain` LowCardinality(String) COMMENT 'day, week, month, quarter or year.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `service` LowCardinality(String) COMMENT 'Service that is not shown in it.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept a day.'
)
ENGINE = MergeTree
PARTITION BY run
ORDER BY (grain, window_start, service)
TTL toDateTime(written_at) + toIntervalDay(1)
SETTINGS index_granularity = 8192
COMMENT 'Windows in which services are shown only inside their unit, while points are computed.';

CREATE VIEW payoff_private.team_members
(
    `person` String COMMENT 'Pseudonym.',
    `team` LowCardinality(String) COMMENT 'Team.',
    `role` LowCardinality(String) COMMENT 'Role in the team.',
    `valid_from` DateTime64(3, 'UTC') COMMENT 'First instant; 1900-01-01: since ever.',
    `valid_to` DateTime64(3, 'UTC') COMMENT 'First instant after; 2200-01-01: until further notice.'
)
DEFINER = default SQL SECURITY DEFINER
COMMENT 'Members of teams, half-open in time.'
AS SELECT
    r.person AS person,
    r.team AS team,
    r.role AS role,
    ifNull(parseDateTime64BestEffortOrNull(r.`from`, 3, 'UTC'), toDateTime64('1900-01-01', 3, 'UTC')) AS valid_from,
    ifNull(parseDateTime64BestEffortOrNull(r.to, 3, 'UTC'), toDateTime64('2200-01-01', 3, 'UTC')) AS valid_to
FROM payoff_private.org_declared
FINAL
ARRAY JOIN arrayMap(row -> JSONExtract(row, 'Tuple(from String, to String, person String, team String, role String)'), JSONExtractArrayRaw(rows)) AS r
WHERE (class = 'person') AND (r.team != '');

CREATE TABLE payoff_private.team_sizes
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
SETTINGS index_granularity = 8192
COMMENT 'Sizes of teams for all time, resolved from what the organisation declares.';

CREATE TABLE payoff_private.waiting_changes
(
    `service` LowCardinality(String) COMMENT 'Service.',
    `tier` LowCardinality(String) COMMENT 'Tier.',
    `repository` LowCardinality(String) COMMENT 'Repository.',
    `commit` String COMMENT 'The change: a commit that is no merge.',
    `generation` UInt64 COMMENT 'Log rows seen by the run that wrote the row.',
    `deleted` UInt8 COMMENT '1: the facts no longer say so.',
    `actor_kind` LowCardinality(String) COMMENT 'human or bot, of the author.',
    `clock_start` DateTime64(3, 'UTC') COMMENT 'Author time, or committer time if earlier.',
    `merged_at` DateTime64(3, 'UTC') COMMENT 'When it came to the default branch.'
)
ENGINE = ReplacingMergeTree(generation, deleted)
ORDER BY (service, tier, repository, commit)
SETTINGS index_granularity = 8192
COMMENT 'Undeployed changes.';

CREATE TABLE payoff_private.window_pieces
(
    `run` UInt64 COMMENT 'The run of computing: a random number.',
    `asked` UInt16 COMMENT 'Which of the run\'s sets of windows.',
    `piece` DateTime64(3, 'UTC') COMMENT 'First instant of the piece.',
    `number` Int64 COMMENT 'The window: its start in milliseconds times 8 plus the place of its grain among those asked for, from 1; 0 if the piece is in none.',
    `window_start` DateTime64(3, 'UTC') COMMENT 'First instant of the window.',
    `window_end` DateTime64(3, 'UTC') COMMENT 'First instant after the window.',
    `written_at` DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was written; kept a day.'
)
ENGINE = MergeTree
PARTITION BY run
ORDER BY (asked, piece, number)
TTL toDateTime(written_at) + toIntervalDay(1)
SETTINGS index_granularity = 8192
COMMENT 'Pieces of time and the windows that hold them, while points are computed.';

CREATE TABLE payoff_private.work_items
(
    `event_id` UUID COMMENT 'Event that tells of it.',
    `version` UInt256 COMMENT 'Version of that fact.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `kind` LowCardinality(String) COMMENT 'Kind of the event.',
    `ticket` String COMMENT 'Work item, as commits name it.',
    `started_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When work on it began; null where the fact does not say.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (ticket, source, event_id)
SETTINGS index_granularity = 8192
COMMENT 'Starts of work on tickets, derived from event_log.';
