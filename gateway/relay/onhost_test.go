package relay

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
)

// A host that fails behind a working one is told of, once, and when it is back.
func TestAHostThatFailsAndComesBackIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	second := sink(t, nil)
	first, err := smtptest.Start("127.0.0.1:0", smtptest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	addr := first.Target()
	first.Close()
	p := pool(t, func(c *Config) {
		c.MaxPerConn = 1 // a new connection each time
		c.OnHost = func(host string, f *Failure) {
			mu.Lock()
			defer mu.Unlock()
			word := host + " works"
			if f != nil {
				word = host + " " + string(f.Class)
			}
			told = append(told, word)
		}
	})
	r := &Route{Name: "two", Hosts: []string{addr, second.Target()}}
	send := func() {
		t.Helper()
		if err := sendOver(t, p, r, text(content)); err != nil {
			t.Fatal(err)
		}
	}
	send()
	send()
	if first, err = smtptest.Start(addr, smtptest.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(first.Close)
	send()
	send()
	mu.Lock()
	defer mu.Unlock()
	if want := []string{addr + " connect", addr + " works"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// A host that can be reached again, and breaks each transaction, does not work.
func TestAHostThatBreaksWhatItIsGivenDoesNotWorkAgain(t *testing.T) {
	var told []string
	refuse := false
	var mended atomic.Bool
	s := sinkWith(t, smtptest.Options{Reply: func(verb, _ string) (string, bool) { return "421 4.3.2 no", verb == "MAIL" && !mended.Load() }})
	p := pool(t, func(c *Config) {
		c.ProbeInterval = time.Nanosecond
		c.OnHost = func(_ string, f *Failure) {
			word := "works"
			if f != nil {
				word = string(f.Class)
			}
			told = append(told, word)
		}
		c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if refuse {
				return nil, errors.New("refused")
			}
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	})
	for i := range 4 {
		refuse = i == 1
		if _, err := deliver(t, p, s.Addr().String()); err == nil {
			t.Error("delivered")
		}
	}
	mended.Store(true)
	if _, err := deliver(t, p, s.Addr().String()); err != nil {
		t.Error(err)
	}
	if want := []string{"closing", "connect", "works"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
