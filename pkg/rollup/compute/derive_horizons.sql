-- How far each source has told. A source that is read repository by repository
-- tells of each alone; an event dated after its receipt is a mistake, no news.
INSERT INTO payoff_private.horizons (source, scope, horizon)
SELECT source, if(source = 'git', repository, '') AS scope, max(occurred_at)
FROM payoff_private.event_log
WHERE (/*new*/) AND NOT has(flags, 'impossible_time') AND occurred_at <= received_at + INTERVAL 1 DAY
GROUP BY source, scope
