package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/org"
	"github.com/payoff-metrics/payoff/pkg/store"
)

func (e *env) importOrgCmd() *cobra.Command {
	var repository string
	c := &cobra.Command{
		Use:   "org FILE|DIR",
		Short: "Units, teams, members, services and owners, with their dates",
		Long: `Read the organisation from YAML and CSV files, CODEOWNERS and Backstage's
catalog-info.yaml. Every row holds from a day to another, and each fact is told
of the team that owned its service at the time: correct a row, import again, and
what was told of that time is restated.

One import is the whole organisation: what its files no longer name is taken
back. The files are checked whole before anything is taken. People are kept as
pseudonyms; teams of fewer than 3 and services of one committer are shown only
inside their unit.`,
		Example: `  payoff import org examples/org
  payoff import org CODEOWNERS --repository acme/shop`,
		Args: exactly(1, "FILE or DIR of the organisation"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			cfg, err := e.config()
			if err != nil {
				return err
			}
			o, err := readOrg(args[0], org.Options{Location: cfg.Location(), Repository: repository})
			if err != nil {
				return err
			}
			s, err := e.attach(c.Context())
			if err != nil {
				return err
			}
			defer finish(s, &err)
			return e.importOrg(c.Context(), s, cfg, o)
		},
	}
	c.Flags().StringVar(&repository, "repository", "", "`owner/name` of the repository that CODEOWNERS or catalog-info.yaml tell of")
	return c
}

func readOrg(name string, o org.Options) (*org.Organisation, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("reading the organisation: %w", err)
	}
	dir, root := name, "."
	if !info.IsDir() {
		dir, root = filepath.Split(name)
	}
	o.Dir = filepath.ToSlash(dir)
	if dir == "" {
		dir = "."
	}
	return org.Read(os.DirFS(dir), root, o)
}

// orgAnswer is what `import org --json` prints.
type orgAnswer struct {
	org.Counts
	Entities int      `json:"entities"` // declared, or taken back before
	News     int      `json:"news"`     // of these, said for the first time or anew
	Points   uint64   `json:"points"`   // that are said anew
	Warnings []string `json:"warnings"`
}

func (e *env) importOrg(ctx context.Context, s instance.Session, cfg config.Config, o *org.Organisation) error {
	p, err := instance.Protector(cfg, s.Keys())
	if err != nil {
		return err
	}
	// What an import before this one declared must be known, or it would be taken
	// for news or left standing.
	if _, err := e.loadAndCompute(ctx, s); err != nil {
		return err
	}
	evs, news, err := e.orgNews(ctx, s, o, p)
	if err != nil {
		return err
	}
	for batch := range slices.Chunk(news, eventBatch) {
		if err := s.Accept(ctx, batch); err != nil {
			return err
		}
	}
	res, err := e.loadAndCompute(ctx, s)
	if err != nil {
		return err
	}
	answer := orgAnswer{Counts: o.Counts(), Entities: len(evs), News: len(news), Points: res.Points, Warnings: o.Warnings()}
	if e.json {
		return printJSON(e.out, answer)
	}
	for _, w := range answer.Warnings {
		fmt.Fprintln(e.err, "note:", w)
	}
	_, err = fmt.Fprintf(e.out, "%s, %s, %s, %s; of %s %d are news, and %s told anew.\n",
		metric.Counted(answer.Units, "unit", "units"), metric.Counted(answer.Teams, "team", "teams"), metric.Counted(answer.People, "person", "people"),
		metric.Counted(answer.Services, "service", "services"), metric.Counted(answer.Entities, "entity", "entities"), answer.News,
		metric.Counted(answer.Points, "point is", "points are"))
	return err
}

// orgNews makes the events of the organisation and picks those that say something
// the store does not know.
func (e *env) orgNews(ctx context.Context, s instance.Session, o *org.Organisation, p interface {
	org.Accounts
	Protect([]events.Draft) ([]events.Event, error)
}) (evs, news []events.Event, err error) {
	r, err := s.Reader(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	if err := o.CheckPaths(func(repository string) ([]string, error) { return knownPaths(ctx, r, repository) }); err != nil {
		return nil, nil, err
	}
	known, before, err := declarations(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	drafts, err := o.Drafts(p, e.now(), before)
	if err != nil {
		return nil, nil, err
	}
	if evs, err = p.Protect(drafts); err != nil {
		return nil, nil, err
	}
	return evs, org.News(evs, known), nil
}

// maxPaths bounds how many paths of a repository globs are held against.
const maxPaths = 200_000

func knownPaths(ctx context.Context, r *store.Store, repository string) ([]string, error) {
	var paths []string
	err := r.Conn().QueryRow(ctx, fmt.Sprintf(`
		SELECT groupArray(path) FROM (SELECT path FROM payoff.paths WHERE repository = {repository:String} ORDER BY path LIMIT %d)`, maxPaths),
		store.Param("repository", repository)).Scan(&paths)
	if err != nil {
		return nil, fmt.Errorf("reading the paths of %s: %w", repository, err)
	}
	return paths, nil
}

// declarations is what the store was told last of each entity.
func declarations(ctx context.Context, r *store.Store) (known map[string]events.Version, subjects []string, err error) {
	rows, err := r.Query(ctx, `SELECT subject, leftPad(lower(hex(version)), 64, '0') FROM payoff.declarations WHERE source = {source:String} ORDER BY subject`, store.Param("source", org.Source))
	if err != nil {
		return nil, nil, fmt.Errorf("reading what was declared before: %w", err)
	}
	defer rows.Close()
	known = make(map[string]events.Version)
	for rows.Next() {
		var subject, version string
		if err := rows.Scan(&subject, &version); err != nil {
			return nil, nil, fmt.Errorf("reading what was declared before: %w", err)
		}
		if known[subject], err = events.ParseVersion(version); err != nil {
			return nil, nil, fmt.Errorf("reading what was declared of %s before: %w", subject, err)
		}
		subjects = append(subjects, subject)
	}
	return known, subjects, rows.Err()
}
