package dora

import (
	_ "embed"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Three forms of metric share their SQL: a median of durations, a share, and a
// count per covered time. What differs, the facts, stands with each definition.
var (
	//go:embed median.sql
	medianForm string
	//go:embed rate.sql
	rateForm string
	//go:embed count.sql
	countForm string
	//go:embed merge_to_deploy.sql
	mergeToDeploy string
	//go:embed undeployed_changes.sql
	undeployedChanges string
	//go:embed score.sql
	score string
)

// When a window is partial: the service is not known for all of it; or it is so
// young that incidents may still be put down to its deployments.
const (
	notCovered = `(f.first_day > w.day OR f.covered_to < w.window_end)`
	young      = `(` + notCovered + ` OR toUnixTimestamp64Milli(f.known_to) < toUnixTimestamp64Milli(w.window_end) + f.failure_window_ms)`
	notKnown   = `((SELECT max(known_to) FROM payoff.service_coverage) < w.window_end)`
	youngCount = ` OR toUnixTimestamp64Milli(c.known_to) < toUnixTimestamp64Milli(w.window_end) + c.failure_window_ms`
)

// median is the SQL of a median over facts (service, team, unit, tier, at, ms);
// missing names the figure that counts facts without ms.
func median(facts, cut, missing string) string {
	return strings.NewReplacer("/*facts*/", facts, "/*cut*/", cut, "/*missing*/", missing).Replace(medianForm)
}

// rate is the SQL of a share over facts (service, team, unit, tier, at, hit, also);
// also names the figure of the second hit, "" for none.
func rate(facts, cut, also string) string {
	if also != "" {
		also = `, ('{"stat":"` + also + `"}', alsos)`
	}
	return strings.NewReplacer("/*facts*/", facts, "/*cut*/", cut, "/*stats*/", also).Replace(rateForm)
}

// count is the SQL of facts (service, team, unit, tier, at) per scale covered days.
func count(facts, scale, cut, stats string) string {
	return strings.NewReplacer("/*facts*/", facts, "/*scale*/", scale, "/*young*/", cut, "/*stats*/", stats).Replace(countForm)
}

const (
	readers = "product teams, platform team, engineering leaders"
	owner   = "platform team"
)

var (
	everywhere  = []string{"service", "team", "unit", ""}
	mainMetrics = []string{"dora.change_fail_rate", "dora.failed_deployments", "dora.impact_incidents"}
)

func p75p90(missing, title, help string) []metric.Stat {
	return []metric.Stat{
		{Name: "p75", Title: "Three of four within", Help: "Three of four are faster.", Unit: metric.Milliseconds},
		{Name: "p90", Title: "Nine of ten within", Help: "Nine of ten are faster.", Unit: metric.Milliseconds},
		{Name: missing, Title: title, Help: help, Unit: metric.Count},
	}
}

// Defs are the delivery metrics: DORA's five, what they are shown with, and what
// explains them.
func Defs() []metric.Def {
	defs := append(throughput(), stability()...)
	defs = append(defs, stages()...)
	defs = append(defs, shares()...)
	defs = append(defs, waits()...)
	for i := range defs {
		d := &defs[i]
		d.Audience, d.Owner, d.Maturity = readers, owner, "stable"
		if d.Version == 0 {
			d.Version = 1
		}
		if d.Grains == nil {
			d.Grains = metric.Grains
		}
		if d.Dimensions == nil {
			d.Dimensions = everywhere
		}
	}
	return defs
}

func throughput() []metric.Def {
	return []metric.Def{
		{
			Name: "dora.deployment_frequency", Title: "Deployment frequency",
			Question: "How often does a change reach the users?",
			Help: "Successful deployments to production, redeployments of the running commit left out, divided by covered days: " +
				"the days from the first known deployment to retirement or the end of what the source has told. Per service and day; DORA 2025.",
			Class: metric.Impact, Direction: metric.Higher, Unit: metric.PerDay, Guardrails: mainMetrics,
			Stats: []metric.Stat{{Name: "days", Title: "Days with a deployment", Help: "Days with at least one deployment.", Unit: metric.Count}},
			Facts: []string{"deployments", "service_coverage"},
			SQL: count(`SELECT service, team, unit, tier, ended_at AS at FROM payoff.deployments WHERE succeeded AND class != 'redeployment'`,
				"1", "", `, '{"stat":"days"}'`),
		},
		{
			Name: "dora.change_lead_time", Title: "Change lead time",
			Question: "How long does finished work wait for its users?",
			Help: "From a change's author time (committer time if earlier) to the end of the deployment that shipped it to production; changes by people, " +
				"merge commits and the first deployment left out; median, in the window in which the deployment ended. A squashed pull request counts as its commits. DORA 2025.",
			Class: metric.Impact, Direction: metric.Lower, Unit: metric.Milliseconds, Guardrails: mainMetrics,
			Stats: p75p90("missing", "Changes left out", "Changes without a believable lead time, left out."),
			Facts: []string{"shipped_changes", "service_coverage"}, OfFacts: true,
			SQL: median(`SELECT service, team, unit, tier, shipped_at AS at, lead_ms AS ms FROM payoff.shipped_changes WHERE NOT baseline AND actor_kind != 'bot'`,
				notCovered, "missing"),
		},
	}
}

// failedOrNot is every successful or failed deployment, once.
const failedOrNot = `
	SELECT d.service AS service, d.team AS team, d.unit AS unit, d.tier AS tier, d.ended_at AS at, f.rule != '' AS hit, f.rule NOT IN ('', 'd') AS also
	FROM payoff.deployments AS d
	LEFT JOIN payoff.failed_deployments AS f ON f.service = d.service AND f.tier = d.tier AND f.deployment_id = d.deployment_id
	WHERE d.succeeded OR f.rule != ''`

func stability() []metric.Def {
	return []metric.Def{
		{
			Name: "dora.change_fail_rate", Title: "Change fail rate",
			Question: "How often does a deployment need intervention?",
			Help: "Failed deployments divided by successful or failed ones, in production. A deployment failed if an incident names it (a), it was rolled back or a change of it reverted (b), " +
				"a hotfix names or follows it (c), or an incident of its service began soon after it (d). A window younger than the time in which incidents are put down to deployments is partial. DORA 2025.",
			Class: metric.Impact, Direction: metric.Lower, Unit: metric.Ratio, Guardrails: []string{"dora.deployment_frequency", "dora.failed_deployments", "dora.impact_incidents"},
			Stats: []metric.Stat{{Name: "rules_abc", Title: "By rules a to c alone", Help: "By rules a to c alone, without incidents that only follow in time.", Unit: metric.Ratio}},
			Facts: []string{"deployments", "failed_deployments", "service_coverage"}, OfFacts: true,
			SQL: rate(failedOrNot, young, "rules_abc"),
		},
		{
			Name: "dora.failed_deployment_recovery_time", Title: "Failed deployment recovery time",
			Question: "How long do users suffer from a deployment that failed?",
			Help: "From the earlier of a failed deployment's end and its first incident's begin until the last of its incidents was mitigated (else resolved), or, without an incident, " +
				"until its remedy was deployed. Median, in the window in which the failed deployment ended; those not restored yet are counted beside it. DORA 2025.",
			Class: metric.Impact, Direction: metric.Lower, Unit: metric.Milliseconds, Guardrails: []string{"dora.deployment_frequency", "dora.change_fail_rate", "dora.failed_deployments"},
			Stats: p75p90("open", "Not restored yet", "Failed deployments not restored yet, or restored at an impossible time."),
			Facts: []string{"failed_deployments", "service_coverage"}, OfFacts: true,
			SQL: median(`SELECT service, team, unit, tier, ended_at AS at, recovery_ms AS ms FROM payoff.failed_deployments`, young, "open"),
		},
		{
			Name: "dora.deployment_rework_rate", Title: "Deployment rework rate",
			Question: "How much of what we deploy repairs what we deployed?",
			Help: "Successful deployments that are a rollback, ship the revert of a recently shipped change, carry a hotfix mark or name the incident or deployment they repair, " +
				"divided by successful deployments to production; each counts once. DORA 2025.",
			Class: metric.Impact, Direction: metric.Lower, Unit: metric.Ratio, Guardrails: []string{"dora.deployment_frequency", "dora.failed_deployments", "dora.impact_incidents"},
			Facts: []string{"deployments", "service_coverage"}, OfFacts: true,
			SQL: rate(`SELECT service, team, unit, tier, ended_at AS at, notEmpty(rework) AS hit, false AS also FROM payoff.deployments WHERE succeeded`,
				notCovered, ""),
		},
		{
			Name: "dora.failed_deployments", Title: "Failed deployments",
			Question: "How many deployments fail, however many there are?",
			Help: "Failed deployments to production per covered service-week. A rate falls by itself when its denominator grows; this count does not, " +
				"and so it guards every aim at frequency or lead time.",
			Class: metric.Guardrail, Direction: metric.Lower, Unit: metric.PerWeek,
			Stats: []metric.Stat{{Name: "days", Title: "Days with a failure", Help: "Days with at least one.", Unit: metric.Count}},
			Facts: []string{"failed_deployments", "service_coverage"},
			SQL:   count(`SELECT service, team, unit, tier, ended_at AS at FROM payoff.failed_deployments`, "7", youngCount, `, '{"stat":"days"}'`),
		},
		{
			Name: "dora.impact_incidents", Title: "Incidents with impact",
			Question: "How often are users disturbed, whatever the cause?",
			Help: "Incidents in production per covered service-week, false alarms and incidents stated to be without impact left out, in the window in which they began. " +
				"It guards every aim at frequency or lead time.",
			Class: metric.Guardrail, Direction: metric.Lower, Unit: metric.PerWeek,
			Stats: []metric.Stat{{Name: "days", Title: "Days with an incident", Help: "Days with at least one.", Unit: metric.Count}},
			Facts: []string{"incidents", "service_coverage"},
			SQL: count(`SELECT service, team, unit, tier, began_at AS at FROM payoff.incidents WHERE state NOT IN ('false_alarm', 'no_impact')`,
				"7", "", `, '{"stat":"days"}'`),
		},
		{
			Name: "dora.incident_duration", Title: "Incident duration",
			Question: "How long do incidents last, whatever the cause?",
			Help: "From an incident's creation to its resolution after the last reopening, all incidents in production; median, in the window in which it was created. " +
				"It is not the recovery time of failed deployments.",
			Class: metric.Health, Direction: metric.Lower, Unit: metric.Milliseconds,
			Stats: p75p90("open", "Not resolved yet", "Incidents not resolved yet."),
			Facts: []string{"incidents", "service_coverage"}, OfFacts: true,
			SQL: median(`SELECT service, team, unit, tier, created_at AS at, duration_ms AS ms FROM payoff.incidents`, notKnown, "open"),
		},
		{
			Name: "dora.score", Title: "DORA score",
			Question: "Where does this service stand, in DORA's quick check?",
			Help: "DORA's quick check from 26 complete weeks: categories of median lead time, median recovery time and frequency, and the two rates, each 0 to 10; the mean of those that are known, of at least three. " +
				"For the page of a service; a unit shows the median of its services. 2025 all-industry means: 5.5, 4.8, 7.4 (recovery), 8.1, 7.8; stability 7.9; overall 6.72.",
			Class: metric.Health, Direction: metric.Higher, Unit: metric.Score,
			Grains: []metric.Grain{metric.Week}, Dimensions: []string{"service", "unit"}, Trailing: 27 * 7 * 24 * time.Hour,
			Stats: []metric.Stat{
				{Name: "throughput", Title: "Throughput", Help: "Mean of lead time, recovery and frequency.", Unit: metric.Score}, {Name: "stability", Title: "Stability", Help: "Mean of the two rates.", Unit: metric.Score},
				{Name: "lead_time", Title: "Lead time", Help: "By median lead time.", Unit: metric.Score}, {Name: "recovery", Title: "Recovery time", Help: "By median recovery time.", Unit: metric.Score},
				{Name: "frequency", Title: "Deployment frequency", Help: "By deployments a week.", Unit: metric.Score}, {Name: "fail_rate", Title: "Change fail rate", Help: "By change fail rate.", Unit: metric.Score},
				{Name: "rework", Title: "Rework rate", Help: "By deployment rework rate.", Unit: metric.Score},
			},
			Facts: []string{"deployments", "shipped_changes", "failed_deployments", "service_coverage"}, SQL: score,
		},
	}
}

func stages() []metric.Def {
	stage := func(name, title, question, column, help string) metric.Def {
		return metric.Def{
			Name: "dora.change_lead_time_" + name, Title: "Lead time: " + title, Question: question,
			Help:  help + " Median over pull requests by people, in the window in which the deployment that shipped them ended; a stage that is unknown or negative is left out and counted.",
			Class: metric.Health, Direction: metric.Lower, Unit: metric.Milliseconds,
			Stats: p75p90("missing", "Pull requests left out", "Pull requests of which the stage is not known."),
			Facts: []string{"shipped_pull_requests", "service_coverage"}, OfFacts: true,
			SQL: median(`SELECT service, team, unit, tier, shipped_at AS at, `+column+` AS ms FROM payoff.shipped_pull_requests WHERE actor_kind != 'bot'`,
				notCovered, "missing"),
		}
	}
	return []metric.Def{
		stage("coding", "coding", "How long is a change written before others may see it?", "coding_ms", "From the first author time of a pull request's commits to ready for review."),
		stage("pickup", "pickup", "How long does a change wait for its first review?", "pickup_ms", "From ready for review to the first review by another person; a bot's does not count."),
		stage("review", "review", "How long does a review take?", "review_ms", "From the first review by another person to the merge."),
		stage("deploy", "deploy", "How long does a merged change wait for its users?", "deploy_ms", "From the merge to the end of the deployment that shipped it."),
		stage("delivery", "delivery", "How long from the start of work to its users?", "delivery_ms", "From the start of work on the tickets a pull request names to the end of the deployment that shipped it."),
	}
}

func shares() []metric.Def {
	share := func(name, title, question, help string, d metric.Direction, facts []string, sql string, stats ...metric.Stat) metric.Def {
		return metric.Def{Name: name, Title: title, Question: question, Help: help, Class: metric.Health, Direction: d, Unit: metric.Ratio, Facts: facts, OfFacts: true, SQL: sql, Stats: stats}
	}
	return []metric.Def{
		share("dora.bot_share", "Share of changes by bots", "How much of what we ship was written by bots?",
			"Changes by bots divided by all changes shipped to production, the first deployment left out. They are in no lead time: bots do not wait.",
			metric.Neither, []string{"shipped_changes", "service_coverage"},
			rate(`SELECT service, team, unit, tier, shipped_at AS at, actor_kind = 'bot' AS hit, false AS also FROM payoff.shipped_changes WHERE NOT baseline`, notCovered, "")),
		share("dora.squash_share", "Share of squashed changes", "How much of the lead time is known only through pull requests?",
			"Changes known through the pull request they were squashed in, divided by all changes by people shipped to production. Beside it the share linked by the order of pushes, without a commit graph.",
			metric.Neither, []string{"shipped_changes", "service_coverage"},
			rate(`SELECT service, team, unit, tier, shipped_at AS at, link_quality = 'squash' AS hit, link_quality = 'push_order' AS also FROM payoff.shipped_changes
				WHERE NOT baseline AND actor_kind != 'bot'`, notCovered, "push_order"),
			metric.Stat{Name: "push_order", Title: "Linked by the order of pushes", Help: "Share of changes linked by the order of pushes, without a commit graph.", Unit: metric.Ratio}),
		share("dora.unattributed_incident_share", "Share of unattributed incidents", "How many incidents can be put down to no deployment?",
			"Incidents that mark no deployment divided by those that could: false alarms, incidents without impact and those that state another cause left out; in the window in which they began. "+
				"A high share says that links are missing, and the change fail rate is too low.",
			metric.Lower, []string{"incidents", "service_coverage"},
			rate(`SELECT service, team, unit, tier, began_at AS at, state IN ('unattributed', 'unknown_service') AS hit, state = 'unknown_service' AS also FROM payoff.incidents
				WHERE state IN ('placed', 'unattributed', 'unknown_service')`, notKnown, "unknown_service"),
			metric.Stat{Name: "unknown_service", Title: "Of a service that is not known", Help: "Share of incidents whose service no deployment names.", Unit: metric.Ratio}),
	}
}

func waits() []metric.Def {
	return []metric.Def{
		{
			Name: "dora.undeployed_changes", Title: "Undeployed changes",
			Question: "How much finished work is of no use yet, and how old is it?",
			Help: "Changes by people on the default branch that no deployment has shipped, as the window ends (in the last one, at the last midnight that is known of), with their age since the merge. " +
				"Known where pushes or merges tell where the default branch stands, from the first merge on that is known of a service.",
			Class: metric.Health, Direction: metric.Lower, Unit: metric.Count, Grains: metric.Grains[1:],
			Stats: []metric.Stat{
				{Name: "age_p50", Title: "Half wait longer than", Help: "Half are older.", Unit: metric.Milliseconds}, {Name: "age_p90", Title: "One of ten waits longer than", Help: "One of ten is older.", Unit: metric.Milliseconds},
				{Name: "oldest", Title: "The oldest waits", Help: "Age of the oldest.", Unit: metric.Milliseconds},
			},
			Facts: []string{"merged_changes", "service_coverage"}, SQL: undeployedChanges,
		},
		{
			Name: "dora.merge_to_deploy", Title: "Merge to deployment",
			Question: "How long does merged work wait, counting what still waits?",
			Help: "Median time from merge to deployment by Kaplan and Meier's estimate, over changes by people merged in the window; what is not deployed is counted as waiting so far (right-censored), " +
				"so the slowest are not left out. There is none while fewer than half are deployed.",
			Class: metric.Health, Direction: metric.Lower, Unit: metric.Milliseconds,
			Stats: []metric.Stat{{Name: "waiting", Title: "Still waiting", Help: "Changes of the window that are not deployed.", Unit: metric.Count}},
			Facts: []string{"merged_changes", "service_coverage"}, SQL: mergeToDeploy, Fold: foldWaits,
		},
	}
}
