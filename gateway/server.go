package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mxgate/gateway/config"
	"mxgate/gateway/memory"
	"mxgate/gateway/relay"
	"mxgate/gateway/resolve"
	"mxgate/gateway/session"
	"mxgate/gateway/store"
	"mxgate/gateway/systemd"
	"mxgate/gateway/wire"
	"mxgate/policy"
	"mxgate/policy/dns"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
)

// Server is the gateway: listeners, sessions, judgement, store.
type Server struct {
	cfg       *config.Config
	log       *slog.Logger
	store     *store.Store
	memory    *memory.Store // nil: switched off
	pool      *relay.Pool
	pipeline  *pipeline
	metrics   *metrics
	resolver  *resolve.Resolver
	listener  *wire.Listener
	sockets   []wire.Socket
	http      net.Listener
	unlock    func()
	cert      atomic.Pointer[tls.Certificate]
	strangers *seldom

	nearMisses, proxyFaults *seldom
	draining                atomic.Bool
}

// New opens everything the gateway needs: data directory, listeners, resolver.
// Next hops may be down: mail for them is deferred until they are back. The
// error says what could not be opened and what was expected.
func New(cfg *config.Config, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, log: log, metrics: newMetrics(), strangers: newSeldom(log, time.Second), nearMisses: newSeldom(log, time.Second), proxyFaults: newSeldom(log, time.Minute)}
	s.cert.Store(cfg.Certificate)
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) open() error {
	var err error
	if s.resolver, err = NewResolver(s.cfg, ""); err != nil {
		return err
	}
	if s.store, err = (store.Config{Dir: s.cfg.DataDir, MaxOctets: s.cfg.Retention.QuarantineOctets, OnError: func(err error) { s.log.Error("store", "err", err) },
		OnMended: func(since time.Time) { s.log.Info("the journal is written again", "failed_since", since.UTC()) }}).Open(); err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.File, s.cfg.DataDir, err)
	}
	if s.unlock, err = lock(s.cfg.DataDir); err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.File, s.cfg.DataDir, err)
	}
	if err := wire.CleanSpool(s.store.SpoolDir()); err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.File, s.cfg.DataDir, err)
	}
	swept, err := s.store.Sweep(context.Background())
	if err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.File, s.cfg.DataDir, err)
	}
	s.tellSwept(swept)
	if err := s.remember(); err != nil {
		return err
	}
	s.pool = relay.NewPool(relay.Config{Hostname: s.cfg.Hostname, Resolver: s.resolver, OnHost: s.hostChanged})
	s.pipeline = &pipeline{cfg: s.cfg, collector: newCollector(s.cfg, s.resolver, s.memory), pool: s.pool, memory: s.memory, store: s.store, metrics: s.metrics,
		log: s.log, trouble: newSeldom(s.log, time.Second), waiting: newWaiting(), patient: make(chan struct{}, mostPatient), now: time.Now, answerWithin: maxAnswerWait,
		offers: newOffers(s.pool, s.cfg.Used, s.log), names: newHostNames(s.resolver, time.Now), senders: newSenders(s.cfg.Limits.MessagesPerSender), strip: strippingOf(s.cfg)}
	if s.sockets, err = openSockets(s.cfg); err != nil {
		return err
	}
	if s.cfg.Metrics.Address != "" {
		if s.http, err = net.Listen("tcp", s.cfg.Metrics.Address); err != nil {
			return fmt.Errorf("%s: metrics.address = %q: %w", s.cfg.File, s.cfg.Metrics.Address, err)
		}
	}
	s.registerReadings()
	return nil
}

// tellSwept says what is not as it should be in the quarantine.
func (s *Server) tellSwept(swept store.Swept) {
	unknown := len(swept.Aside) + swept.Young
	switch {
	case swept.New && unknown > 0:
		s.log.Error("the database is new, and there are messages that an older one must have held: if it was lost, stop the gateway, restore mxgate.db* and start again; what was set aside in data_dir/lost comes back then",
			"messages", unknown, "set_aside", len(swept.Aside))
	case len(swept.Aside) > 0:
		s.log.Warn("contents without a row in the database were set aside in data_dir/lost: an interrupted quarantine leaves one or two, many mean that the database was lost or is of an older backup", "files", len(swept.Aside))
	}
	if len(swept.Back) > 0 {
		s.log.Info("contents that had been set aside in data_dir/lost are back: the database knows them again", "files", len(swept.Back))
	}
	if swept.Missing > 0 {
		s.log.Error("held messages have no content: the database was restored without all of blobs, and they cannot be released", "messages", swept.Missing)
	}
}

// NewResolver asks server, ADDRESS or ADDRESS:PORT; if it is "", the servers that c
// names, or the system's.
func NewResolver(c *config.Config, server string) (*resolve.Resolver, error) {
	key, texts := c.File+": dns.servers", c.DNS.Servers
	if server != "" {
		key, texts = "-dns", []string{server}
	}
	settings := resolve.Config{Timeout: time.Duration(c.DNS.Timeout), CacheEntries: c.DNS.CacheEntries, TrustAD: server == "" && c.TrustAD()}
	for _, text := range texts {
		at, err := resolve.ParseServer(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		settings.Servers = append(settings.Servers, at)
	}
	if len(texts) == 0 {
		var err error
		if settings.Servers, err = resolve.System(); err != nil {
			return nil, fmt.Errorf("%s is not set and the system names no resolver (%w): expected servers = [\"127.0.0.1:53\"] or the like", key, err)
		}
	}
	r, err := resolve.New(settings)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return r, nil
}

// newCollector builds the judgement from the configuration; m is nil where nothing
// is remembered.
func newCollector(c *config.Config, r dns.Resolver, m *memory.Store) *policy.Collector {
	protected := make([]mail.Domain, len(c.Targets))
	for i, t := range c.Targets {
		protected[i] = t.Domain
	}
	out := &policy.Collector{Resolver: r, Own: c.Own, Protected: protected, Lookalike: lookalike.NewIndex(c.Targets), People: c.People, AuthservIDs: c.AuthservIDs,
		Groups: c.Owners}
	if m != nil { // a nil Store would be no nil Memory
		out.Memory = m
	}
	return out
}

func (s *Server) wireConfig() wire.Config {
	l := s.cfg.Limits
	w := wire.Config{
		Hostname: s.cfg.Hostname, Admit: s.admit, OnStranger: s.stranger, OnNearMiss: s.nearMissed, OnProxyFault: s.proxyFault, OnMailRefused: s.pipeline.mailRefused,
		OnPanic:    s.metrics.panics.Inc,
		Offer:      s.pipeline.offers.now,
		MayXclient: func(source string) bool { return s.cfg.Grants[source].Xclient },
		ClientCAs:  s.cfg.ClientCAs, RequireTLS: s.cfg.TLS.Require, MaxMessageOctets: l.MessageOctets, MaxRecipients: l.Recipients,
		MaxConns: l.Connections, MaxConnsPerSource: l.ConnectionsPerSource, MaxStrangers: l.StrangerConnections,
		SpoolDir: s.store.SpoolDir(), MemoryOctets: l.MemoryOctets, MemoryOctetsTotal: l.MemoryOctetsTotal,
		CommandTimeout: time.Duration(l.CommandTimeout), ContentTimeout: time.Duration(l.ContentTimeout), Log: s.log,
	}
	for _, g := range s.cfg.Grants {
		if len(g.NearMiss) > 0 {
			w.NearMiss = s.nearMiss
		}
	}
	if s.cfg.Certificate != nil {
		w.TLSConfig = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.Load(), nil }}
	}
	return w
}

// Reload reads the certificate again, for handshakes from now on; a pair that
// cannot be used changes nothing. The rest of the configuration needs a restart.
func (s *Server) Reload() {
	s.told("reloading", systemd.Reloading())
	defer func() { s.told("ready", systemd.Ready()) }()
	s.reloadCertificate()
	switch outdated, err := s.cfg.Outdated(); {
	case err != nil:
		s.log.Error("the configuration has faults now: what was read at the start stays in use, and a restart would fail", "err", err)
	case outdated:
		s.log.Warn("the configuration has changed since the start: the changes need a restart", "file", s.cfg.File)
	}
}

func (s *Server) reloadCertificate() {
	if s.cfg.Certificate == nil {
		s.log.Warn("nothing to reload: no certificate is configured")
		return
	}
	pair, err := s.cfg.ReadCertificate()
	if err != nil {
		s.log.Error("certificate not reloaded, the old one stays in use", "err", err)
		return
	}
	s.cert.Store(pair)
	s.log.Info("certificate reloaded", "cert_file", s.cfg.TLS.CertFile, "expires", pair.Leaf.NotAfter.UTC().Format(time.DateOnly))
}

// bindHint says what to do about a port that may not be opened.
func bindHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": another program has it: an mxgate or a mail server that runs already (ss -ltnp tells which)"
	case errors.Is(err, os.ErrPermission):
		return ": ports below 1024 need CAP_NET_BIND_SERVICE (AmbientCapabilities= in a systemd unit, or setcap), or another port"
	}
	return ""
}

// Addrs returns the addresses listened on, in the order of the configuration.
func (s *Server) Addrs() []net.Addr {
	addrs := make([]net.Addr, len(s.sockets))
	for i, l := range s.sockets {
		addrs[i] = l.Addr()
	}
	return addrs
}

// Store gives access to quarantine and journal.
func (s *Server) Store() *store.Store { return s.store }

// Memory gives access to what is remembered; nil if nothing is.
func (s *Server) Memory() *memory.Store { return s.memory }

// Serve takes mail until ctx ends, then drains: it stops accepting, lets
// running transactions finish within limits.drain_timeout, and closes
// everything. It returns nil after a drain that was asked for.
func (s *Server) Serve(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	sessions := session.Config{Hostname: s.cfg.Hostname, Gate: s.pipeline, Log: s.log, OnPanic: s.metrics.panics.Inc}
	s.learnOffers(ctx)
	// From here on clients are greeted: not before it is known what to offer.
	if s.listener, err = wire.NewListener(s.wireConfig(), s.sockets...); err != nil {
		return err
	}
	failed := make(chan error, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := session.Serve(s.listener, sessions); err != nil && !s.draining.Load() {
			failed <- err
		}
	})
	httpCtx, stopHTTP := context.WithCancel(context.Background())
	defer stopHTTP()
	if s.http != nil {
		wg.Go(func() { s.serveHTTP(httpCtx, s.http) })
	}
	wg.Go(func() { s.keepHouse(httpCtx) })
	wg.Go(func() { s.lookAround(httpCtx) })
	wg.Go(func() { s.watchRoom(httpCtx) })
	wg.Go(func() { s.pipeline.offers.keep(httpCtx) })
	wg.Go(func() { s.told("watchdog", systemd.Watchdog(httpCtx, s.alive)) })
	s.told("ready", systemd.Ready())
	s.log.Info("ready", "hostname", s.cfg.Hostname, "mode", s.cfg.Mode, "listeners", s.Addrs())

	var cause error
	select {
	case <-ctx.Done():
		s.told("stopping", systemd.Stopping())
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
	for _, p := range reachable(ctx, s.cfg, s.pipeline.collector.Resolver, s.pipeline.offers.probed) {
		if ctx.Err() == nil {
			s.log.Warn("out of reach", "key", p.Key, "value", p.Value, "err", p.Expected)
		}
	}
}

// learnOffers waits a moment for the next hops to say what they can take. Clients
// that connect meanwhile wait for their banner.
func (s *Server) learnOffers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, offersPatience)
	defer cancel()
	s.pipeline.offers.refresh(ctx)
}

// told logs that systemd, which runs us, did not learn a state.
func (s *Server) told(state string, err error) {
	if err != nil {
		s.log.Warn("systemd was not told", "state", state, "err", err)
	}
}

func (s *Server) drain() {
	s.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(s.cfg.Limits.DrainTimeout))
	defer cancel()
	if err := s.listener.Drain(ctx); err != nil {
		s.log.Warn("drain cut short", "err", err)
	}
}

// keepHouse tidies once an hour.
func (s *Server) keepHouse(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		s.tidy(ctx, s.pipeline.now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tidy removes what is past its retention.
func (s *Server) tidy(ctx context.Context, now time.Time) {
	journal := now.AddDate(0, 0, -s.cfg.Retention.JournalDays)
	quarantine := now.AddDate(0, 0, -s.cfg.Retention.QuarantineDays)
	gone, err := s.store.Expire(ctx, journal, quarantine)
	switch {
	case errors.Is(err, store.ErrClock):
		s.log.Warn("retention: nothing is removed until the clock is believed", "err", err)
	case err != nil && ctx.Err() == nil:
		s.log.Error("retention", "err", err)
	}
	if gone.Contents > 0 {
		s.log.Info("retention: held messages were deleted", "messages", gone.Contents, "received_before", quarantine.UTC().Format(time.RFC3339))
	}
	if s.memory == nil {
		return
	}
	if err := s.memory.Sweep(now); err != nil {
		s.log.Error("retention of the memory", "err", err)
	}
}

// alive reports whether a restart would help: a full disk is no reason for one.
func (s *Server) alive(ctx context.Context) error {
	_, err := s.store.Stats(ctx)
	return err
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
	for _, l := range s.sockets {
		_ = l.Close() // drained, or nobody was greeted
	}
	if s.listener != nil {
		_ = s.listener.Close() // drained, or failed
	}
	if s.http != nil {
		_ = s.http.Close() // closed by serveHTTP already, or never served
	}
	if s.pool != nil {
		s.pool.Close()
	}
	var err error
	if s.memory != nil { // sessions are over: what they taught is all there
		err = s.memory.Close()
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if s.unlock != nil {
		s.unlock()
	}
	return err
}

// registerReadings exposes what other rooms count.
func (s *Server) registerReadings() {
	of := func(field func(wire.Stats) int64) func() float64 {
		return func() float64 { return float64(field(s.listener.Stats())) }
	}
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	s.metrics.read(counter, "mxgate_connections_total", "Connections of admitted clients.", of(func(w wire.Stats) int64 { return w.Accepted }))
	s.metrics.read(counter, "mxgate_strangers_total", "Connections of clients in no source, or in an expired one.", of(func(w wire.Stats) int64 { return w.Strangers }))
	s.metrics.read(counter, "mxgate_dropped_total", "Connections closed without a word: strangers beyond their slots, and peers that are no balancers.", of(func(w wire.Stats) int64 { return w.Dropped }))
	s.metrics.read(counter, "mxgate_connections_over_limit_total", "Connections refused because a limit was reached.", of(func(w wire.Stats) int64 { return w.OverLimit }))
	s.metrics.read(counter, "mxgate_connections_early_total", "Connections sent away because the client talked before it was greeted.", of(func(w wire.Stats) int64 { return w.Early }))
	s.metrics.read(counter, "mxgate_tls_handshakes_total", "TLS handshakes that succeeded.", of(func(w wire.Stats) int64 { return w.TLSHandshakes }))
	s.metrics.read(counter, "mxgate_tls_handshakes_failed_total", "TLS handshakes that failed.", of(func(w wire.Stats) int64 { return w.TLSFailed }))
	s.metrics.read(counter, "mxgate_content_spooled_total", "Message contents that were written to a spool file.", of(func(w wire.Stats) int64 { return w.Spooled }))
	s.metrics.read(counter, "mxgate_transactions_paced_total", "Transactions that waited for a processor before they began.", of(func(w wire.Stats) int64 { return w.Paced }))
	s.metrics.read(gauge, "mxgate_connections", "Open connections of admitted clients.", of(func(w wire.Stats) int64 { return w.Active }))
	s.metrics.read(gauge, "mxgate_store_trouble", "1 while the store cannot do its work: see /readyz.", func() float64 {
		if s.store.Trouble() != nil {
			return 1
		}
		return 0
	})
	s.metrics.read(gauge, "mxgate_certificate_expires_timestamp_seconds", "When the certificate that is shown expires, in seconds since 1970; 0: there is none.", func() float64 {
		if pair := s.cert.Load(); pair != nil {
			return float64(pair.Leaf.NotAfter.Unix())
		}
		return 0
	})
	s.metrics.readQuarantine(s.store.Stats)
	s.metrics.readDNS(s.resolver.Stats)
	if s.memory != nil {
		s.metrics.readMemory(s.memory.Stats)
	}
}
