package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"mxgate/gateway/relay"
	"mxgate/gateway/store"
	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// OpenStore opens the quarantine and journal of a configuration, beside a
// gateway that may be running.
func OpenStore(cfg *Config) (*store.Store, error) {
	s, err := store.Open(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("%s: data_dir = %q: %w", cfg.file, cfg.DataDir, err)
	}
	return s, nil
}

// Release sends a held message to its next hop: the octets and the envelope
// received, marked with X-Mxgate-Released and never judged again. The mark
// cannot be forged from outside: fields of our prefix are removed from all mail.
func Release(ctx context.Context, cfg *Config, st *store.Store, id, by string) error {
	pool := relay.NewPool(relay.Config{Hostname: cfg.Hostname})
	defer pool.Close()
	return st.Release(ctx, id, by, func(h store.Held, content *os.File) error {
		return deliver(ctx, cfg, pool, h, content, by)
	})
}

func deliver(ctx context.Context, cfg *Config, pool *relay.Pool, h store.Held, content *os.File, by string) error {
	m, err := mail.ParseMessage(content, h.Size)
	if err != nil {
		return err
	}
	nextHop := h.NextHop
	if len(h.Envelope.ForwardPaths) > 0 { // the way may have changed since
		if now, ok := cfg.routes[h.Envelope.ForwardPaths[0].Domain]; ok {
			nextHop = now
		}
	}
	d, err := pool.Open(ctx, nextHop, h.Envelope)
	if err != nil {
		return fmt.Errorf("next hop %s: %w", nextHop, err)
	}
	for _, path := range h.Envelope.ForwardPaths {
		r, err := d.Rcpt(ctx, path)
		if err == nil && !r.Positive() {
			err = fmt.Errorf("answered %d %s %s to <%s>", r.Code, r.Enhanced, r.Text, path)
		}
		if err != nil {
			d.Abort()
			return fmt.Errorf("next hop %s: %w", nextHop, err)
		}
	}
	mark := fold(privatePrefix+"Released", fmt.Sprintf("%s; id=%s; by=%s; reason=%s", time.Now().UTC().Format(time.RFC3339), h.ID, by, h.Reason))
	parts := append([]io.ReadSeeker{bytes.NewReader([]byte(mark + h.Trace + guard(m)))}, kept(m, content, cfg.Hostname)...)
	r, err := d.Send(ctx, parts...)
	if err == nil && !r.Positive() {
		err = fmt.Errorf("answered %d %s %s to the message", r.Code, r.Enhanced, r.Text)
	}
	if err != nil {
		return fmt.Errorf("next hop %s: %w", nextHop, err)
	}
	return nil
}

// CheckReachable asks what Load cannot see: data directory, resolver, next
// hops. It returns one problem for each, with the key that names it.
func CheckReachable(ctx context.Context, cfg *Config, log *slog.Logger) []Problem {
	k := &checker{}
	if st, err := store.Open(cfg.DataDir); err != nil {
		k.add("data_dir", quote(cfg.DataDir), "%v", err)
	} else if err := st.Close(); err != nil {
		k.add("data_dir", quote(cfg.DataDir), "%v", err)
	}
	collector, err := cfg.collector(nil)
	if err != nil {
		k.add("dns", "", "%v", err)
	} else if _, err := collector.Resolver.MX(ctx, string(cfg.own[0])); err != nil && !errors.Is(err, dns.ErrNotFound) {
		k.add("dns.servers", fmt.Sprint(cfg.DNS.Servers), "does not answer (%v): expected a resolver that can be reached; until then all mail that depends on DNS is deferred", err)
	}
	pool := relay.NewPool(relay.Config{Hostname: cfg.Hostname})
	defer pool.Close()
	seen := map[string]bool{}
	for i, d := range cfg.Domains {
		if seen[d.NextHop] {
			continue
		}
		seen[d.NextHop] = true
		if _, err := pool.Probe(ctx, d.NextHop); err != nil {
			k.add(fmt.Sprintf("domain[%d].next_hop", i), quote(d.NextHop), "%v: expected an SMTP server that takes mail from here; until then mail for %s is deferred", err, d.Name)
			continue
		}
		log.Debug("next hop answers", "next_hop", d.NextHop)
	}
	return k.problems
}
