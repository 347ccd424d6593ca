package gateway

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestSeldomSaysOneInEachIntervalAndCountsTheRest(t *testing.T) {
	var out bytes.Buffer
	s := newSeldom(slog.New(slog.NewTextHandler(&out, nil)), time.Second)
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i := range 25 { // ten in each second
		s.say(start.Add(time.Duration(i)*100*time.Millisecond), "trouble", "n", i)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || strings.Contains(lines[0], "left_out") || !strings.Contains(lines[1], "left_out=9") || !strings.Contains(lines[2], "n=20") {
		t.Errorf("logged:\n%s", out.String())
	}
}
