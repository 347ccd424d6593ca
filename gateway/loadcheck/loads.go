package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// idle holds n sessions that have said EHLO and nothing more.
func idle(n int, secure bool) func(*world, *report) error {
	return func(w *world, r *report) error {
		base, err := w.rss()
		if err != nil {
			return err
		}
		sessions, err := w.crowd(n, secure)
		defer func() {
			for _, c := range sessions {
				c.nc.Close()
			}
		}()
		if err != nil {
			return err
		}
		l := w.keepDelivering(secure)
		time.Sleep(8 * time.Second)
		p50, p99, err := l.end()
		if err != nil {
			return err
		}
		held, err := w.rss()
		if err != nil {
			return err
		}
		bar := 150.0
		if secure {
			bar = 450
		}
		r.most("memory before", base, 0, "MB")
		r.most(fmt.Sprintf("memory with %d idle sessions", n), held, bar, "MB")
		r.most("of it for one session", (held-base)*1024/float64(n), 0, "KB")
		r.most("live message, median", p50, 0, "ms")
		r.most("live message, 99 of 100", p99, 50, "ms")
		return nil
	}
}

// crowd opens n sessions, 64 at a time.
func (w *world) crowd(n int, secure bool) ([]*client, error) {
	sessions := make([]*client, 0, n)
	var mu sync.Mutex
	var first error
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c, err := w.greeted(secure)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				first = err
				return
			}
			sessions = append(sessions, c)
		})
	}
	wg.Wait()
	return sessions, first
}

// slow has three kinds of clients drip an octet each second, and waits until the
// gateway has closed them all. The limits are: a command 10 s, as configured; a
// handshake 30 s; content 500 octets in a second after 60 s.
func slow(w *world, r *report) error {
	const each = 200
	l := w.keepDelivering(false)
	kinds := []struct {
		name  string
		begin func() (net.Conn, error)
		limit float64
	}{
		{"command", func() (net.Conn, error) { return w.opened(nil) }, 10},
		{"TLS hello", func() (net.Conn, error) { return w.opened(func(c *client) error { return c.ask("STARTTLS", "220") }) }, 30},
		{"content", func() (net.Conn, error) { return w.opened((*client).begin) }, 60},
	}
	var wg sync.WaitGroup
	longest := make([]atomic.Int64, len(kinds))
	var failed atomic.Pointer[error]
	for k, kind := range kinds {
		for range each {
			wg.Go(func() {
				nc, err := kind.begin()
				if err != nil {
					failed.Store(&err)
					return
				}
				defer nc.Close()
				took := drip(nc).Milliseconds()
				for {
					before := longest[k].Load()
					if took <= before || longest[k].CompareAndSwap(before, took) {
						return
					}
				}
			})
		}
	}
	wg.Wait()
	p50, p99, err := l.end()
	if f := failed.Load(); f != nil {
		err = errors.Join(err, *f)
	}
	if err != nil {
		return err
	}
	for k, kind := range kinds {
		r.most(fmt.Sprintf("%d slow clients, %s: longest lived", each, kind.name), float64(longest[k].Load())/1000, kind.limit+5, "s")
	}
	r.most("live message meanwhile, median", p50, 0, "ms")
	r.most("live message meanwhile, 99 of 100", p99, 50, "ms")
	return nil
}

// opened begins a session and brings it to where the octets shall drip.
func (w *world) opened(prepare func(*client) error) (net.Conn, error) {
	c, err := w.greeted(false)
	if err == nil && prepare != nil {
		err = prepare(c)
	}
	if err != nil {
		return nil, err
	}
	return c.nc, nil
}

// drip sends one octet each second until the other end closes, and returns how
// long that took.
func drip(nc net.Conn) time.Duration {
	const most = 3 * time.Minute
	began := time.Now()
	nc.SetDeadline(began.Add(most))
	over := make(chan struct{})
	go func() { // ends when the connection does
		defer close(over)
		io.Copy(io.Discard, nc)
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return time.Since(began)
		case <-tick.C:
			nc.Write([]byte("X")) // the reader finds out
		}
	}
}

// strangers connects 5,000 times in a second from addresses of no source.
func strangers(w *world, r *report) error {
	const perSecond, seconds = 5000, 10
	calm := w.keepDelivering(false)
	time.Sleep(5 * time.Second)
	_, before, err := calm.end()
	if err != nil {
		return err
	}
	asked := w.dns.Questions()
	l := w.keepDelivering(false)
	refused, failed := w.flood(perSecond, seconds)
	_, p99, err := l.end()
	if err != nil {
		return err
	}
	r.most("strangers turned away in a second", float64(refused)/seconds, 0, "")
	r.most("of them not even answered by the kernel", float64(failed), 0, "")
	r.exactly("DNS questions for them", w.dns.Questions()-asked, 0)
	r.most("live message before, 99 of 100", before, 0, "ms")
	r.most("live message meanwhile, 99 of 100", p99, max(2*before, 10), "ms")
	return nil
}

// flood connects at a pace and waits for each connection to be closed. It
// returns how many were, and how many could not be made.
func (w *world) flood(perSecond, seconds int) (refused, failed int64) {
	var done, bad atomic.Int64
	var wg sync.WaitGroup
	const batch = 50
	tick := time.NewTicker(time.Second * batch / time.Duration(perSecond))
	defer tick.Stop()
	for i := range perSecond * seconds / batch {
		<-tick.C
		for j := range batch {
			ip := fmt.Sprintf("127.%d.%d.%d", 1+(i+j)%100, (i*7+j)%250, 1+(i*batch+j)%250)
			wg.Go(func() {
				nc, err := w.dialFrom(ip)
				if errors.Is(err, syscall.ECONNRESET) { // closed without a word, faster than we saw it open
					done.Add(1)
					return
				}
				if err != nil {
					bad.Add(1)
					return
				}
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(patience))
				buf := make([]byte, 128)
				nc.Read(buf) // 554, or the end
				io.WriteString(nc, "QUIT\r\n")
				io.Copy(io.Discard, nc)
				done.Add(1)
			})
		}
	}
	wg.Wait()
	return done.Load(), bad.Load()
}

// large delivers 100 messages of 50 MB at once.
func large(w *world, r *report) error {
	const many, octets = 100, 50_000_000
	l := w.keepDelivering(false)
	time.Sleep(3 * time.Second)
	base, err := w.rss()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	peak := w.peakRSS(ctx)
	block := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog, and then it does that again..\r\n"), 850)
	var wg sync.WaitGroup
	errs := make([]error, many)
	began := time.Now()
	for i := range errs {
		wg.Go(func() { errs[i] = w.deliverBig(block, octets) })
	}
	wg.Wait()
	took := time.Since(began)
	cancel()
	p50, p99, err := l.end()
	if err = errors.Join(append(errs, err)...); err != nil {
		return err
	}
	r.exactly("messages at the next hop", w.sink.Count(), many+len(l.took))
	r.most("memory before", base, 0, "MB")
	r.most("peak memory above that", <-peak-base, 100, "MB")
	r.most("through", many*octets/1e6/took.Seconds(), 0, "MB/s")
	r.most("live message meanwhile, median", p50, 0, "ms")
	r.most("live message meanwhile, 99 of 100", p99, 0, "ms")
	return nil
}

func (w *world) deliverBig(block []byte, octets int) error {
	c, err := w.greeted(false)
	if err != nil {
		return err
	}
	defer c.nc.Close()
	if err := c.begin(); err != nil {
		return err
	}
	const whole = 10 * time.Minute
	c.nc.SetDeadline(time.Now().Add(whole))
	if _, err := io.WriteString(c.nc, head); err != nil {
		return err
	}
	for sent := len(head); sent < octets; sent += len(block) {
		if _, err := c.nc.Write(block); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(c.nc, ".\r\n"); err != nil {
		return err
	}
	c.nc.SetReadDeadline(time.Now().Add(whole))
	line, err := c.r.ReadString('\n')
	if err == nil && line[:3] != "250" {
		err = fmt.Errorf("answered %q to 50 MB", line)
	}
	return err
}
