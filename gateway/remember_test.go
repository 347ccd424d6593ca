package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/disk/disktest"
	"mxgate/gateway/store"
	"mxgate/policy"
)

// Nobody may be there for days: mail must not wait for him.
func TestAGatewayWhoseMemoryIsDamagedRelaysAndKeepsWhatWasDecided(t *testing.T) {
	c := newCalendar()
	dir := filepath.Join(t.TempDir(), "data")
	g := newStage(t, script{dataDir: dir}, c.plant)
	g.conversation(c)
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
	if aside, err := filepath.Glob(path + ".damaged-*Z"); err != nil || len(aside) != 1 || !strings.Contains(log.String(), aside[0]) || strings.Count(log.String(), "level=ERROR") != 1 {
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

// A key without a memory is none that begins: what people have decided is gone.
func TestAMemoryThatIsGoneIsSaidOnceAndAFirstStartIsQuiet(t *testing.T) {
	var log output
	dir := filepath.Join(t.TempDir(), "data")
	g := newStage(t, script{dataDir: dir})
	g.end()
	path := filepath.Join(dir, "memory", "memory.db")
	for _, tt := range []struct {
		name   string
		damage func() error
		errors int
	}{
		{"no directory", func() error { return os.RemoveAll(filepath.Dir(path)) }, 0},
		{"all as it was", func() error { return nil }, 0},
		{"an empty file", func() error { return os.Truncate(path, 0) }, 1},
		{"no file", func() error { return os.Remove(path) }, 1},
	} {
		if err := tt.damage(); err != nil {
			t.Fatal(err)
		}
		log = output{}
		server, err := New(g.cfg, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		server.close()
		if said := log.String(); strings.Count(said, "level=ERROR") != tt.errors || strings.Contains(said, "level=WARN") || strings.Count(said, "begins empty: until") != tt.errors || strings.Count(said, "memory.key, and nothing") != tt.errors {
			t.Errorf("%s:\n%s", tt.name, said)
		}
	}
}

// A disk that is full is no reason to forget, nor to stop the mail.
func TestAGatewayThatStartsOnAFullDiskRelaysAndRemembersWhatItCanRead(t *testing.T) {
	c := newCalendar()
	var log output
	disk := disktest.Mount(t, "size=16m")
	g := newStage(t, script{dataDir: filepath.Join(disk, "data")}, c.plant)
	g.conversation(c)
	tool, err := OpenMemory(g.cfg) // with the next one it keeps the files that a kill leaves
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	held, err := OpenStore(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	g.end()
	empty := disktest.Fill(t, disk, 0)
	again := func(handler slog.Handler) {
		g.over = false
		g.serve(handler, c.plant)
	}
	again(slog.NewTextHandler(&log, nil))
	trouble := func(is string) func() bool {
		return func() bool {
			_, page := g.get("/metrics")
			return strings.Contains(page, "\nmxgate_memory_trouble "+is+"\n")
		}
	}
	eventually(t, "the trouble is shown", trouble("1"))
	g.wantReply(g.deliver(greta, []string{bob}, letter{from: greta, id: "4@lindqvist.example", cites: "<3@lindqvist.example>"}.content()), "250 2.0.0")
	g.wantReply(g.deliver(thief, []string{bob}, withIDs.content()), "452 4.3.1") // it is known, and there is no room to hold it
	if n := strings.Count(log.String(), "level=ERROR msg=memory"); n != 1 {
		t.Errorf("%d errors of the memory:\n%s", n, log.String())
	}
	empty()
	eventually(t, "the trouble is over", trouble("0"))
	if s := g.remembers(); s.Learned != 1 {
		t.Errorf("%+v", s)
	}
	g.end()
	again(slog.DiscardHandler)
	g.wantHeld(g.post(withIDs), policy.StolenThread, "4 messages")
}

// After a clean stop SQLite has no files beside its databases, and must make them.
func TestAGatewayStartsOnADiskThatFilledUpAfterItsStop(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"all as it was":    func(string) error { return nil },
		"a damaged memory": func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x"), 8192), 0o600) },
	} {
		for _, free := range []int64{0, 32 << 10, 40 << 10, 64 << 10} { // from the second on the store needs none of the reserve
			t.Run(fmt.Sprintf("%s, %d octets free", name, free), func(t *testing.T) {
				c := newCalendar()
				disk := disktest.Mount(t, "size=16m")
				dir := filepath.Join(disk, "data")
				g := newStage(t, script{dataDir: dir}, c.plant)
				g.conversation(c)
				g.end()
				if err := damage(filepath.Join(dir, "memory", "memory.db")); err != nil {
					t.Fatal(err)
				}
				empty := disktest.Fill(t, disk, free)
				g.serve(slog.DiscardHandler, c.plant)
				g.over = false
				g.wantReply(g.deliver(greta, []string{bob}, letter{from: greta, id: "4@lindqvist.example", cites: "<3@lindqvist.example>"}.content()), "250 2.0.0")
				empty()
				eventually(t, "the memory is written", func() bool {
					_, page := g.get("/metrics")
					return strings.Contains(page, "\nmxgate_memory_trouble 0\n") && g.remembers().Learned == 1
				})
				g.end()
			})
		}
	}
}
