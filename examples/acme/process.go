package acme

import (
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// RolloutEnds is when the last teams to get Launchpad have settled, eight weeks after
// they got it: from then on the organisation's lead time is another.
var RolloutEnds = weeksBack(launchpadWaves[len(launchpadWaves)-1] - 8) // 2026-06-01

// launchpadMoves are the metrics that Launchpad is meant to move: their charts begin
// anew where it is taken up.
var launchpadMoves = []string{"dora.change_lead_time", "dora.change_lead_time_deploy", "dora.merge_to_deploy", "dora.change_fail_rate"}

// tellProcesses tells of the changes of processes that the platform team recorded:
// every team's start with Launchpad, and the end of its rollout, for everybody.
func (w *World) tellProcesses(s *stream, emit func(*Event) error) error {
	tell := func(at time.Time, what string, content events.Fields) {
		s.add(at, func(e *Event) {
			e.Source, e.ID, e.Kind, e.Subject, e.Content = sourcePlatform, "process:"+what, events.ProcessChanged, what, content
		})
	}
	for _, t := range w.Teams {
		if since, ok := t.bets[Launchpad]; ok && t.at(since) {
			tell(since.Add(9*time.Hour), t.Name+" deploys with Launchpad", events.Fields{Team: t.Name, Metrics: launchpadMoves})
		}
	}
	tell(RolloutEnds.Add(9*time.Hour), "Launchpad is rolled out", events.Fields{Metrics: launchpadMoves})
	return s.flush(emit)
}
