package resolve

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/gateway/resolve/dnstest"
	"mxgate/policy/dns"
)

func TestQuestionsInFlightAreBounded(t *testing.T) {
	server := serve(t, testZone)
	r := asking(t, Config{}, server)
	for range maxFresh {
		r.lanes.fresh <- struct{}{}
	}
	r.timeout = 50 * time.Millisecond
	ctx, ours := NoteOurs(t.Context())
	if _, err := r.A(ctx, "example.com"); !errors.Is(err, dns.ErrTemporary) || !errors.Is(err, errBusy) || server.Questions() != 0 || !ours() {
		t.Errorf("got %v, %d questions, ours: %v", err, server.Questions(), ours())
	}
	hasty, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	r.timeout = time.Minute
	ctx, ours = NoteOurs(hasty)
	if _, err := r.MX(ctx, "example.com"); !errors.Is(err, context.DeadlineExceeded) || !ours() {
		t.Errorf("whose time ends before: got %v, ours: %v", err, ours())
	}
	<-r.lanes.fresh
	ctx, ours = NoteOurs(t.Context())
	if _, err := r.TXT(ctx, "example.com"); err != nil || ours() {
		t.Errorf("with a free slot: %v, ours: %v", err, ours())
	}
	if s := r.Stats(); s.Busy != 1 || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
}

// Names whose servers are slow take slots from each other only.
func TestSlowQuestionsGiveTheirSlotsToFreshOnes(t *testing.T) {
	const fresh, slow = 5, 2
	zone := testZone
	for i := range fresh {
		zone += fmt.Sprintf("\nslow%d.example.com A 192.0.2.9", i)
	}
	land := make(chan struct{})
	server := serve(t, zone)
	server.Behave(dnstest.Behaviour{Before: func(name, _ string) {
		if strings.HasPrefix(name, "slow") {
			<-land
		}
	}})
	r := asking(t, Config{Timeout: time.Minute}, server)
	r.lanes = lanes{make(chan struct{}, fresh), make(chan struct{}, slow)}
	var mu sync.Mutex
	var busy, found int
	var wg sync.WaitGroup
	for i := range fresh {
		wg.Go(func() {
			ctx, ours := NoteOurs(t.Context())
			_, err := r.A(ctx, fmt.Sprintf("slow%d.example.com", i))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && !ours():
				found++
			case errors.Is(err, errBusy) && errors.Is(err, dns.ErrTemporary) && ours():
				busy++
			default:
				t.Errorf("slow%d: %v, ours: %v", i, err, ours())
			}
		})
	}
	for r.Stats().Questions < fresh {
		time.Sleep(time.Millisecond)
	}
	stalls := 0
	for _, name := range []string{"example.com", "mx2.example.com"} {
		_, err := r.A(t.Context(), name)
		for ; errors.Is(err, errBusy) && stalls < 10; stalls++ { // the machine stood still for as long as makes it slow
			_, err = r.A(t.Context(), name)
		}
		if errors.Is(err, dns.ErrTemporary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	given := uint64(fresh - slow + stalls)
	for r.Stats().Busy < given {
		time.Sleep(time.Millisecond)
	}
	close(land)
	wg.Wait()
	if busy != fresh-slow || found != slow {
		t.Errorf("%d were given up and %d answered, want %d and %d", busy, found, fresh-slow, slow)
	}
	if s := r.Stats(); s.Busy != given || s.Failures != 0 || !s.FailingSince.IsZero() {
		t.Errorf("%+v", s)
	}
	for i := range fresh { // of which nothing was kept
		if _, err := r.A(t.Context(), fmt.Sprintf("slow%d.example.com", i)); err != nil {
			t.Error(err)
		}
	}
	if len(r.lanes.fresh)+len(r.lanes.slow) != 0 {
		t.Errorf("slots are held still: %d, %d", len(r.lanes.fresh), len(r.lanes.slow))
	}
}

func TestFailuresOfOthersAreNotOurs(t *testing.T) {
	server := serve(t, testZone)
	r := asking(t, Config{Timeout: 50 * time.Millisecond}, server)
	for _, b := range []dnstest.Behaviour{{Rcode: "SERVFAIL"}, {Drop: true}} {
		server.Behave(b)
		ctx, ours := NoteOurs(t.Context())
		if _, err := r.A(ctx, "example.com"); !errors.Is(err, dns.ErrTemporary) || ours() {
			t.Errorf("%+v: %v, ours: %v", b, err, ours())
		}
	}
	if _, err := r.MX(t.Context(), "example.com"); !errors.Is(err, dns.ErrTemporary) {
		t.Errorf("without anybody to note it: %v", err)
	}
	ctx, ours := NoteOurs(WaitUntil(t.Context(), time.Now()))
	if _, err := r.AAAA(ctx, "example.com"); !errors.Is(err, errNoWait) || !ours() {
		t.Errorf("who may not wait: %v, ours: %v", err, ours())
	}
}
