package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"mxgate/gateway/resolve"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// metrics is what the gateway counts. Labels come from closed sets only, never
// a domain or an address: STYLE, Section 7.
type metrics struct {
	registry        *prometheus.Registry
	transactions    *prometheus.CounterVec
	mailRefused     *prometheus.CounterVec
	octets          prometheus.Counter
	collect         prometheus.Histogram
	nextHopFailures *prometheus.CounterVec
	uncertain       prometheus.Counter
	faults          prometheus.Counter
	panics          prometheus.Counter
	expired         prometheus.Counter
	nearMisses      prometheus.Counter
	hostFailures    prometheus.Counter
	providerResults *prometheus.CounterVec
	lifted          *prometheus.CounterVec
	arc             *prometheus.CounterVec
	breakage        *prometheus.CounterVec
	paths           *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		transactions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mxgate_transactions_total",
			Help: "Ended transactions by what was decided and what came of it."}, []string{"disposition", "reason", "outcome"}),
		octets: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_content_octets_total", Help: "Octets of message content received."}),
		collect: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "mxgate_collect_seconds",
			Help: "Time to collect the evidence on one message.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 17)}),
		nextHopFailures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "mxgate_next_hop_failures_total",
			Help: "Failures of next hops by class."}, []string{"class"}),
		uncertain: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_uncertain_total",
			Help: "Messages the next hop may have taken without our knowing: possible duplicates."}),
		faults: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_faults_total", Help: "Messages deferred because of a fault of our own."}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_panics_total", Help: "Panics, each of which ended one session or connection."}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_expired_source_total",
			Help: "Connections refused because their source is past its last day."}),
		hostFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_next_hop_host_failures_total",
			Help: "Times a host of a next hop began to fail, whether or not mail went to another."}),
		nearMisses: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_near_miss_total",
			Help: "Connections deferred because their host name belongs to a source that does not list their address."}),
	}
	m.providerResults = counters("mxgate_provider_results_total", "Results of the provider, by whether ours agree and, if not, why.", "method", "agreement", "cause")
	m.mailRefused = counters("mxgate_mail_refused_total", "MAIL commands refused or deferred before a transaction began: these are in no journal.", "reason")
	m.lifted = counters("mxgate_lifted_total", "Reasons that did not count because a sealer or a forwarder is believed.", "reason", "by")
	m.arc = counters("mxgate_arc_total", "Judged messages by the state of their ARC chain.", "result")
	m.breakage = counters("mxgate_dkim_breakage_total", "DKIM signatures that do not hold, by what is broken.", "breakage")
	m.paths = counters("mxgate_path_total", "Judged messages, and connections refused before there was one, by the way they came.", "path", "source")
	m.registry.MustRegister(m.mailRefused, m.providerResults, m.lifted, m.arc, m.breakage, m.paths)
	m.registry.MustRegister(m.transactions, m.octets, m.collect, m.nextHopFailures, m.uncertain, m.faults, m.panics, m.expired, m.nearMisses, m.hostFailures,
		collectors.NewGoCollector(), collectors.NewBuildInfoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

// path counts a message or a refused connection; source is the name of a [[source]],
// "" for nobody's.
func (m *metrics) path(verdict policy.PathVerdict, source string) {
	m.paths.WithLabelValues(string(verdict), source).Inc()
}

// judged counts what was found out about a message.
func (m *metrics) judged(e *policy.Evidence, v policy.Verdict) {
	m.path(e.Path.Verdict, e.Path.Source)
	for _, s := range e.Provider {
		m.providerResults.WithLabelValues(s.Method, cmp.Or(string(s.Agreement), "not-comparable"), cmp.Or(string(s.Cause), "none")).Inc()
	}
	for _, l := range v.Lifted {
		m.lifted.WithLabelValues(string(l.Reason), string(l.By)).Inc()
	}
	m.arc.WithLabelValues(string(orNone(e.ARC.Result))).Inc()
	for _, s := range e.DKIM {
		if s.Result != mail.Pass && s.Result != mail.TempError {
			m.breakage.WithLabelValues(cmp.Or(s.Breakage, "other")).Inc()
		}
	}
}

// read registers a counter or gauge whose value another room keeps.
func (m *metrics) read(kind prometheus.ValueType, name, help string, value func() float64) {
	if kind == prometheus.GaugeValue {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
		return
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// readDNS registers what the resolver counts.
func (m *metrics) readDNS(stats func() resolve.Stats) {
	for _, c := range []struct {
		name, help string
		value      func(resolve.Stats) float64
	}{
		{"questions_total", "Questions sent to resolvers.", func(s resolve.Stats) float64 { return float64(s.Questions) }},
		{"seconds_total", "Time that questions took, from the first try to the answer or the failure.", func(s resolve.Stats) float64 { return s.Waited.Seconds() }},
		{"failures_total", "Questions that no resolver could answer.", func(s resolve.Stats) float64 { return float64(s.Failures) }},
		{"timeouts_total", "Tries in which a resolver stayed silent.", func(s resolve.Stats) float64 { return float64(s.Timeouts) }},
		{"servfails_total", "Tries answered with SERVFAIL.", func(s resolve.Stats) float64 { return float64(s.ServFails) }},
		{"tcp_retries_total", "Questions repeated over TCP: the answer was truncated, or strays came.", func(s resolve.Stats) float64 { return float64(s.TCPRetries) }},
		{"strays_total", "Datagrams that did not answer the question asked: late, or forged.", func(s resolve.Stats) float64 { return float64(s.Strays) }},
		{"busy_total", "Questions given up because too many waited for an answer.", func(s resolve.Stats) float64 { return float64(s.Busy) }},
		{"over_budget_total", "Look-ups refused because one message had caused too many.", func(s resolve.Stats) float64 { return float64(s.OverBudget) }},
		{"cache_hits_total", "Look-ups answered from the cache.", func(s resolve.Stats) float64 { return float64(s.CacheHits) }},
	} {
		m.read(prometheus.CounterValue, "mxgate_dns_"+c.name, c.help, func() float64 { return c.value(stats()) })
	}
	gauge := prometheus.GaugeValue
	m.read(gauge, "mxgate_dns_cache_entries", "Answers in the cache.", func() float64 { return float64(stats().Entries) })
	m.read(gauge, "mxgate_dns_cache_octets", "Size of the cache.", func() float64 { return float64(stats().Octets) })
	m.read(gauge, "mxgate_dns_failing_seconds", "For how long no resolver has answered at all; 0 while they do.", func() float64 {
		if since := stats().FailingSince; !since.IsZero() {
			return time.Since(since).Seconds()
		}
		return 0
	})
}

// serveHTTP answers /metrics, /healthz (the process works) and /readyz (it
// takes mail) on l until ctx ends.
func (s *Server) serveHTTP(ctx context.Context, l net.Listener) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, s.ready(r.Context())) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // closing is all that is left to do
	defer stop()
	if err := server.Serve(l); err != nil && ctx.Err() == nil {
		s.log.Error("metrics listener ended", "err", err)
	}
}

// answer writes {"status":"ok"} or 503 with the reason.
func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	status := map[string]string{"status": "ok"}
	if err != nil {
		status = map[string]string{"status": "not ready", "why": err.Error()}
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(status) // the peer may be gone; there is no one else to tell
}
