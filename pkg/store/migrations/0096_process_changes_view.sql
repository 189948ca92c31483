-- A process that was changed for good is judged by what came after. A baseline
-- begins anew only where somebody said so: here.
CREATE OR REPLACE VIEW payoff.process_changes
(
    `changed_at` DateTime64(3, 'UTC') COMMENT 'When it changed.',
    `what` String COMMENT 'What changed, in the words of who recorded it.',
    `metrics` Array(String) COMMENT 'Metrics it concerns; none: all.',
    `service` LowCardinality(String) COMMENT 'Service whose process changed; with team and unit empty, too: everybody''s.',
    `team` LowCardinality(String) COMMENT 'Team whose process changed.',
    `unit` String COMMENT 'Unit whose process changed.',
    `source` LowCardinality(String) COMMENT 'Who recorded it.',
    `recorded_at` DateTime64(3, 'UTC') COMMENT 'When the record reached Payoff.'
)
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT occurred_at AS changed_at, subject AS what, JSONExtract(data, 'subject', 'content', 'metrics', 'Array(String)') AS metrics, service, team, unit,
    source, received_at AS recorded_at
FROM payoff_private.events FINAL
WHERE kind = 'process.changed' AND JSONExtractString(data, 'subject', 'content', 'state') != 'withdrawn'
COMMENT 'Changes of processes, as recorded.'
