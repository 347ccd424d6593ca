package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"mxgate/gateway/relay"
	"mxgate/gateway/store"
	"mxgate/policy/mail"
)

// OpenStore opens the quarantine and journal of a configuration, beside a
// gateway that may be running. It creates no database: who looks at an empty
// one that a wrong data_dir led to would believe that nothing is held.
func OpenStore(cfg *Config) (*store.Store, error) {
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "mxgate.db")); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: data_dir: no mxgate data in %s: expected the data_dir of a gateway that has run", cfg.file, cfg.DataDir)
	}
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
