package gateway

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mxgate/gateway/store"
)

// quarantineReadings shows what the quarantine holds and what room it has. All is read
// at once: to count it is work.
type quarantineReadings struct {
	stats                  func(context.Context) (store.Stats, error)
	messages, octets, free *prometheus.Desc
}

// readWait is how long who asks for the figures waits for the database; without them
// the others are told.
const readWait = 5 * time.Second

func (m *metrics) readQuarantine(stats func(context.Context) (store.Stats, error)) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("mxgate_quarantine_"+name, help, nil, nil)
	}
	m.registry.MustRegister(&quarantineReadings{
		stats:    stats,
		messages: desc("messages", "Messages held: neither released nor deleted."),
		octets:   desc("octets", "Content kept, of held and of released messages."),
		free:     desc("free_octets", "Free room of the file system of data_dir."),
	})
}

// Describe implements prometheus.Collector.
func (r *quarantineReadings) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{r.messages, r.octets, r.free} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (r *quarantineReadings) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readWait)
	defer cancel()
	s, err := r.stats(ctx)
	if err != nil {
		return // /readyz says what ails the store
	}
	for d, n := range map[*prometheus.Desc]int64{r.messages: s.Held, r.octets: s.KeptOctets, r.free: s.FreeOctets} {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n))
	}
}
