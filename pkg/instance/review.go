package instance

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/review"
)

// desk gives and publishes weekly reviews.
func (i *Instance) desk() review.Desk {
	c := i.o.Config
	return review.Desk{Store: i.Store, Location: c.Location(), Organisation: c.Organisation.Name, Metrics: catalogue.All(), Now: i.o.Now}
}

// publishDue publishes the review of the last week once it can be.
func (i *Instance) publishDue(ctx context.Context) error {
	e, err := i.desk().PublishDue(ctx)
	if err == nil && e.PublishedAt.IsZero() {
		i.o.Logger.Info("the weekly review waits for numbers that cover the whole week", "week", e.Week)
	}
	return err
}

// PublishReview computes, then publishes the review of a week.
func (s own) PublishReview(ctx context.Context, w metric.Window) error {
	if _, err := s.i.Compute(ctx); err != nil {
		return err
	}
	_, err := s.i.desk().Publish(ctx, w)
	return err
}

// PublishReview asks the running instance to.
func (s *remote) PublishReview(ctx context.Context, w metric.Window) error {
	q := url.Values{"from": {w.Start.UTC().Format(time.RFC3339Nano)}}
	return s.post(ctx, "http://"+s.info.Pages+"/control/review?"+q.Encode(), "", nil, nil)
}

// review answers POST /control/review?from=T: it publishes the review of the week
// that begins at T.
func (i *Instance) review(w http.ResponseWriter, r *http.Request) {
	from, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("from"))
	if err != nil {
		http.Error(w, "from: "+err.Error(), http.StatusBadRequest)
		return
	}
	err = own{i}.PublishReview(r.Context(), metric.At(metric.Week, from, i.o.Config.Location()))
	if refused := (review.AskError{}); errors.As(err, &refused) {
		http.Error(w, refused.Reason, http.StatusConflict)
		return
	}
	i.answer(w, struct{}{}, err)
}
