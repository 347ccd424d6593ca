package gateway

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mxgate/gateway/resolve"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// gathered are the values of m by name, without its prefix, and labels.
func gathered(t *testing.T, m *metrics) map[string]float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, sample := range f.GetMetric() {
			var labels []string
			for _, l := range sample.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			if strings.HasPrefix(f.GetName(), "mxgate_") {
				values[strings.TrimPrefix(f.GetName(), "mxgate_")+"{"+strings.Join(labels, ",")+"}"] = sample.GetCounter().GetValue() + sample.GetGauge().GetValue()
			}
		}
	}
	return values
}

// Where the provider and we differ, who was believed, and what broke is counted,
// with a word where there is nothing to say.
func TestWhatWasFoundOutIsCounted(t *testing.T) {
	m := newMetrics()
	inside := policy.Path{Verdict: policy.Internal, Source: "the-provider"}
	m.judged(&policy.Evidence{
		Path: inside,
		Provider: []policy.Statement{
			{Method: "spf", Agreement: policy.Differs, Cause: policy.CauseOrigin}, {Method: "spf", Agreement: policy.Differs, Cause: policy.CauseOrigin},
			{Method: "dkim", Agreement: policy.Agrees}, {Method: "dmarc"},
		},
		DKIM: []policy.DKIM{{Result: mail.Pass}, {Result: mail.Fail, Breakage: "body-changed"}, {Result: mail.PermError}, {Result: mail.TempError}},
		ARC:  policy.ARC{Result: mail.Pass},
	}, policy.Verdict{Lifted: []policy.Lift{{Reason: policy.DMARCFail, By: policy.BySealer}}})
	m.judged(&policy.Evidence{Path: inside}, policy.Verdict{})
	want := map[string]float64{
		"provider_results_total{agreement=differs,cause=origin,method=spf}":        2,
		"provider_results_total{agreement=agrees,cause=none,method=dkim}":          1,
		"provider_results_total{agreement=not-comparable,cause=none,method=dmarc}": 1,
		"dkim_breakage_total{breakage=body-changed}":                               1,
		"dkim_breakage_total{breakage=other}":                                      1,
		"arc_total{result=pass}":                                                   1,
		"path_total{path=internal,source=the-provider}":                            2,
		"arc_total{result=none}":                                                   1,
		"lifted_total{by=sealer,reason=dmarc-fail}":                                1,
	}
	got := gathered(t, m)
	maps.DeleteFunc(got, func(name string, _ float64) bool { return !strings.Contains(name, "=") })
	if !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhatTheResolverCountsIsShown(t *testing.T) {
	m := newMetrics()
	s := resolve.Stats{Questions: 1, Waited: 2500 * time.Millisecond, Failures: 3, CacheHits: 4, OverBudget: 5, Busy: 12, Timeouts: 6, ServFails: 7, TCPRetries: 8, Strays: 9, Entries: 10, Octets: 11}
	m.readDNS(func() resolve.Stats { return s })
	want := map[string]float64{"questions_total": 1, "seconds_total": 2.5, "failures_total": 3, "cache_hits_total": 4, "over_budget_total": 5, "busy_total": 12,
		"timeouts_total": 6, "servfails_total": 7, "tcp_retries_total": 8, "strays_total": 9, "cache_entries": 10, "cache_octets": 11, "failing_seconds": 0}
	got := gathered(t, m)
	for name, value := range want {
		if v, ok := got["dns_"+name+"{}"]; !ok || v != value {
			t.Errorf("mxgate_dns_%s is %v, want %v", name, v, value)
		}
	}
	s.FailingSince = time.Now().Add(-time.Minute)
	if v := gathered(t, m)["dns_failing_seconds{}"]; v < 60 || v > 90 {
		t.Errorf("failing for %v s, want 60", v)
	}
}

// A panic at a command is contained by session, one before a transaction by wire.
func TestEachPanicIsCounted(t *testing.T) {
	g := newStage(t, script{}, func(s *Server) { s.pipeline.senders = nil })
	for i, command := range []string{"MAIL FROM:<" + partner + ">", "EHLO client.example"} {
		c := g.dial()
		if i == 1 {
			g.server.pipeline.offers.current.Store(nil)
		}
		if reply, err := c.ask(command); err != nil || !strings.HasPrefix(reply, "421 4.3.0") {
			t.Errorf("%s: %q, %v", command, reply, err)
		}
		eventually(t, command+": the panic is counted", func() bool { return gathered(t, g.server.metrics)["panics_total{}"] == float64(i+1) })
	}
}

// docs/running.md lists every metric with its labels, and none that is not there.
func TestEveryMetricIsInTheDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## What is watched")
	var listed []string
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`(mxgate_[^`]*)`").FindAllStringSubmatch(row[1], -1) {
			listed = append(listed, name[1])
		}
	}
	g := newStage(t, script{})
	descs := make(chan *prometheus.Desc)
	go func() { g.server.metrics.registry.Describe(descs); close(descs) }() // ends when all are read
	var registered []string
	for d := range descs {
		parts := regexp.MustCompile(`fqName: "(mxgate_\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		switch {
		case parts == nil: // of Go, of the process
		case parts[2] == "":
			registered = append(registered, parts[1])
		default:
			registered = append(registered, parts[1]+"{"+parts[2]+"}")
		}
	}
	slices.Sort(listed)
	slices.Sort(registered)
	if !slices.Equal(listed, registered) {
		t.Errorf("docs/running.md lists\n%s\nregistered are\n%s", strings.Join(listed, "\n"), strings.Join(registered, "\n"))
	}
}
