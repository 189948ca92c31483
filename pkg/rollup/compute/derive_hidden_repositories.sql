-- Makes the hidden repositories of the given services what is shipped and what waits
-- say, and which services are hidden: a repository is not named in a quarter in which
-- all that came to production of it, or is to come, is of services that are not either.
INSERT INTO payoff_private.hidden (service, repository, quarter, generation, deleted)
WITH
    {zone:String} AS zone,
    theirs AS
    (
        SELECT repository FROM payoff_private.shipped_changes WHERE {all:Bool} OR service IN {services:Array(String)}
        UNION DISTINCT SELECT repository FROM payoff_private.waiting_changes WHERE {all:Bool} OR service IN {services:Array(String)}
    ),
    sharers AS (SELECT DISTINCT service FROM payoff_private.deployments WHERE repository IN theirs),
    told AS
    (
        SELECT DISTINCT repository, service, arrayJoin(arrayDistinct([toStartOfQuarter(shipped_at, zone), toStartOfQuarter(ifNull(merged_at, shipped_at), zone)])) AS quarter
        FROM payoff_private.shipped_changes FINAL WHERE service IN sharers AND repository != '' AND repository IN theirs
        UNION DISTINCT
        SELECT DISTINCT repository, service, toStartOfQuarter(merged_at, zone) AS quarter
        FROM payoff_private.waiting_changes FINAL WHERE service IN sharers AND repository != '' AND repository IN theirs
    )
SELECT '', repository, quarter, {generation:UInt64}, if(max(here), 0, 1)
FROM
(
    SELECT toString(repository) AS repository, quarter, true AS here FROM told GROUP BY repository, quarter
    HAVING min((service, quarter) IN (SELECT service, quarter FROM payoff_private.hidden FINAL WHERE repository = '')) = 1
    UNION ALL
    SELECT repository, quarter, false AS here FROM payoff_private.hidden FINAL WHERE service = '' AND repository IN theirs
)
GROUP BY repository, quarter
HAVING count() = 1
