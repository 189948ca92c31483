package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// ends waits for `payoff up` to end by itself and returns what it said.
func (u *upRun) ends(t *testing.T, want int) string {
	t.Helper()
	select {
	case code := <-u.ended:
		if code != want {
			t.Errorf("payoff up: exit %d, want %d\n%s", code, want, u.stderr.String())
		}
	case <-time.After(longest):
		t.Fatalf("payoff up goes on\n%s", u.stderr.String())
	}
	return u.stderr.String()
}

func TestUpWhoseBrokerFolderIsDeletedStopsAndGoesOnUnderANewEpoch(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	u := startUp(t, dir)
	t.Cleanup(u.cancel)
	info := u.listening(t, dir)
	accept := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			body := fmt.Sprintf(`{"specversion":"1.0","id":"d%d","source":"/ci","type":"dev.cdevents.service.deployed.0.3.0","time":"2026-03-02T09:00:00Z","data":{"subject":{"id":"shop","content":{"environment":{"id":"production"}}}}}`, i)
			if code, answer := post(t, "http://"+info.Listen+"/v1/events", info.Token, "application/cloudevents+json", body); code != 202 {
				t.Fatalf("%d %s", code, answer)
			}
		}
	}
	accept(0, 20)
	must(t, "rollup", "--data", dir)
	removeAll(t, filepath.Join(dir, "kafka"))
	accept(20, 25) // before it is noticed: kept in the log on disk
	if said := u.ends(t, exitError); !strings.Contains(said, "payoff rollup --new-log-epoch") || !strings.Contains(said, filepath.Join(dir, "kafka")) {
		t.Errorf("it says %q", said)
	}
	// Whoever just starts it again is told the same; and first to empty the folder, if
	// the broker had written into it once more before it noticed.
	said := startUp(t, dir).ends(t, exitError)
	if strings.Contains(said, "empty the folder to begin a new log") {
		removeAll(t, filepath.Join(dir, "kafka"))
		said = startUp(t, dir).ends(t, exitError)
	}
	if !strings.Contains(said, "payoff rollup --new-log-epoch") {
		t.Errorf("started again, it says %q", said)
	}
	must(t, "rollup", "--new-log-epoch", "--data", dir)
	info = up(t, dir)
	accept(25, 30)
	accept(0, 5) // told again
	must(t, "rollup", "--data", dir)
	if n := lastLine(must(t, "sql", "--data", dir, "--format", "csv", "SELECT count(), uniqExact(event_id) FROM events")); n != "30,30" {
		t.Errorf("facts are %s of 30 accepted", n)
	}
}

// TestUpThatCannotStartSaysWhy: exit code 2 and a sentence that names what to change.
func TestUpThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	t.Run("data directory in use", func(t *testing.T) {
		dir := t.TempDir()
		info := up(t, dir)
		wants(t, startUp(t, dir).ends(t, exitError), "in use", fmt.Sprint(info.PID), dir, "--data")
	})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, flag := range []string{"--listen", "--pages-listen", "--clickhouse-listen", "--kafka-listen"} {
		t.Run("port in use of "+flag, func(t *testing.T) {
			wants(t, startUp(t, t.TempDir(), flag, taken.Addr().String()).ends(t, exitError), taken.Addr().String(), "in use", flag)
		})
	}
	for name, cfg := range map[string]struct{ text, names string }{
		"no Kafka there":      {"kafka: {brokers: ['127.0.0.1:1']}", "kafka.brokers"},
		"no such Kafka host":  {"kafka: {brokers: ['kafka.invalid:9092']}", "kafka.brokers"},
		"no ClickHouse there": {"clickhouse: {address: '127.0.0.1:1'}", "clickhouse.address"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "payoff.yaml")
			write(t, file, cfg.text)
			address := strings.Trim(cfg.text[strings.Index(cfg.text, "'"):strings.LastIndex(cfg.text, "'")], "'")
			wants(t, startUp(t, t.TempDir(), "--config", file).ends(t, exitError), address, cfg.names)
		})
	}
	t.Run("data of a newer version", func(t *testing.T) {
		dir := dataDir(t)
		must(t, "rollup", "--data", dir)
		fromTheFuture(t, dir)
		wants(t, startUp(t, dir).ends(t, exitError), "newer", "9999_what_comes.sql")
	})
	t.Run("data directory that is a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "data")
		write(t, file, "no directory")
		wants(t, startUp(t, file).ends(t, exitError), file)
	})
}

// fromTheFuture records a migration that no version has yet.
func fromTheFuture(t *testing.T, dir string) {
	t.Helper()
	e, err := engine.Start(t.Context(), engine.Options{Dir: filepath.Join(dir, "engine"), PayoffPassword: "for the test", ReaderPassword: "for the reader"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: "for the test"})
	if err == nil {
		err = s.Exec(t.Context(), "INSERT INTO payoff.schema_migrations (number, name, checksum, applied_at) VALUES (9999, '9999_what_comes.sql', 'x', now())")
		s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wants checks that a text names everything that a person needs.
func wants(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("it does not say %q:\n%s", p, text)
		}
	}
	if strings.Contains(text, "goroutine ") {
		t.Errorf("it panicked:\n%s", text)
	}
}
