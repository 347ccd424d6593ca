package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"mxgate/gateway/relay"
	"mxgate/policy/dns"
)

// CheckReachable asks what Load cannot see: data directory, resolver, next
// hops. It changes nothing, and returns one problem for each with its key.
func CheckReachable(ctx context.Context, cfg *Config) []Problem {
	k := &checker{}
	if err := checkDataDir(cfg.DataDir); err != nil {
		k.add("data_dir", quote(cfg.DataDir), "%v", err)
	}
	resolver, err := cfg.resolver()
	if err != nil {
		k.add("dns", "", "%v", err)
		return k.problems
	}
	pool := relay.NewPool(relay.Config{Hostname: cfg.Hostname})
	defer pool.Close()
	return append(k.problems, cfg.reachable(ctx, resolver, pool)...)
}

// checkDataDir tells whether the gateway will be able to use dir, without
// creating it: whoever checks may be another user than the one who serves.
func checkDataDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		parent := filepath.Dir(filepath.Clean(dir))
		if info, err := os.Stat(parent); err != nil || !info.IsDir() {
			return fmt.Errorf("neither it nor %s exists: expected a directory, or one that mxgate may create there", parent)
		}
		return nil // created at the start
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("is no directory: expected one that the user running mxgate may write to")
	}
	probe, err := os.CreateTemp(dir, ".check-*")
	if err != nil {
		return fmt.Errorf("cannot be written to by this user (%w): expected a directory of the user running mxgate", rootCause(err))
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// reachable asks the resolver and every next hop once, side by side.
func (c *Config) reachable(ctx context.Context, r dns.Resolver, pool *relay.Pool) []Problem {
	var mu sync.Mutex
	k := &checker{}
	problem := func(key, value, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		k.add(key, value, format, args...)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := r.MX(ctx, string(c.own[0])); err != nil && !errors.Is(err, dns.ErrNotFound) {
			problem("dns.servers", fmt.Sprint(c.DNS.Servers), "does not answer (%v): expected a resolver that can be reached; until then mail whose verdict depends on DNS is deferred", err)
		}
	})
	seen := map[string]bool{}
	for i, d := range c.Domains {
		if seen[d.NextHop] {
			continue
		}
		seen[d.NextHop] = true
		wg.Go(func() {
			if _, err := pool.Probe(ctx, d.NextHop); err != nil {
				problem(fmt.Sprintf("domain[%d].next_hop", i), quote(d.NextHop), "%v: expected an SMTP server that takes mail from here; until then mail for %s is deferred", err, d.Name)
			}
		})
	}
	wg.Wait()
	return k.problems
}
