package gateway

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A session that was admitted in time does not outlive the right of its source.
func TestASessionEndsWithItsSource(t *testing.T) {
	today := time.Now().UTC()
	var ahead atomic.Int64
	var log lines
	g, _ := newSetting(t, setting{
		edit: func(text string) string {
			return strings.Replace(text, `ranges = ["127.0.0.1"]`, "ranges = [\"127.0.0.1\"]\nvalid_until = "+today.AddDate(0, 0, 1).Format(time.DateOnly), 1)
		},
		tune: func(s *Server) { s.pipeline.now = func() time.Time { return today.Add(time.Duration(ahead.Load())) } },
		log:  &log,
	})
	c := g.dial()
	if reply, err := c.deliver(partner, []string{bob}, cleanMail()); err != nil || !strings.HasPrefix(reply, "250 ") {
		t.Fatalf("in time: %q, %v", reply, err)
	}
	c.must(t, "MAIL FROM:<"+partner+">", "250") // what was begun in time is finished
	ahead.Store(int64(48 * time.Hour))
	c.must(t, "RCPT TO:<"+bob+">", "250")
	c.must(t, "RSET", "250")
	c.must(t, "MAIL FROM:<"+partner+">", "421 4.7.1 Mail is no longer taken from you")
	if !c.ended() {
		t.Error("the connection is open")
	}
	if text := log.String(); !strings.Contains(text, `"source":"the-provider","reason":"source-expired"`) {
		t.Errorf("logged: %s", text)
	}
	_, page := g.get("/metrics")
	for _, want := range []string{`mxgate_path_total{path="via_old",source="the-provider"} 1`, "mxgate_expired_source_total 1"} {
		if !strings.Contains(page, "\n"+want+"\n") {
			t.Errorf("/metrics does not say %s", want)
		}
	}
	g.end()
	st, err := OpenStore(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	rows, err := st.Strangers(t.Context(), today.AddDate(0, 0, -1))
	if err != nil || len(rows) != 1 || rows[0].Count != 1 {
		t.Errorf("remembered as %+v, %v", rows, err)
	}
}
