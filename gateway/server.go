package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mxgate/gateway/relay"
	"mxgate/gateway/resolve"
	"mxgate/gateway/session"
	"mxgate/gateway/store"
	"mxgate/gateway/wire"
	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Server is the gateway: listeners, sessions, judgement, store.
type Server struct {
	cfg       *Config
	log       *slog.Logger
	store     *store.Store
	pool      *relay.Pool
	pipeline  *pipeline
	metrics   *metrics
	resolver  *resolve.Resolver
	listeners []*wire.Listener
	http      net.Listener
	unlock    func()
	cert      atomic.Pointer[tls.Certificate]
	strangers *seldom
	draining  atomic.Bool
}

// New opens everything the gateway needs: data directory, listeners, resolver.
// Next hops may be down: mail for them is deferred until they are back. The
// error says what could not be opened and what was expected.
func New(cfg *Config, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, log: log, metrics: newMetrics(), strangers: newSeldom(log, time.Second)}
	s.cert.Store(cfg.certificate)
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) open() error {
	var err error
	if s.resolver, err = s.cfg.resolver(); err != nil {
		return err
	}
	if s.store, err = (store.Config{Dir: s.cfg.DataDir, MaxOctets: s.cfg.Retention.QuarantineOctets, OnError: func(err error) { s.log.Error("store", "err", err) }}).Open(); err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.file, s.cfg.DataDir, err)
	}
	if s.unlock, err = lock(s.cfg.DataDir); err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.file, s.cfg.DataDir, err)
	}
	if err := wire.CleanSpool(s.store.SpoolDir()); err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.file, s.cfg.DataDir, err)
	}
	if orphans, err := s.store.Sweep(context.Background()); err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.file, s.cfg.DataDir, err)
	} else if len(orphans) > 0 {
		s.log.Warn("files left by an interrupted quarantine were removed; their senders were never told 250", "files", len(orphans))
	}
	s.pool = relay.NewPool(relay.Config{Hostname: s.cfg.Hostname})
	s.pipeline = &pipeline{cfg: s.cfg, collector: s.cfg.collector(s.resolver), pool: s.pool, store: s.store, metrics: s.metrics,
		log: s.log, trouble: newSeldom(s.log, time.Second), waiting: newWaiting(), now: time.Now}
	for i, l := range s.cfg.Listeners {
		listener, err := wire.Listen(l.Address, s.wireConfig())
		if err != nil {
			return fmt.Errorf("%s: listener[%d].address = %q: %w%s", s.cfg.file, i, l.Address, err, bindHint(err))
		}
		s.listeners = append(s.listeners, listener)
	}
	if s.cfg.Metrics.Address != "" {
		if s.http, err = net.Listen("tcp", s.cfg.Metrics.Address); err != nil {
			return fmt.Errorf("%s: metrics.address = %q: %w", s.cfg.file, s.cfg.Metrics.Address, err)
		}
	}
	s.registerReadings()
	return nil
}

// resolver asks the configured servers, or the system's.
func (c *Config) resolver() (*resolve.Resolver, error) {
	servers, err := c.resolvers()
	if err != nil {
		return nil, err
	}
	r, err := resolve.New(resolve.Config{Servers: servers, Timeout: time.Duration(c.DNS.Timeout), CacheEntries: c.DNS.CacheEntries, TrustAD: c.DNS.TrustAD})
	if err != nil {
		return nil, fmt.Errorf("%s: dns: %w", c.file, err)
	}
	return r, nil
}

// collector builds the judgement from the configuration.
func (c *Config) collector(r dns.Resolver) *policy.Collector {
	protected := make([]mail.Domain, len(c.targets))
	for i, t := range c.targets {
		protected[i] = t.Domain
	}
	return &policy.Collector{Resolver: r, Own: c.own, Protected: protected, Lookalike: lookalike.NewIndex(c.targets), People: c.people}
}

// resolvers returns the servers to ask: the configured ones or the system's.
func (c *Config) resolvers() ([]netip.AddrPort, error) {
	if len(c.DNS.Servers) == 0 {
		servers, err := resolve.System()
		if err != nil {
			return nil, fmt.Errorf("%s: dns.servers is not set and the system names no resolver (%w): expected servers = [\"127.0.0.1:53\"] or the like", c.file, err)
		}
		return servers, nil
	}
	var servers []netip.AddrPort
	for _, text := range c.DNS.Servers {
		server, err := resolve.ParseServer(text)
		if err != nil {
			return nil, fmt.Errorf("%s: dns.servers: %w", c.file, err)
		}
		servers = append(servers, server)
	}
	return servers, nil
}

func (s *Server) wireConfig() wire.Config {
	l := s.cfg.Limits
	w := wire.Config{
		Hostname: s.cfg.Hostname, Admit: s.admit, OnStranger: s.stranger,
		RequireTLS: s.cfg.TLS.Require, MaxMessageOctets: l.MessageOctets, MaxRecipients: l.Recipients,
		MaxConns: l.Connections, MaxConnsPerSource: l.ConnectionsPerSource, MaxStrangers: l.StrangerConnections,
		SpoolDir: s.store.SpoolDir(), MemoryOctets: l.MemoryOctets,
		CommandTimeout: time.Duration(l.CommandTimeout), ContentTimeout: time.Duration(l.ContentTimeout), Log: s.log,
	}
	if s.cfg.certificate != nil {
		w.TLSConfig = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.Load(), nil }}
	}
	return w
}

// admit decides by address alone, before TLS and DNS.
func (s *Server) admit(addr netip.Addr) wire.Admission {
	src, ok := s.cfg.sources.Match(addr)
	switch {
	case !ok:
		return wire.Admission{Verdict: wire.Stranger}
	case src.Expired(time.Now()):
		s.metrics.expired.Inc()
		s.strangers.say(time.Now(), "client of an expired source refused", "client_ip", addr, "source", src.Name, "reason", string(policy.SourceExpired))
		return wire.Admission{Verdict: wire.Stranger}
	}
	return wire.Admission{Source: src.Name, Verdict: wire.Admitted}
}

// stranger records an attempt to get around the provider.
func (s *Server) stranger(addr netip.Addr, helo string) {
	now := time.Now()
	s.store.Stranger(now, addr, helo)
	if src, ok := s.cfg.sources.Match(addr); !ok || !src.Expired(now) {
		s.strangers.say(now, "stranger refused", "client_ip", addr, "helo", helo, "reason", string(policy.NotAdmitted))
	}
}

// Reload reads the certificate again, for handshakes from now on; a pair that
// cannot be used changes nothing. The rest of the configuration needs a restart.
func (s *Server) Reload() {
	if s.cfg.certificate == nil {
		s.log.Warn("nothing to reload: no certificate is configured; other changes need a restart")
		return
	}
	pair, err := tls.LoadX509KeyPair(s.cfg.TLS.CertFile, s.cfg.TLS.KeyFile)
	if err != nil {
		s.log.Error("certificate not reloaded, the old one stays in use", "err", err)
		return
	}
	s.cert.Store(&pair)
	s.log.Info("certificate reloaded; other changes need a restart")
}

// bindHint says what to do about a port that may not be opened.
func bindHint(err error) string {
	if errors.Is(err, os.ErrPermission) {
		return ": ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= in a systemd unit, or setcap), or another port"
	}
	return ""
}

// Addrs returns the addresses listened on, in the order of the configuration.
func (s *Server) Addrs() []net.Addr {
	addrs := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		addrs[i] = l.Addr()
	}
	return addrs
}

// Store gives access to quarantine and journal.
func (s *Server) Store() *store.Store { return s.store }

// Serve takes mail until ctx ends, then drains: it stops accepting, lets
// running transactions finish within limits.drain_timeout, and closes
// everything. It returns nil after a drain that was asked for.
func (s *Server) Serve(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	sessions := session.Config{Hostname: s.cfg.Hostname, Gate: s.pipeline, Log: s.log, OnPanic: s.metrics.panics.Inc}
	failed := make(chan error, len(s.listeners))
	var wg sync.WaitGroup
	for _, l := range s.listeners {
		wg.Go(func() {
			if err := session.Serve(l, sessions); err != nil && !s.draining.Load() {
				failed <- err
			}
		})
	}
	httpCtx, stopHTTP := context.WithCancel(context.Background())
	defer stopHTTP()
	if s.http != nil {
		wg.Go(func() { s.serveHTTP(httpCtx, s.http) })
	}
	wg.Go(func() { s.keepHouse(httpCtx) })
	wg.Go(func() { s.lookAround(httpCtx) })
	s.log.Info("ready", "hostname", s.cfg.Hostname, "mode", s.cfg.Mode, "listeners", s.Addrs())

	var cause error
	select {
	case <-ctx.Done():
		s.log.Info("draining", "timeout", time.Duration(s.cfg.Limits.DrainTimeout))
	case cause = <-failed:
		s.log.Error("listener failed", "err", cause)
	}
	s.drain()
	stopHTTP()
	wg.Wait()
	s.log.Info("stopped")
	return cause
}

// lookAround warns at the start of what is out of reach: mail that needs it will
// be deferred, and nobody should have to find out from the sender.
func (s *Server) lookAround(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, p := range s.cfg.reachable(ctx, s.pipeline.collector.Resolver, s.pool) {
		if ctx.Err() == nil {
			s.log.Warn("out of reach", "key", p.Key, "value", p.Value, "err", p.Expected)
		}
	}
}

func (s *Server) drain() {
	s.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.cfg.Limits.DrainTimeout))
	defer cancel()
	var wg sync.WaitGroup
	for _, l := range s.listeners {
		wg.Go(func() {
			if err := l.Drain(ctx); err != nil {
				s.log.Warn("drain cut short", "err", err)
			}
		})
	}
	wg.Wait()
}

// keepHouse removes what is past its retention, once an hour.
func (s *Server) keepHouse(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		now := time.Now()
		journal := now.AddDate(0, 0, -s.cfg.Retention.JournalDays)
		quarantine := now.AddDate(0, 0, -s.cfg.Retention.QuarantineDays)
		if _, err := s.store.Expire(ctx, journal, quarantine); err != nil && ctx.Err() == nil {
			s.log.Error("retention", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ready reports why the gateway does not take mail, nil if it does.
func (s *Server) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("draining")
	}
	if _, err := s.store.Stats(ctx); err != nil {
		return errors.New("the store does not answer")
	}
	return s.store.Trouble()
}

// close releases what open took, in reverse order. An error means that records
// were lost.
func (s *Server) close() error {
	for _, l := range s.listeners {
		_ = l.Close() // drained or never served
	}
	if s.http != nil {
		_ = s.http.Close() // closed by serveHTTP already, or never served
	}
	if s.pool != nil {
		s.pool.Close()
	}
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	if s.unlock != nil {
		s.unlock()
	}
	return err
}

// registerReadings exposes what other rooms count.
func (s *Server) registerReadings() {
	sum := func(field func(wire.Stats) int64) func() float64 {
		return func() float64 {
			total := int64(0)
			for _, l := range s.listeners {
				total += field(l.Stats())
			}
			return float64(total)
		}
	}
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	s.metrics.read(counter, "mxgate_connections_total", "Connections of admitted clients.", sum(func(w wire.Stats) int64 { return w.Accepted }))
	s.metrics.read(counter, "mxgate_strangers_total", "Connections of clients in no source, or in an expired one.", sum(func(w wire.Stats) int64 { return w.Strangers }))
	s.metrics.read(counter, "mxgate_connections_over_limit_total", "Connections refused because a limit was reached.", sum(func(w wire.Stats) int64 { return w.OverLimit }))
	s.metrics.read(counter, "mxgate_tls_handshakes_failed_total", "TLS handshakes that failed.", sum(func(w wire.Stats) int64 { return w.TLSFailed }))
	s.metrics.read(gauge, "mxgate_connections", "Open connections of admitted clients.", sum(func(w wire.Stats) int64 { return w.Active }))
	s.metrics.read(gauge, "mxgate_store_trouble", "1 while the store cannot do its work: see /readyz.", func() float64 {
		if s.store.Trouble() != nil {
			return 1
		}
		return 0
	})
	s.metrics.read(counter, "mxgate_dns_questions_total", "Questions sent to resolvers.", func() float64 { return float64(s.resolver.Stats().Questions) })
	s.metrics.read(counter, "mxgate_dns_cache_hits_total", "Questions answered from the cache.", func() float64 { return float64(s.resolver.Stats().CacheHits) })
	s.metrics.read(counter, "mxgate_dns_timeouts_total", "Questions without an answer in time.", func() float64 { return float64(s.resolver.Stats().Timeouts) })
}
