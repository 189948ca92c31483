package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/pages"
	"github.com/payoff-metrics/payoff/pkg/review"
	"github.com/payoff-metrics/payoff/pkg/store"
)

func (e *env) reviewCmd() *cobra.Command {
	c := &cobra.Command{Use: "review", Short: "What changed beyond noise, as a document"}
	c.AddCommand(e.reviewWeeklyCmd())
	return c
}

// A weekly is what payoff review weekly is asked.
type weekly struct {
	week, format, asOf, out string
	publish                 bool
}

func (e *env) reviewWeeklyCmd() *cobra.Command {
	var o weekly
	c := &cobra.Command{
		Use: "weekly", Short: "The review of a week: signals first, then the numbers", Args: cobra.NoArgs,
		Long: `Write the review of a week: what changed beyond noise and what happened then,
then the numbers of the whole, units, teams and services. A review that was
published is given as it was published; --as-of asks what it would have said at
another time, or would say now. The leader publishes the last week's on Monday.`,
		Example: `  payoff review weekly
  payoff review weekly --week 2026-W46 --format html --out review.html
  payoff review weekly --week 2026-W46 --as-of now      what it would say today`,
		RunE: func(c *cobra.Command, _ []string) error { return e.weekly(c.Context(), o) },
	}
	f := c.Flags()
	f.StringVar(&o.week, "week", "", "the `week`, as 2026-W46 (default the last that is over)")
	f.StringVar(&o.format, "format", "", "md or html (default by the name of --out, else md)")
	f.StringVar(&o.asOf, "as-of", "", "with what was known at that `time`; now: instead of the published one")
	f.StringVar(&o.out, "out", "", "write to this `file`")
	f.BoolVar(&o.publish, "publish", false, "publish it: from then on it does not change")
	return c
}

func (e *env) desk(cfg config.Config, r *store.Store) review.Desk {
	return review.Desk{Store: r, Location: cfg.Location(), Organisation: cfg.Organisation.Name, Metrics: catalogue.All(), Now: e.now}
}

// form is the format of the answer; it says what is wrong with the flags.
func (o weekly) form() (string, error) {
	switch {
	case o.publish && o.asOf != "":
		return "", errors.New("--publish publishes what is known now; leave out --as-of")
	case o.format == "" && strings.EqualFold(filepath.Ext(o.out), ".html"):
		return "html", nil
	case o.format == "":
		return "md", nil
	case o.format != "md" && o.format != "html":
		return "", fmt.Errorf("--format %q is not md or html", o.format)
	}
	return o.format, nil
}

func (e *env) weekly(ctx context.Context, o weekly) (err error) {
	format, err := o.form()
	if err != nil {
		return err
	}
	cfg, err := e.config()
	if err != nil {
		return err
	}
	d := e.desk(cfg, nil)
	w, err := d.Week(o.week)
	if err != nil {
		return fmt.Errorf("--week: %w", err)
	}
	asOf, err := d.AsOf(o.asOf)
	if err != nil {
		return fmt.Errorf("--as-of: %w", err)
	}
	s, err := e.attach(ctx)
	if err != nil {
		return err
	}
	defer finish(s, &err)
	if o.publish {
		err = s.PublishReview(ctx, w)
	} else if o.asOf == "" || o.asOf == "now" {
		_, err = s.Compute(ctx)
	}
	if err != nil {
		return err
	}
	if d.Store, err = s.Reader(ctx); err != nil {
		return err
	}
	defer d.Store.Close()
	if o.asOf == "now" {
		asOf = d.Now() // what was computed just now is known, too
	}
	edition, err := d.Weekly(ctx, w, asOf)
	if err != nil {
		return err
	}
	if edition.Review != nil && edition.Review.Empty() {
		return no{fmt.Errorf("nothing is known of %s or the year before; `payoff import git DIR` brings a history", edition.Week)}
	}
	return e.writeReview(edition, format, o.out)
}

// writeReview writes all of it or nothing.
func (e *env) writeReview(edition review.Edition, format, out string) error {
	var b bytes.Buffer
	switch {
	case e.json:
		if err := printJSON(&b, edition); err != nil {
			return err
		}
	case format == "html":
		b.Write(edition.HTML)
	default:
		b.Write(edition.Markdown)
	}
	if out == "" {
		_, err := e.out.Write(b.Bytes())
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(out), ".review-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // of no effect once it is renamed
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", out, err)
	}
	return os.Rename(f.Name(), out)
}

// reviews are those the pages show.
func (e *env) reviews(cfg config.Config, r *store.Store) *pages.Reviews {
	d := e.desk(cfg, r)
	page := func(ctx context.Context, week, asOf string) ([]byte, error) {
		w, err := d.Week(week)
		if err != nil {
			return nil, err
		}
		at, err := d.AsOf(asOf)
		if err != nil {
			return nil, err
		}
		return d.Page(ctx, w, at)
	}
	return &pages.Reviews{
		Last: func() string { return d.LastWeek().Label(d.Location) },
		Page: func(ctx context.Context, week, asOf string) (html []byte, refusal string, err error) {
			html, err = page(ctx, week, asOf)
			if refused := (review.AskError{}); errors.As(err, &refused) {
				return nil, refused.Reason, nil
			}
			return html, "", err
		},
	}
}
