-- What was asked for, by category and team. Titles and texts are not kept, and who
-- asked is no column.
CREATE OR REPLACE VIEW payoff.tickets
(
    `ticket` String COMMENT 'Provider''s id.',
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
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS
SELECT subject AS ticket, source, argMaxIf(u.category, occurred_at, u.category != '') AS category, argMaxIf(c.ticketType, occurred_at, c.ticketType != '') AS type,
    argMaxIf(c.group, occurred_at, c.group != '') AS helped_by, argMaxIf(toString(e.team), occurred_at, e.team != '') AS team,
    argMaxIf(toString(e.service), occurred_at, e.service != '') AS service, argMaxIf(toString(e.capability), occurred_at, e.capability != '') AS capability,
    argMaxIf(u.tier, occurred_at, u.tier != '') AS tier, argMaxIf(u.channel, occurred_at, u.channel != '') AS channel,
    argMaxIf(c.priority, occurred_at, c.priority != '') AS priority, argMaxIf(u.state, occurred_at, u.state != '') AS state, min(occurred_at) AS opened_at,
    if(maxIf(occurred_at, kind = 'ticket.closed') < maxIf(occurred_at, kind != 'ticket.closed' AND lower(u.state) IN ('open', 'new', 'reopened', 'in_progress', 'pending')),
        NULL, maxOrNullIf(occurred_at, kind = 'ticket.closed')) AS closed_at,
    argMaxIf(c.resolution, occurred_at, c.resolution != '') AS resolution
FROM
(
    WITH (SELECT if(max(value) = '', 'UTC', max(value)) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
        (f.service, toStartOfQuarter(f.occurred_at, zone)) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '') AS hidden
    SELECT kind, source, subject, occurred_at, if(hidden, '', f.service) AS service, team, capability,
        JSONExtract(data, 'subject', 'content', 'Tuple(ticketType String, `group` String, priority String, resolution String)') AS c,
        JSONExtract(data, 'customData', 'Tuple(category String, tier String, channel String, state String)') AS u
    FROM payoff_private.events AS f FINAL
    WHERE kind IN ('ticket.created', 'ticket.updated', 'ticket.closed') AND NOT has(flags, 'impossible_time')
) AS e
GROUP BY source, subject
COMMENT 'Requests for support as they stand now.'
