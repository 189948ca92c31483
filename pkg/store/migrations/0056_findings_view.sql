-- What is kept but cannot be counted, or is counted with doubt: each with what to
-- do about it. A healthy installation has none, so each is looked for without FINAL
-- first: keys of which no version is suspicious need not be merged.
CREATE OR REPLACE VIEW payoff.findings
(
    `kind` LowCardinality(String) COMMENT 'What is wrong: no_service, no_environment, unknown_tier, no_end, impossible_time, unknown_commit, no_commit, missing_parents, commit_cycle, future_authored, shipped_before_authored, incident_without_service, recovery_not_positive, collect_failed.',
    `subject` String COMMENT 'What it is about: a service, a commit, an incident.',
    `source` LowCardinality(String) COMMENT 'Who reported it.',
    `at` DateTime64(3, 'UTC') COMMENT 'When it happened, as reported.',
    `what` String COMMENT 'What is wrong, in a sentence.',
    `todo` String COMMENT 'What to do about it.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT found.1 AS kind, subject, source, at, found.2 AS what, found.3 AS todo FROM
(
    SELECT arrayJoin(arrayConcat(
            if(service = '', [('no_service', 'A deployment names no service; it is in no metric.', 'Name the service in the event, or map its repository in services: of payoff.yaml.')], []),
            if(environment = '' AND service != '', [('no_environment', 'A deployment names no environment, so its tier is unknown; it is in no metric.', 'Name the environment in the event.')], []),
            if(has(flags, 'impossible_time'), [('impossible_time', 'A deployment is dated outside of what can be believed; it is in no metric.', 'Correct the clock or the format at the source and send it again.')], [])
        )) AS found, if(service = '', if(attempt = '', toString(event_id), attempt), service) AS subject, source, occurred_at AS at
    FROM payoff_private.attempts FINAL
    WHERE (service, event_id) IN (SELECT service, event_id FROM payoff_private.attempts WHERE service = '' OR environment = '' OR has(flags, 'impossible_time'))
    UNION ALL
    SELECT ('no_end', 'An attempt to deploy began and its end is not known; it is in no metric.', 'Send how it ended: service.deployed or deployment.failed with the same attempt.'),
        concat(service, ' ', any(artifact_version)), any(source), max(occurred_at)
    FROM payoff_private.attempts FINAL WHERE service != '' AND environment != '' AND kind != 'service.removed' AND NOT has(flags, 'impossible_time')
        AND (service, source, environment, attempt) IN (SELECT service, source, environment, attempt FROM payoff_private.attempts WHERE outcome = '')
    GROUP BY service, source, environment, if(attempt = '', toString(event_id), attempt) HAVING max(outcome) = ''
    UNION ALL
    SELECT arrayJoin(arrayConcat(
            if(has(flags, 'impossible_time'), [('impossible_time', 'A commit is dated outside of what can be believed.', 'Nothing, if the history is as it is: the commit counts by its place in the graph, without a lead time.')], []),
            if(has(flags, 'future_authored') OR authored_at > committed_at + INTERVAL 5 MINUTE,
                [('future_authored', 'A commit was authored after it was committed; its clock starts at the commit.', 'Correct the clock of the machine it was written on.')], []),
            if(boundary, [('missing_parents', 'The history ends at this commit, whose parents are not known.', 'Fetch the whole history: git fetch --unshallow, then import again.')], [])
        )), commit, source, committed_at
    FROM payoff_private.commits FINAL
    WHERE (repository, commit) IN (SELECT repository, commit FROM payoff_private.commits
        WHERE has(flags, 'impossible_time') OR has(flags, 'future_authored') OR authored_at > committed_at + INTERVAL 5 MINUTE OR boundary)
    UNION ALL
    SELECT if(commit != '', ('unknown_commit', 'A deployment\'s commit is not in the known history; what it shipped is not known.', 'Import the repository with payoff import git, or name the commit in the event.'),
            ('no_commit', 'A deployment names no commit, and no other one of its version does; what it shipped is not known.', 'Name the commit in the event: customData.commit.')),
        concat(service, ' ', if(commit = '', artifact_version, commit)), source, ended_at
    FROM payoff_private.deployments FINAL WHERE link_quality = 'unknown_commit' AND (commit != '' OR succeeded)
        AND (service, tier, deployment_id) IN (SELECT service, tier, deployment_id FROM payoff_private.deployments WHERE link_quality = 'unknown_commit')
    UNION ALL
    SELECT DISTINCT ('future_authored', 'A change was authored after it was merged; its clock starts at the commit.', 'Correct the clock of the machine it was written on.'),
        commit, '', assumeNotNull(merged_at)
    FROM payoff_private.shipped_changes FINAL
    WHERE has(flags, 'future_authored') AND commit NOT IN
        (SELECT commit FROM payoff_private.commits WHERE has(flags, 'future_authored') OR authored_at > committed_at + INTERVAL 5 MINUTE) -- listed above
        AND (service, tier, repository, commit) IN (SELECT service, tier, repository, commit FROM payoff_private.shipped_changes WHERE has(flags, 'future_authored'))
    UNION ALL
    SELECT ('shipped_before_authored', 'A change was shipped before it was written; it has no lead time.', 'Correct the clocks of the machine it was written on and of who deploys.'),
        concat(service, ' ', commit), '', shipped_at
    FROM payoff_private.shipped_changes FINAL WHERE has(flags, 'shipped_before_authored')
        AND (service, commit) IN (SELECT service, commit FROM payoff_private.shipped_changes WHERE has(flags, 'shipped_before_authored'))
    UNION ALL
    SELECT ('incident_without_service', 'An incident names no service; it marks a deployment only where it names one.', 'Name it at the source, or map it: pagerduty.places of payoff.yaml.'),
        incident, source, detected_at
    FROM payoff_private.incidents FINAL WHERE service = ''
    UNION ALL
    SELECT ('impossible_time', 'A report about an incident is dated outside of what can be believed; it is left out.', 'Correct the clock or the format at the source and send it again.'),
        incident, source, occurred_at
    FROM payoff_private.incident_facts FINAL WHERE has(flags, 'impossible_time')
        AND (incident, source, event_id) IN (SELECT incident, source, event_id FROM payoff_private.incident_facts WHERE has(flags, 'impossible_time'))
    UNION ALL
    SELECT DISTINCT if(kind = 'unknown_tier', (kind::String, 'An environment has no tier; what is deployed to it is in no metric.', 'Map the environment to a tier in tiers: of payoff.yaml.'),
            (kind::String, 'A commit is its own ancestor, which git makes impossible; what is reached is counted once.', 'Import the repository anew with payoff import git; a source invents parents.')),
        subject, source, at
    FROM payoff_private.faults FINAL WHERE kind IN ('unknown_tier', 'commit_cycle')
    UNION ALL
    SELECT ('recovery_not_positive', 'A failed deployment was restored before it failed; it has no recovery time.', 'Look at the times of its incidents and remedies.'),
        concat(service, ' ', toString(deployment_id)), '', failed_at
    FROM payoff_private.failed_deployments FINAL WHERE NOT open AND recovery_ms IS NULL
    UNION ALL
    SELECT ('collect_failed', concat('What is fetched by itself could not be: ', error, '.'), 'Look at the place under collect: in payoff.yaml, and at its token; it is tried again by itself.'),
        name, source, at
    FROM payoff_private.collected FINAL WHERE error != '' AND at > now() - INTERVAL 1 DAY -- what is configured no more is forgotten
)
COMMENT 'What is kept but not counted, or counted with doubt, and what to do about it.'
