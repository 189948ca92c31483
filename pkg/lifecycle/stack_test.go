package lifecycle

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestStopIsLastFirstAndSparesNone(t *testing.T) {
	var order []string
	errStore, errHTTP := errors.New("disk gone"), errors.New("port gone")
	var s Stack
	for _, step := range []struct {
		name string
		err  error
	}{{"store", errStore}, {"transport", nil}, {"http", errHTTP}} {
		s.Push(step.name, func(context.Context) error {
			order = append(order, step.name)
			return step.err
		})
	}
	err := s.Stop(t.Context())
	if want := []string{"http", "transport", "store"}; !slices.Equal(order, want) {
		t.Errorf("stopped in order %v, want %v", order, want)
	}
	if !errors.Is(err, errStore) || !errors.Is(err, errHTTP) {
		t.Errorf("Stop = %v, want both errors joined", err)
	}
	if got, want := err.Error(), "stopping http: port gone\nstopping store: disk gone"; got != want {
		t.Errorf("Stop = %q, want %q", got, want)
	}
	if err := s.Stop(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("second Stop = %v after %v, want nothing done", err, order)
	}
}

func TestEachStepGetsTheRemainingTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var left []time.Duration
		var s Stack
		for _, takes := range []time.Duration{time.Second, 20 * time.Second, 4 * time.Second} {
			s.Push("step", func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				left = append(left, time.Until(deadline))
				select {
				case <-time.After(takes):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		}
		err := s.Stop(ctx)
		if want := []time.Duration{10 * time.Second, 6 * time.Second, 0}; !slices.Equal(left, want) {
			t.Errorf("steps saw %v left, want %v", left, want)
		}
		if got := strings.Count(err.Error(), "deadline exceeded"); got != 2 {
			t.Errorf("Stop = %v, want two steps out of time", err)
		}
	})
}

func TestPushWhileStoppingIsStoppedToo(t *testing.T) {
	var late bool
	var s Stack
	s.Push("first", func(context.Context) error {
		s.Push("late", func(context.Context) error { late = true; return nil })
		return nil
	})
	if err := s.Stop(t.Context()); err != nil || !late {
		t.Errorf("Stop = %v, late stopped %v; want nil, true", err, late)
	}
}

func TestStepsRunOnceUnderConcurrentStops(t *testing.T) {
	var mu sync.Mutex
	runs := 0
	var s Stack
	for range 100 {
		s.Push("step", func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			runs++
			return nil
		})
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _ = s.Stop(t.Context()) })
	}
	wg.Wait()
	if runs != 100 {
		t.Errorf("%d steps ran, want 100", runs)
	}
}
