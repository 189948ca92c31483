package spool_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/payoff-metrics/payoff/pkg/spool"
)

// A receiver appends and answers; a drainer publishes and acknowledges, in this
// order: a crash in between repeats a batch and loses none.
func Example() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := spool.Open(spool.Options{Dir: dir, Now: time.Now})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	ctx := context.Background()

	if _, err := l.Append(ctx, spool.Record{Time: time.Now(), Payload: []byte("a delivery")}); err != nil {
		log.Fatal(err) // 503 for spool.ErrFull, 413 for spool.ErrTooLarge
	}

	batch, err := l.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range batch.Entries {
		fmt.Printf("publish %q\n", e.Payload)
	}
	if err := l.Ack(batch.End()); err != nil {
		log.Print(err)
	}
	fmt.Println(l.Stats().Records, "left")
	// Output:
	// publish "a delivery"
	// 0 left
}
