package pages

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

const (
	shortestHash = 4 // digits that must be given
	mostChanges  = 6 // that share the digits are proposed
	hashDigits   = 12
)

// A change is a row of payoff.changes. It has no author: no page names a person.
type change struct {
	Repository string     `ch:"repository"`
	Commit     string     `ch:"commit"`
	ActorKind  string     `ch:"actor_kind"`
	Authored   *time.Time `ch:"authored_at"`
	Committed  time.Time  `ch:"committed_at"`
	Merge      bool       `ch:"is_merge"`
	Reverts    []string   `ch:"reverts"`
	PickOf     string     `ch:"cherry_pick_of"`
	Fixes      []string   `ch:"fixes"`
	Flags      []string   `ch:"flags"`
}

// A shipment is how a change came to one tier of one service.
type shipment struct {
	Service  string     `ch:"service"`
	Tier     string     `ch:"tier"`
	ID       string     `ch:"id"` // of the deployment
	Start    time.Time  `ch:"clock_start"`
	Merged   *time.Time `ch:"merged_at"`
	Shipped  time.Time  `ch:"shipped_at"`
	LeadMS   *int64     `ch:"lead_ms"`
	Baseline bool       `ch:"baseline"`
	Link     string     `ch:"link_quality"`
	Flags    []string   `ch:"flags"`

	// Of the deployment.
	Version, Class string
	Rule           string   // why it failed; "" if it did not
	Rollbacks      []string // versions of the rollbacks that mark it

	Pulls []pull // that it shipped the change in
}

// A pull is the pull request a change was shipped in.
type pull struct {
	Name     string     `ch:"change"`
	Ready    *time.Time `ch:"ready_at"`
	Reviewed *time.Time `ch:"reviewed_at"`
	Merged   time.Time  `ch:"merged_at"`
	Coding   *int64     `ch:"coding_ms"`
	Pickup   *int64     `ch:"pickup_ms"`
	Review   *int64     `ch:"review_ms"`
	Deploy   *int64     `ch:"deploy_ms"`
}

// changesLike are the changes of a repository that begin with the digits.
func (p *pages) changesLike(ctx context.Context, repository, digits string) ([]change, error) {
	var out []change
	err := p.Store.Select(ctx, &out, `
		SELECT toString(repository) AS repository, commit, toString(actor_kind) AS actor_kind, authored_at, committed_at, is_merge, reverts,
			cherry_pick_of, fixes, CAST(flags, 'Array(String)') AS flags
		FROM payoff.changes WHERE repository = {repository:String} AND startsWith(commit, {digits:String})
		ORDER BY commit LIMIT {limit:UInt32}`,
		store.Param("repository", repository), store.Param("digits", digits), store.Param("limit", uint32(mostChanges)))
	if err != nil {
		return nil, fmt.Errorf("reading change %s of %s: %w", digits, repository, err)
	}
	return out, nil
}

func (p *pages) shipments(ctx context.Context, c change) ([]shipment, error) {
	var out []shipment
	err := p.Store.Select(ctx, &out, `
		SELECT toString(service) AS service, toString(tier) AS tier, toString(deployment_id) AS id, clock_start, merged_at, shipped_at, lead_ms, baseline,
			toString(link_quality) AS link_quality, CAST(flags, 'Array(String)') AS flags
		FROM payoff.shipped_changes WHERE repository = {repository:String} AND commit = {commit:String}
		ORDER BY shipped_at, service, tier`, store.Param("repository", c.Repository), store.Param("commit", c.Commit))
	if err != nil {
		return nil, fmt.Errorf("reading how change %s was shipped: %w", c.Commit, err)
	}
	var reads []func(context.Context) error
	for i := range out {
		s, of := &out[i], out[i]
		reads = append(reads, func(ctx context.Context) error { return p.shippedBy(ctx, s) },
			func(ctx context.Context) (err error) { s.Pulls, err = p.pulls(ctx, c, of); return err })
	}
	return out, together(ctx, reads...)
}

// shippedBy adds what is known of the deployment.
func (p *pages) shippedBy(ctx context.Context, s *shipment) error {
	args := []any{store.Param("service", s.Service), store.Param("tier", s.Tier), store.Param("id", s.ID)}
	const of = ` WHERE service = {service:String} AND tier = {tier:String} AND `
	var rows []struct {
		Version   string   `ch:"version"`
		Class     string   `ch:"class"`
		Rule      string   `ch:"rule"`
		Rollbacks []string `ch:"rollbacks"`
	}
	err := p.Store.Select(ctx, &rows, `
		SELECT artifact_version AS version, toString(class) AS class,
			(SELECT toString(max(rule)) FROM payoff.failed_deployments`+of+`deployment_id = {id:UUID}) AS rule,
			(SELECT arraySort(groupArray(artifact_version)) FROM payoff.deployments`+of+`marks = {id:UUID}) AS rollbacks
		FROM payoff.deployments`+of+`deployment_id = {id:UUID}`, args...)
	if err != nil {
		return fmt.Errorf("reading deployment %s of %s: %w", s.ID, s.Service, err)
	}
	if len(rows) > 0 {
		s.Version, s.Class, s.Rule, s.Rollbacks = rows[0].Version, rows[0].Class, rows[0].Rule, rows[0].Rollbacks
	}
	return nil
}

// pulls are the pull requests of the repository that a deployment shipped and that
// were merged at the instant the change came to the default branch: the one it was
// in, where there is only one.
func (p *pages) pulls(ctx context.Context, c change, s shipment) ([]pull, error) {
	if s.Merged == nil {
		return nil, nil
	}
	var out []pull
	err := p.Store.Select(ctx, &out, `
		SELECT change, ready_at, reviewed_at, merged_at, coding_ms, pickup_ms, review_ms, deploy_ms FROM payoff.shipped_pull_requests
		WHERE service = {service:String} AND tier = {tier:String} AND repository = {repository:String} AND deployment_id = {id:UUID}
			AND merged_at = {merged:DateTime64(3)} ORDER BY change LIMIT 2`,
		store.Param("service", s.Service), store.Param("tier", s.Tier), store.Param("repository", c.Repository), store.Param("id", s.ID), store.Millis("merged", *s.Merged))
	if err != nil {
		return nil, fmt.Errorf("reading the pull request of change %s: %w", c.Commit, err)
	}
	return out, nil
}

// A release is a deployment of the commit itself, with what it shipped.
type release struct {
	Service string    `ch:"service"`
	Tier    string    `ch:"tier"`
	ID      string    `ch:"id"`
	Version string    `ch:"version"`
	Ended   time.Time `ch:"ended_at"`
	Changes []string  `ch:"commits"` // the latest of its repository
	Shipped uint64    `ch:"shipped"` // all of its repository
}

// releases are the deployments of a commit: those of a merge tell which changes it
// brought.
func (p *pages) releases(ctx context.Context, c change) ([]release, error) {
	var out []release
	args := []any{store.Param("repository", c.Repository), store.Param("commit", c.Commit), store.Param("limit", uint32(shownWaiting))}
	err := p.Store.Select(ctx, &out, `
		SELECT toString(service) AS service, toString(tier) AS tier, toString(deployment_id) AS id, artifact_version AS version, ended_at FROM payoff.deployments
		WHERE repository = {repository:String} AND commit = {commit:String} AND succeeded ORDER BY ended_at, service, tier, id LIMIT {limit:UInt32}`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the deployments of %s: %w", c.Commit, err)
	}
	for i := range out {
		r := &out[i]
		var shipped []release
		err := p.Store.Select(ctx, &shipped, `
			SELECT arraySlice(arrayReverse(groupArray(commit)), 1, {limit:UInt32}) AS commits, count() AS shipped FROM (SELECT commit FROM payoff.shipped_changes
				WHERE service = {service:String} AND tier = {tier:String} AND repository = {repository:String} AND deployment_id = {id:UUID} AND NOT baseline
				ORDER BY clock_start, commit)`,
			append(args, store.Param("service", r.Service), store.Param("tier", r.Tier), store.Param("id", r.ID))...)
		if err != nil {
			return nil, fmt.Errorf("reading what %s shipped: %w", r.ID, err)
		}
		r.Changes, r.Shipped = shipped[0].Changes, shipped[0].Shipped
	}
	return out, nil
}

// A releaseRow is one for reading.
type releaseRow struct {
	Text    string
	Service link
	Changes []link
}

func (p *pages) releaseRows(c change, rs []release) []releaseRow {
	var out []releaseRow
	for _, r := range rs {
		row := releaseRow{Service: link{r.Service, subject{Service: r.Service}.path()},
			Text: fmt.Sprintf("%s to %s, %s: it shipped %s", orDash(r.Version), r.Tier, p.time(r.Ended), metric.Counted(r.Shipped, "change", "changes"))}
		for _, commit := range r.Changes {
			if commit != c.Commit {
				row.Changes = append(row.Changes, link{shortHash(commit), changeHref(c.Repository, commit)})
			}
		}
		out = append(out, row)
	}
	return out
}

// A waitingPlace is a tier that a change has not reached.
type waitingPlace struct {
	Service string    `ch:"service"`
	Tier    string    `ch:"tier"`
	Merged  time.Time `ch:"merged_at"`
}

func (p *pages) waitingPlaces(ctx context.Context, c change) ([]waitingPlace, error) {
	var out []waitingPlace
	err := p.Store.Select(ctx, &out, `SELECT toString(service) AS service, toString(tier) AS tier, merged_at FROM payoff.waiting_changes
		WHERE repository = {repository:String} AND commit = {commit:String} ORDER BY service, tier`,
		store.Param("repository", c.Repository), store.Param("commit", c.Commit))
	if err != nil {
		return nil, fmt.Errorf("reading where change %s waits: %w", c.Commit, err)
	}
	return out, nil
}

// revertedBy are the commits that take the change back.
func (p *pages) revertedBy(ctx context.Context, c change) ([]string, error) {
	var rows []struct {
		Commit string `ch:"commit"`
	}
	err := p.Store.Select(ctx, &rows, `SELECT commit FROM payoff.changes
		WHERE repository = {repository:String} AND arrayExists(r -> r != '' AND startsWith({commit:String}, r), reverts) ORDER BY committed_at, commit LIMIT 10`,
		store.Param("repository", c.Repository), store.Param("commit", c.Commit))
	if err != nil {
		return nil, fmt.Errorf("reading what reverts change %s: %w", c.Commit, err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.Commit)
	}
	return out, nil
}

// changePage is what `/change/{repository}/{hash}` shows.
type changePage struct {
	layout
	Repository, Commit string
	Lead               string // sentence
	Notes              []string
	Related            []relation
	Stories            []story
	Releases           []releaseRow // of the commit itself
	Waiting            []string     // sentences
}

// A relation leads to another change.
type relation struct{ How, Commit, Href string }

// A story is the way of the change to one tier of one service.
type story struct {
	ID, Service, Href, Tier string
	Lead                    string // of the change, in words
	Steps                   []step
	Stages                  []glance // of its pull request
	Ends                    []string // what became of it
}

// A step is one moment, and how long it came after the one before.
type step struct {
	At          time.Time
	What        string
	When, Stamp string
	After       string
}

func (p *pages) change(r *http.Request) (answer, error) {
	repository, digits, err := splitChange(r.PathValue("change"))
	if err != nil {
		return answer{}, err
	}
	cs, err := p.changesLike(r.Context(), repository, digits)
	if err != nil {
		return answer{}, err
	}
	switch {
	case len(cs) == 0:
		return answer{}, notFound("No change of " + clip(repository) + " begins with “" + clip(digits) + "”. Commits are known from `payoff import git` and from pushes; they are not told of a quarter in which all that came of the repository is of services that are shown only inside their units.")
	case len(cs) > 1:
		e := notFound("Several changes of " + clip(repository) + " begin with “" + clip(digits) + "”: give more digits.")
		for _, c := range cs {
			e.links = append(e.links, link{c.Commit, changeHref(c.Repository, c.Commit)})
		}
		return answer{}, e
	}
	page, err := p.changePage(r.Context(), cs[0])
	if err != nil {
		return answer{}, err
	}
	return p.render("change", page)
}

// splitChange reads an address's rest: a repository, which may hold slashes, and
// the first digits of a hash.
func splitChange(rest string) (repository, digits string, err error) {
	i := strings.LastIndex(rest, "/")
	if i < 1 {
		return "", "", notFound("A change is /change/, its repository, a slash and its hash, such as /change/acme/payments/4f2a91c.")
	}
	repository, digits = rest[:i], strings.ToLower(rest[i+1:])
	if len(digits) < shortestHash || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", "", badRequest(fmt.Sprintf("“%s” is not a hash: give at least its first %d digits of 0-9 and a-f.", clip(digits), shortestHash))
	}
	return repository, digits, nil
}

func (p *pages) changePage(ctx context.Context, c change) (changePage, error) {
	page := changePage{layout: p.layout("Change "+shortHash(c.Commit), ""), Repository: c.Repository, Commit: c.Commit, Notes: changeNotes(c)}
	var shipments []shipment
	var waiting []waitingPlace
	var reverts []string
	var releases []release
	err := together(ctx,
		func(ctx context.Context) (err error) { shipments, err = p.shipments(ctx, c); return err },
		func(ctx context.Context) (err error) { waiting, err = p.waitingPlaces(ctx, c); return err },
		func(ctx context.Context) (err error) { reverts, err = p.revertedBy(ctx, c); return err },
		func(ctx context.Context) (err error) { releases, err = p.releases(ctx, c); return err })
	if err != nil {
		return page, err
	}
	page.Lead = changeLead(c, shipments, waiting)
	page.Related, page.Releases = relations(c, reverts), p.releaseRows(c, releases)
	for i, s := range shipments {
		page.Stories = append(page.Stories, p.story(fmt.Sprintf("story-%d", i), c, s))
	}
	for _, w := range waiting {
		page.Waiting = append(page.Waiting, fmt.Sprintf("It waits to be deployed to %s of %s: merged %s, %s.", w.Tier, w.Service, p.time(w.Merged), ago(w.Merged, p.Now())))
	}
	return page, nil
}

func changeLead(c change, shipments []shipment, waiting []waitingPlace) string {
	by := map[string]string{"bot": "Written by a bot. ", "human": "Written by a person. "}[c.ActorKind]
	switch {
	case len(shipments) > 0:
		return by + "From its commit to where it runs."
	case len(waiting) > 0:
		return by + "It is finished, and waits to be deployed."
	case c.Merge:
		return by + "A merge: it joins others' changes and is no change of its own, so it has no lead time."
	}
	return by + "No deployment is known that shipped it: none did, or it was one of a service that is shown only inside its unit."
}

func changeNotes(c change) []string {
	var out []string
	if len(c.Fixes) > 0 {
		out = append(out, "It says that it repairs "+strings.Join(c.Fixes, ", ")+".")
	}
	for _, f := range c.Flags {
		out = append(out, "Doubtful: "+words(f)+".")
	}
	return out
}

func relations(c change, revertedBy []string) []relation {
	var out []relation
	add := func(how, commit string) {
		out = append(out, relation{how, shortHash(commit), changeHref(c.Repository, commit)})
	}
	for _, r := range revertedBy {
		add("It was reverted by", r)
	}
	for _, r := range c.Reverts {
		add("It reverts", r)
	}
	if c.PickOf != "" {
		add("It was picked from", c.PickOf)
	}
	return out
}

func (p *pages) story(id string, c change, s shipment) story {
	st := story{ID: id, Service: s.Service, Href: subject{Service: s.Service}.path(), Tier: s.Tier, Steps: p.steps(c, s), Stages: stages(s.Pulls)}
	switch {
	case s.Baseline:
		st.Lead = "It came with the first known deployment, so how long it took is not known."
	case s.LeadMS == nil:
		st.Lead = "It has no lead time: it seems to have been shipped before it was written."
	default:
		ms := float64(*s.LeadMS)
		st.Lead = "Lead time " + metric.Milliseconds.Format(&ms) + ", from " + p.time(s.Start) + "."
		if c.ActorKind == "bot" {
			st.Lead += " Changes by bots are left out of the metric."
		}
	}
	if s.Link == "squash" || s.Link == "push_order" {
		st.Lead += " Known by " + map[string]string{"squash": "the pull request it was squashed in", "push_order": "the order of pushes"}[s.Link] + "."
	}
	for _, f := range s.Flags {
		st.Ends = append(st.Ends, "Doubtful: "+words(f)+".")
	}
	if s.Rule != "" {
		st.Ends = append(st.Ends, "The deployment that shipped it failed. "+ruleWords(s.Rule))
	}
	for _, v := range s.Rollbacks {
		st.Ends = append(st.Ends, "It was rolled back by the deployment of "+orDash(v)+".")
	}
	return st
}

// steps are the known moments of the way, in order.
func (p *pages) steps(c change, s shipment) []step {
	var out []step
	add := func(at *time.Time, what string) {
		if at != nil {
			out = append(out, step{At: *at, What: what})
		}
	}
	add(c.Authored, "authored")
	if c.Authored == nil || !c.Authored.Equal(c.Committed) {
		add(&c.Committed, "committed")
	}
	if len(s.Pulls) == 1 {
		add(s.Pulls[0].Ready, "ready for review: "+s.Pulls[0].Name)
		add(s.Pulls[0].Reviewed, "first reviewed by another person")
	}
	add(s.Merged, "on the default branch")
	add(&s.Shipped, "deployed to "+s.Tier+" with "+orDash(s.Version)+deployedAs(s.Class))
	slices.SortStableFunc(out, func(a, b step) int { return cmp.Compare(a.At.UnixMilli(), b.At.UnixMilli()) })
	for i := range out {
		out[i].When, out[i].Stamp = p.time(out[i].At), stamp(out[i].At)
		if i > 0 {
			ms := float64(out[i].At.Sub(out[i-1].At).Milliseconds())
			out[i].After = metric.Milliseconds.Format(&ms) + " later"
		}
	}
	return out
}

// stages are those of the pull request, where it is known which that is.
func stages(pulls []pull) []glance {
	if len(pulls) != 1 {
		return nil
	}
	var out []glance
	for _, s := range []struct {
		title string
		ms    *int64
	}{{"coding", pulls[0].Coding}, {"pickup", pulls[0].Pickup}, {"review", pulls[0].Review}, {"deploy", pulls[0].Deploy}} {
		g := glance{Title: s.title, Text: "not known"}
		if s.ms != nil {
			ms := float64(*s.ms)
			g.Text = metric.Milliseconds.Format(&ms)
		}
		out = append(out, g)
	}
	return out
}

func deployedAs(c string) string {
	if c == "release" || c == "" {
		return ""
	}
	return " (" + class(c) + ")"
}

func changeHref(repository, commit string) string {
	parts := strings.Split(repository, "/")
	for i, s := range parts {
		parts[i] = url.PathEscape(s)
	}
	return "/change/" + strings.Join(parts, "/") + "/" + url.PathEscape(commit)
}

func shortHash(commit string) string { return commit[:min(len(commit), hashDigits)] }

// words is a name of the store for reading.
func words(s string) string { return strings.ReplaceAll(s, "_", " ") }
