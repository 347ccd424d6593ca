package gateway

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"mxgate/gateway/store"
)

func TestWhatTheQuarantineHoldsIsRead(t *testing.T) {
	m := newMetrics()
	s, err := store.Stats{Held: 3, HeldOctets: 100, KeptOctets: 250, FreeOctets: 7000}, error(nil)
	m.readQuarantine(func(context.Context) (store.Stats, error) { return s, err })
	got := gathered(t, m)
	for name, want := range map[string]float64{"messages": 3, "octets": 250, "free_octets": 7000} {
		if v, ok := got["quarantine_"+name+"{}"]; !ok || v != want {
			t.Errorf("mxgate_quarantine_%s is %v, want %v", name, v, want)
		}
	}
	err = errors.New("the database is gone")
	if v, ok := gathered(t, m)["quarantine_messages{}"]; ok { // and no error: the others are told
		t.Errorf("%v messages of a database that is gone", v)
	}
}

func TestTheEndOfTheCertificateIsRead(t *testing.T) {
	table, _ := certificate(t)
	for _, tail := range []string{table, ""} {
		g := newStage(t, script{tail: tail})
		want := "0"
		if c := g.cfg.Certificate; c != nil {
			want = strconv.FormatFloat(float64(c.Leaf.NotAfter.Unix()), 'g', -1, 64)
		}
		if _, page := g.get("/metrics"); !strings.Contains(page, "\nmxgate_certificate_expires_timestamp_seconds "+want+"\n") {
			t.Errorf("/metrics does not say %s", want)
		}
	}
}
