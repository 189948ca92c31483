-- Makes the committers of the given services what links, commits and ownership
-- say: rows that are new, and those that are so no longer.
INSERT INTO payoff_private.committers (service, step, at, person, generation, deleted)
SELECT service, step, at, person, {generation:UInt64}, if(max(here), 0, 1)
FROM
(
    SELECT DISTINCT s.service AS service, s.step AS step, s.at AS at, if(s.at < a.valid_to, a.person, c.author) AS person, true AS here
    FROM
    (
        SELECT f.service AS service, f.repository AS repository, f.commit AS commit, f.step AS step, f.at AS at
        FROM
        (
            SELECT service, repository, commit, 'shipped' AS step, shipped_at AS at FROM payoff_private.shipped_changes FINAL
            WHERE tier = 'production' AND actor_kind != 'bot' AND service IN {services:Array(String)}
            UNION ALL
            SELECT service, repository, commit, 'merged' AS step, assumeNotNull(merged_at) AS at FROM payoff_private.shipped_changes FINAL
            WHERE tier = 'production' AND actor_kind != 'bot' AND NOT baseline AND merged_at IS NOT NULL AND service IN {services:Array(String)}
            UNION ALL
            SELECT service, repository, commit, 'merged' AS step, merged_at AS at FROM payoff_private.waiting_changes FINAL
            WHERE tier = 'production' AND actor_kind != 'bot' AND service IN {services:Array(String)}
        ) AS f
        ASOF INNER JOIN (SELECT service, valid_from, team FROM payoff_private.service_ownership FINAL) AS o
            ON o.service = f.service AND o.valid_from <= f.at
        WHERE o.team != ''
    ) AS s
    INNER JOIN
    (
        SELECT repository, commit, max(actor) AS author FROM payoff_private.commits FINAL
        WHERE actor_kind != 'bot' AND actor != '' AND repository IN
        (
            SELECT repository FROM payoff_private.shipped_changes WHERE service IN {services:Array(String)}
            UNION DISTINCT SELECT repository FROM payoff_private.waiting_changes WHERE service IN {services:Array(String)}
        )
        GROUP BY repository, commit
    ) AS c
        ON c.repository = s.repository AND c.commit = s.commit
    ASOF LEFT JOIN (SELECT alias, valid_from, valid_to, person FROM payoff_private.person_aliases FINAL) AS a
        ON a.alias = c.author AND a.valid_from <= s.at
    UNION ALL
    SELECT service, step, at, person, false AS here FROM payoff_private.committers FINAL WHERE service IN {services:Array(String)}
)
GROUP BY service, step, at, person
HAVING count() = 1
SETTINGS join_use_nulls = 0
