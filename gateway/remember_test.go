package gateway

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/store"
	"mxgate/policy"
)

// Nobody may be there for days: mail must not wait for him.
func TestAGatewayWhoseMemoryIsDamagedRelaysAndKeepsWhatWasDecided(t *testing.T) {
	var c calendar
	dir := filepath.Join(t.TempDir(), "data")
	g := newStage(t, script{dataDir: dir}, c.plant)
	g.conversation(&c)
	tool, err := OpenMemory(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := tool.Allow(t.Context(), policy.Decision{Sender: "a.example", Target: "b.example", Who: "erika", At: c.now()}); err != nil {
		t.Fatal(err)
	}
	if err := tool.Close(); err != nil {
		t.Fatal(err)
	}
	g.end()
	path := filepath.Join(dir, "memory", "memory.db")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := page; at < len(content); at += page {
		if bytes.Contains(content[at:at+page], []byte("lindqvist.example")) && !bytes.Contains(content[at:at+page], []byte("erika")) {
			copy(content[at:], bytes.Repeat([]byte{0xee}, page))
		}
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server, err := New(g.cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	server.close()
	if aside, err := filepath.Glob(path + ".damaged-*Z"); err != nil || len(aside) != 1 || !strings.Contains(log.String(), aside[0]) || strings.Count(log.String(), "level=ERROR") != 2 {
		t.Errorf("%v, %v; log:\n%s", aside, err, log.String())
	}
	g = newStage(t, script{dataDir: dir}, c.plant)
	if e := g.post(letter{from: greta, id: "4@lindqvist.example", cites: "<3@lindqvist.example>"}); e.Outcome != store.Relayed {
		t.Fatal(e.Outcome, e.Sentence)
	}
	if s := g.remembers(); s.Decisions != 1 || s.Learned != 1 || s.IDs != 2 {
		t.Errorf("%+v", s)
	}
}
