package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mxgate/gateway/config"
	"mxgate/gateway/memory"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// memoryDir is the directory of the memory in data_dir: of its own, so that it can
// be moved aside, or left out of a backup, without the quarantine.
const memoryDir = "memory"

// memoryConfig is the memory of a configuration.
func memoryConfig(c *config.Config) memory.Config {
	protected := make([]mail.Domain, 0, len(c.Targets))
	for _, t := range c.Targets {
		protected = append(protected, t.Domain)
	}
	m := c.Memory
	return memory.Config{
		Dir: filepath.Join(c.DataDir, memoryDir), Own: c.Own, Protected: protected, Groups: c.Owners,
		Limits: memory.Limits{IDs: m.MessageIDs, Threads: m.MessageIDs / 2, IDDays: m.ConversationDays, EdgeDays: m.ContactDays},
	}
}

// OpenMemory opens the memory of a configuration beside a gateway that may be
// running, for tools: decisions, imports, what is known. A decision that a wrong
// data_dir led astray would never be in force, and nobody would know: as with
// OpenStore, a gateway must have run there.
func OpenMemory(c *config.Config) (*memory.Store, error) {
	if err := hasRun(c); err != nil {
		return nil, err
	}
	settings := memoryConfig(c)
	settings.Beside = true
	m, err := memory.Open(settings)
	if err != nil {
		return nil, fmt.Errorf("%s: data_dir = %q: %w", c.File, c.DataDir, anothers(c, err))
	}
	return m, nil
}

// remember opens the memory to serve from it, and says what was loaded. The
// gateway must hold the lock of data_dir: who opens a memory takes it over.
//
// One that cannot be opened stops the start, as the quarantine does: without it
// stolen conversations would come through, and nobody would know. One that is
// damaged does not: nobody may be there for days, and all mail would wait for him.
// Nor does one that a full disk keeps from being written: it answers, and is
// written when there is room. To be opened it may spend what the store keeps back
// for deleting.
func (s *Server) remember() error {
	if !s.cfg.Memory.Enabled {
		s.log.Info("nothing is remembered: memory.enabled = false")
		return nil
	}
	start := time.Now()
	settings := memoryConfig(s.cfg)
	settings.OnError = func(err error) { s.log.Error("memory", "err", err) }
	m, err := withRoom(s.store, func() (*memory.Store, error) { return memory.Open(settings) })
	if errors.Is(err, memory.ErrDamaged) {
		m, err = s.beginAnew(settings, start, err)
	}
	if err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w; memory.enabled = false starts without one", s.cfg.File, s.cfg.DataDir, err)
	}
	s.memory = m
	s.readUnread() // before mail is judged without them
	stats, err := m.Stats(context.Background())
	if err != nil {
		return fmt.Errorf("%s: data_dir = %q: %w", s.cfg.File, s.cfg.DataDir, err)
	}
	attrs := []any{"domains", total(stats.Domains), "message_ids", stats.IDs, "conversations", stats.Threads, "contacts", stats.Edges, "decisions", stats.Decisions,
		"size_octets", stats.RAMOctets, "duration", time.Since(start).Round(time.Microsecond)}
	if !stats.Since.IsZero() {
		attrs = append(attrs, "since", stats.Since.Format(time.DateOnly))
	}
	s.log.Info("memory loaded", attrs...)
	return nil
}

func total(by map[string]int) int {
	n := 0
	for _, k := range by {
		n += k
	}
	return n
}

// learn teaches the memory what was relayed for certain: the client has been told
// so, and has read it. It never waits.
//
// What an administrator releases from the quarantine teaches nothing. To let one
// message through is no word on who wrote it: a look-alike that was released, by
// mistake or to be looked at, would be a participant of the conversation from then
// on. Whoever means the sender says so: `mxgate allow`.
func (p *pipeline) learn(rec record) {
	if p.memory == nil || rec.evidence == nil || rec.outcome != store.Relayed {
		return
	}
	if o, ok := policy.Observe(rec.evidence, rec.verdict); ok {
		p.memory.Learn(o)
	}
}

// memoryReadings shows what the memory counts. All is read at once: to count it is
// work.
type memoryReadings struct {
	stats                                         func(context.Context) (memory.Stats, error)
	entries, domains, octets                      *prometheus.Desc
	learned, dropped, capped, evicted, troubleNow *prometheus.Desc
}

func (m *metrics) readMemory(stats func(context.Context) (memory.Stats, error)) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("mxgate_memory_"+name, help, labels, nil)
	}
	m.registry.MustRegister(&memoryReadings{
		stats:      stats,
		entries:    desc("entries", "What is remembered, by kind.", "kind"),
		domains:    desc("domains", "Domains remembered, by how well they are known.", "state"),
		octets:     desc("octets", "Size of the memory.", "where"),
		learned:    desc("learned_total", "Messages learned from."),
		dropped:    desc("dropped_total", "Messages not learned from: too many came at once, or the disk failed for long."),
		capped:     desc("capped_total", "Messages not learned from in full: the limits of a day."),
		evicted:    desc("evicted_total", "Entries forgotten early, to make room for others."),
		troubleNow: desc("trouble", "1 while what was learned cannot be written."),
	})
}

// Describe implements prometheus.Collector.
func (r *memoryReadings) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{r.entries, r.domains, r.octets, r.learned, r.dropped, r.capped, r.evicted, r.troubleNow} {
		to <- d
	}
}

// memoryStates are the words for the states of a domain, of which one is "".
var memoryStates = map[policy.State]string{policy.Unseen: "named", policy.Shadow: "shadow", policy.Seen: "seen", policy.Established: "established", policy.TwoWay: "two-way"}

// Collect implements prometheus.Collector.
func (r *memoryReadings) Collect(to chan<- prometheus.Metric) {
	const counter, gauge = prometheus.CounterValue, prometheus.GaugeValue
	s, err := r.stats(context.Background())
	trouble := 0.0
	if err != nil || s.CommitError != "" {
		trouble = 1
	}
	put := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	put(r.troubleNow, gauge, trouble)
	put(r.learned, counter, float64(s.Learned))
	put(r.dropped, counter, float64(s.Dropped))
	put(r.capped, counter, float64(s.Capped))
	put(r.evicted, counter, float64(s.Evicted))
	if err != nil {
		return // the rest is not known
	}
	for _, e := range []struct {
		kind string
		n    int
	}{{"message-id", s.IDs}, {"conversation", s.Threads}, {"contact", s.Edges}, {"name", s.Names}, {"decision", s.Decisions}} {
		put(r.entries, gauge, float64(e.n), e.kind)
	}
	for state, word := range memoryStates {
		put(r.domains, gauge, float64(s.Domains[string(state)]), word)
	}
	put(r.octets, gauge, float64(s.RAMOctets), "ram")
	put(r.octets, gauge, float64(s.DiskOctets), "disk")
}
