package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"mxgate/gateway/config"
	"mxgate/gateway/disk"
	"mxgate/gateway/relay"
	"mxgate/gateway/store"
	"mxgate/policy/dns"
)

// CheckReachable asks what Load cannot see: data directory and its room, resolver,
// next hops. It changes nothing, and returns one problem for each with its key:
// a warning, where the gateway starts all the same.
func CheckReachable(ctx context.Context, cfg *config.Config) []config.Problem {
	var problems []config.Problem
	if missing, err := checkDataDir(cfg.DataDir); err != nil {
		problems = append(problems, config.Problem{Key: "data_dir", Value: strconv.Quote(cfg.DataDir), Expected: err.Error(), Warning: missing})
	} else if err := (store.Config{Dir: cfg.DataDir}).Room(); err != nil {
		problems = append(problems, config.Problem{Key: "data_dir", Value: strconv.Quote(cfg.DataDir), Expected: fmt.Sprintf("%v; until then mail that would be quarantined is deferred", err), Warning: true})
	}
	problems = append(problems, listenable(ctx, cfg)...)
	resolver, err := NewResolver(cfg, "")
	if err != nil {
		return append(problems, config.Problem{Key: "dns", Expected: err.Error()})
	}
	pool := relay.NewPool(relay.Config{Hostname: cfg.Hostname, Resolver: resolver})
	defer pool.Close()
	return append(problems, reachable(ctx, cfg, resolver, pool.Probe)...)
}

// checkDataDir tells whether the gateway will be able to use dir, without
// creating it: whoever checks may be another user than the one who serves. missing
// says that it is not there: a service manager may make it.
func checkDataDir(dir string) (missing bool, err error) {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		parent := filepath.Dir(filepath.Clean(dir))
		if info, err := os.Stat(parent); err != nil || !info.IsDir() {
			return false, fmt.Errorf("neither it nor %s exists: expected a directory, or one that mxgate may create there", parent)
		}
		if probe, err := os.MkdirTemp(parent, ".mxgate-check-*"); err == nil {
			return false, os.Remove(probe) // created at the start
		}
		return true, fmt.Errorf("is not there, and this user may not make it in %s: create it for the user running mxgate (mode 0700), unless the service does it (StateDirectory of systemd)", parent)
	}
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, errors.New("is no directory: expected one that the user running mxgate may write to")
	}
	probe, err := os.CreateTemp(dir, ".check-*")
	if owner, ok := disk.Denied(dir, err); ok {
		return false, fmt.Errorf("%s (%v)", owner.Cures(), os.ErrPermission)
	}
	if err != nil {
		if at, ok := errors.AsType[*fs.PathError](err); ok {
			err = at.Err // the path is named already
		}
		return false, fmt.Errorf("cannot be written to by this user (%w): expected a directory of the user running mxgate", err)
	}
	return false, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// listenable finds listeners whose address this machine does not have. The ports are not
// asked for: the gateway may be running, and a low one is not for everybody.
func listenable(ctx context.Context, c *config.Config) []config.Problem {
	var problems []config.Problem
	for i, s := range c.Sockets {
		host, _, err := net.SplitHostPort(s.Address)
		if err != nil { // systemd opens it
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
		if err == nil {
			err = l.Close()
		}
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			problems = append(problems, config.Problem{Key: fmt.Sprintf("listener[%d].address", i), Value: strconv.Quote(s.Address), Warning: true,
				Expected: "this machine does not have the address now: expected one that it has, or \":25\" for all of them; without it the gateway does not start"})
		}
	}
	return problems
}

// reachable asks the resolver and every next hop once, side by side. All that it
// finds are warnings: what is out of reach now may be back before the mail comes.
func reachable(ctx context.Context, c *config.Config, r dns.Resolver, look func(context.Context, *relay.Route) ([]relay.Probed, error)) []config.Problem {
	var mu sync.Mutex
	var problems []config.Problem
	problem := func(key, value, format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		problems = append(problems, config.Problem{Key: key, Value: value, Expected: fmt.Sprintf(format, args...), Warning: true})
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := r.MX(ctx, string(c.Own[0])); err != nil && !errors.Is(err, dns.ErrNotFound) {
			problem("dns.servers", fmt.Sprint(c.DNS.Servers), "does not answer (%v): expected a resolver that can be reached; until then mail whose verdict depends on DNS is deferred", err)
		}
	})
	for _, route := range c.Used {
		key, value := routeKey(c, route)
		wg.Go(func() {
			probed, err := look(ctx, route)
			until := "until then its mail goes to the others"
			if err != nil {
				until = "until then the mail for it is deferred"
			}
			for _, p := range probed {
				if p.Err != nil {
					problem(key, strconv.Quote(p.Host), "%v: expected %s; %s", p.Err, wanted(route, p.Err), until)
				}
			}
			if err != nil && len(probed) == 0 {
				problem(key, value, "%v: expected %s; %s", err, wanted(route, err), until)
			}
		})
	}
	wg.Wait()
	return problems
}

// wanted is what stands where err came from, if all is well.
func wanted(r *relay.Route, err error) string {
	f, _ := errors.AsType[*relay.Failure](err)
	switch {
	case f != nil && f.Class == relay.TLS:
		return fmt.Sprintf("a server that meets tls = %q, or another tls here", r.TLS.Mode)
	case r.LMTP:
		return "an LMTP server (a socket that this user may connect to) that takes mail from here"
	}
	return "an SMTP server that takes mail from here"
}

// routeKey is where the configuration names a route.
func routeKey(c *config.Config, r *relay.Route) (key, value string) {
	for i, n := range c.NextHops {
		if n.Name == r.Name {
			return fmt.Sprintf("next_hop[%d].hosts", i), fmt.Sprintf("%q", n.Hosts)
		}
	}
	for i, d := range c.Domains {
		if c.Routes[c.Own[i]] == r {
			return fmt.Sprintf("domain[%d].next_hop", i), strconv.Quote(d.NextHop)
		}
	}
	return "domain", strconv.Quote(r.Name)
}
