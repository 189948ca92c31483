package pages

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// together reads what a page shows side by side: each of its queries is small, and
// most of its time goes by between them. The first error ends the others.
func together(ctx context.Context, reads ...func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, read := range reads {
		g.Go(func() error { return read(ctx) })
	}
	return g.Wait()
}
