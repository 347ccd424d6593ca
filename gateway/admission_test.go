package gateway

import (
	"strings"
	"testing"
	"time"
)

// Whoever looks at the strangers can tell the one whose mail waits, and of which
// source it is.
func TestANearMissIsKeptWithItsSource(t *testing.T) {
	for zone, want := range map[string]string{"1.0.0.127.in-addr.arpa PTR mx7.provider.example\nmx7.provider.example A 127.0.0.1\n": "the-provider", "": ""} {
		g, _ := newSetting(t, setting{zone: zone, edit: elsewhere(t)})
		s := dialFrom(t, "127.0.0.1", g.addr())
		if _, err := s.reply(); err != nil {
			t.Fatal(err)
		}
		_ = s.conn.Close()
		eventually(t, "the stranger of "+strings.TrimSpace(zone), func() bool {
			if err := g.server.store.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			rows, err := g.server.store.Strangers(t.Context(), time.Now().Add(-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return len(rows) == 1 && rows[0].NearSource == want && (rows[0].NearCount == 1) == (want != "")
		})
	}
}
