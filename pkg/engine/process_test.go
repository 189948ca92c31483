package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

// parentEnv makes this test binary start an engine in the named directory, print
// the child's process and wait.
const parentEnv = "PAYOFF_ENGINE_TEST_PARENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentEnv); dir != "" {
		os.Exit(actParent(dir))
	}
	os.Exit(m.Run())
}

func actParent(dir string) int {
	e, err := engine.Start(context.Background(), engine.Options{Dir: dir, PayoffPassword: enginetest.PayoffPassword})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(e.Pid())
	select {}
}

// TestKilledUnderLoad kills the engine while several clients insert: it comes
// back by itself, and every insert that was acknowledged is there.
func TestKilledUnderLoad(t *testing.T) {
	e := enginetest.Start(t)
	conn := enginetest.Conn(t, e)
	mustExec(t, conn, "CREATE TABLE acks (worker UInt32, n UInt64) ENGINE = MergeTree ORDER BY (worker, n)")
	const workers, kills = 4, 3
	var acked [workers]atomic.Uint64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := uint64(1); ctx.Err() == nil; n++ {
				err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO acks SELECT %d, %d FROM numbers(100)", w, n))
				if err == nil {
					acked[w].Store(n)
					continue
				}
				// Whether it was written is not known: go on with the next number.
			}
		})
	}
	for kill := range kills {
		before := acked[0].Load()
		waitFor(t, 20*time.Second, "inserts to go on", func() bool { return acked[0].Load() > before+20 })
		if err := syscall.Kill(e.Pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		waitFor(t, 20*time.Second, "the engine to be restarted", func() bool { return e.Restarts() == kill+1 && e.Ready() })
	}
	stop()
	wg.Wait()
	rows, err := conn.Query(t.Context(), "SELECT worker, n, count() FROM acks GROUP BY worker, n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	present := map[uint32]map[uint64]uint64{}
	for rows.Next() {
		var w uint32
		var n, c uint64
		if err := rows.Scan(&w, &n, &c); err != nil {
			t.Fatal(err)
		}
		if present[w] == nil {
			present[w] = map[uint64]uint64{}
		}
		present[w][n] = c
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for w := range present {
		for n, c := range present[w] {
			if c != 100 {
				t.Errorf("insert %d of worker %d has %d rows, want 100", n, w, c)
			}
		}
	}
	for w := range workers {
		if n := acked[w].Load(); present[uint32(w)][n] == 0 {
			t.Errorf("insert %d of worker %d was acknowledged and is gone", n, w)
		}
	}
}

// TestAcknowledgedBeforeKill checks every acknowledged insert, one by one.
func TestAcknowledgedBeforeKill(t *testing.T) {
	e := enginetest.Start(t)
	conn := enginetest.Conn(t, e)
	mustExec(t, conn, "CREATE TABLE acks (n UInt64) ENGINE = MergeTree ORDER BY n")
	ctx, stop := context.WithCancel(t.Context())
	acked := make(chan []uint64)
	var count atomic.Int64
	go func() {
		var list []uint64
		for n := uint64(0); ctx.Err() == nil; n++ {
			if conn.Exec(ctx, fmt.Sprintf("INSERT INTO acks VALUES (%d)", n)) == nil {
				list = append(list, n)
				count.Add(1)
			}
		}
		acked <- list
	}()
	waitFor(t, 20*time.Second, "some inserts", func() bool { return count.Load() > 100 })
	if err := syscall.Kill(e.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, 20*time.Second, "the engine to be restarted", func() bool { return e.Restarts() == 1 })
	stop()
	list := <-acked
	var missing uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM (SELECT arrayJoin({acked:Array(UInt64)}) AS n) WHERE n NOT IN (SELECT n FROM acks)",
		clickhouse.Named("acked", list)).Scan(&missing); err != nil || missing != 0 {
		t.Errorf("%d of %d acknowledged inserts are gone, %v", missing, len(list), err)
	}
}

func TestSecondEngineIsRefused(t *testing.T) {
	dir := t.TempDir()
	enginetest.StartIn(t, engine.Options{Dir: dir})
	_, err := engine.Start(t.Context(), engine.Options{Dir: dir, PayoffPassword: "x"})
	if !errors.Is(err, engine.ErrInUse) || !strings.Contains(err.Error(), "stop that one") {
		t.Errorf("got %v, want ErrInUse", err)
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = engine.Start(t.Context(), engine.Options{Dir: t.TempDir(), Listen: l.Addr().String(), PayoffPassword: "x"})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v, want EADDRINUSE with the address", err)
	}
}

// TestOrphan kills the parent: its child ends too, and lets go of the data, for
// which the next engine waits.
func TestOrphan(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(exe)
	parent.Env = append(os.Environ(), parentEnv+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent said %q", line)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // says that it was killed
	e := enginetest.StartIn(t, engine.Options{Dir: dir})
	if !e.Ready() {
		t.Errorf("the next engine is down: %v", e.Down())
	}
	waitFor(t, 10*time.Second, "the orphan to end", func() bool { return errors.Is(syscall.Kill(child, 0), syscall.ESRCH) })
}

func TestStop(t *testing.T) {
	dir := t.TempDir()
	e, err := engine.Start(t.Context(), engine.Options{Dir: dir, PayoffPassword: "p", Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	pid := e.Pid()
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.Ready() || e.Down() == nil {
		t.Error("the engine says it is ready after Stop")
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is there after Stop: %v", pid, err)
	}
	if _, err := e.DialContext(t.Context(), ""); err == nil {
		t.Error("the socket is there after Stop")
	}
	if _, err := net.Dial("tcp", e.Addr()); err == nil {
		t.Error("the address is served after Stop")
	}
	// The directory is free again, and keeps what was in it.
	again := enginetest.StartIn(t, engine.Options{Dir: dir})
	if !again.Ready() {
		t.Error("the engine does not start again")
	}
}

func TestDataSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	t.Run("write", func(t *testing.T) {
		conn := enginetest.Conn(t, enginetest.StartIn(t, engine.Options{Dir: dir}))
		mustExec(t, conn, "CREATE DATABASE kept")
		mustExec(t, conn, "CREATE TABLE kept.t (n UInt64) ENGINE = MergeTree ORDER BY n")
		mustExec(t, conn, "INSERT INTO kept.t SELECT number FROM numbers(10)")
		mustExec(t, conn, "CREATE VIEW kept.v AS SELECT sum(n) AS s FROM kept.t")
	})
	t.Run("read", func(t *testing.T) {
		conn := enginetest.Conn(t, enginetest.StartIn(t, engine.Options{Dir: dir}))
		var s uint64
		if err := conn.QueryRow(t.Context(), "SELECT s FROM kept.v").Scan(&s); err != nil || s != 45 {
			t.Errorf("sum = %d, %v; want 45", s, err)
		}
	})
}

func TestBackupStaysInTheDirectory(t *testing.T) {
	conn := enginetest.Conn(t, enginetest.Start(t))
	mustExec(t, conn, "CREATE DATABASE b")
	mustExec(t, conn, "CREATE TABLE b.t (n UInt64) ENGINE = MergeTree ORDER BY n")
	mustExec(t, conn, "INSERT INTO b.t VALUES (1)")
	if err := conn.Exec(t.Context(), "BACKUP DATABASE b TO File('/tmp/payoff-backup')"); err == nil {
		t.Error("a backup left the directory")
	}
	mustExec(t, conn, "BACKUP DATABASE b TO File('one')")
	mustExec(t, conn, "RESTORE DATABASE b AS c FROM File('one')")
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT n FROM c.t").Scan(&n); err != nil || n != 1 {
		t.Errorf("restored %d, %v", n, err)
	}
}

// TestSecretsAreNotVisible looks where other users of a machine could look.
func TestSecretsAreNotVisible(t *testing.T) {
	dir := t.TempDir()
	e := enginetest.StartIn(t, engine.Options{Dir: dir, AllowedHosts: []string{"metrics.example"}})
	for _, name := range []string{"cmdline", "environ"} {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(e.Pid()), name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "-test-password") {
			t.Errorf("a password is in %s of the child", name)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), "-test-password") {
			t.Errorf("a password is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestManyAtOnce(t *testing.T) {
	e := enginetest.Start(t)
	conn := enginetest.Open(t, func() *clickhouse.Options {
		o := enginetest.ClickHouse(e, engine.OwnerUser, enginetest.PayoffPassword)
		o.MaxOpenConns, o.MaxIdleConns = 32, 32
		return o
	}())
	mustExec(t, conn, "CREATE TABLE many (w UInt64, n UInt64) ENGINE = MergeTree ORDER BY n")
	const workers, rounds = 16, 20
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := range rounds {
				if err := conn.Exec(t.Context(), "INSERT INTO many VALUES ({w:UInt64}, {n:UInt64})", clickhouse.Named("w", w), clickhouse.Named("n", n)); err != nil {
					t.Error(err)
				}
				if err := conn.Exec(t.Context(), "SELECT throwIf(1)"); err == nil {
					t.Error("throwIf did not throw")
				}
				var sum uint64
				if err := conn.QueryRow(t.Context(), "SELECT sum(number) FROM numbers(100000)").Scan(&sum); err != nil || sum != 4999950000 {
					t.Errorf("sum = %d, %v", sum, err)
				}
			}
		})
	}
	wg.Wait()
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT uniqExact(w, n) FROM many").Scan(&n); err != nil || n != workers*rounds {
		t.Errorf("%d rows, %v; want %d", n, err, workers*rounds)
	}
	if e.Restarts() != 0 {
		t.Errorf("the engine was restarted %d times", e.Restarts())
	}
}
