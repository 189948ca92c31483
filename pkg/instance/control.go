package instance

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Control is what commands ask of a running instance, for who holds its token:
// POST /control/load returns when everything accepted is loaded, POST
// /control/compute when it is computed, POST /control/review?from=T when the review
// of the week that begins at T is published.
func (i *Instance) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /control/load", func(w http.ResponseWriter, r *http.Request) {
		i.answer(w, struct{}{}, i.Loaded(r.Context(), nil))
	})
	mux.HandleFunc("POST /control/compute", func(w http.ResponseWriter, r *http.Request) {
		res, err := i.Compute(r.Context())
		i.answer(w, res, err)
	})
	mux.HandleFunc("POST /control/review", i.review)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || subtle.ConstantTimeCompare([]byte(token), []byte(i.info.Token)) != 1 {
			http.Error(w, "this needs the instance's token, which is in instance.json of the data directory", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

func (i *Instance) answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		i.o.Logger.Info("answering a command", "error", err) // it has gone away
	}
}

// OpenReader opens the store as the reader; the caller closes it.
func (i *Instance) OpenReader(ctx context.Context) (*store.Store, error) {
	if i.Engine == nil {
		return i.connect(ctx)
	}
	return store.Open(ctx, store.Options{DialContext: i.Engine.DialContext, User: engine.ReaderUser, Password: i.info.ReaderPassword})
}

// ParsePosition reads EPOCH/TOPIC/PARTITION/OFFSET, as `payoff dead list` prints.
func ParsePosition(s string) (store.Span, error) {
	var at store.Span
	parts := strings.Split(s, "/")
	if len(parts) == 4 {
		at.Topic = parts[1]
		if n, err := fmt.Sscanf(parts[0]+" "+parts[2]+" "+parts[3], "%d %d %d", &at.Epoch, &at.Partition.Partition, &at.First); n == 3 && err == nil {
			at.Last = at.First
			return at, nil
		}
	}
	return at, fmt.Errorf("%q is not a position EPOCH/TOPIC/PARTITION/OFFSET such as 1/payoff.dead/0/17", s)
}
