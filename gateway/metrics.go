package gateway

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics is what the gateway counts. Labels come from closed sets only, never
// a domain or an address: STYLE, Section 7.
type metrics struct {
	registry        *prometheus.Registry
	transactions    *prometheus.CounterVec
	octets          prometheus.Counter
	collect         prometheus.Histogram
	nextHopFailures *prometheus.CounterVec
	uncertain       prometheus.Counter
	faults          prometheus.Counter
	panics          prometheus.Counter
	expired         prometheus.Counter
	nearMisses      prometheus.Counter
	hostFailures    prometheus.Counter
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
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_panics_total", Help: "Panics, each of which ended one session."}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_expired_source_total",
			Help: "Connections refused because their source is past its last day."}),
		hostFailures: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_next_hop_host_failures_total",
			Help: "Times a host of a next hop began to fail, whether or not mail went to another."}),
		nearMisses: prometheus.NewCounter(prometheus.CounterOpts{Name: "mxgate_near_miss_total",
			Help: "Connections deferred because their host name belongs to a source that does not list their address."}),
	}
	m.registry.MustRegister(m.transactions, m.octets, m.collect, m.nextHopFailures, m.uncertain, m.faults, m.panics, m.expired, m.nearMisses, m.hostFailures,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// read registers a counter or gauge whose value another room keeps.
func (m *metrics) read(kind prometheus.ValueType, name, help string, value func() float64) {
	if kind == prometheus.GaugeValue {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
		return
	}
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
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
