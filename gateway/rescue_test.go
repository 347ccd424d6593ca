package gateway

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/disk/disktest"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// wrecked is a stage on a small disk whose memory was damaged once it had so many
// decisions, all of which can still be read.
func wrecked(t *testing.T, decisions int) (g *stage, disk string) {
	t.Helper()
	disk = disktest.Mount(t, "size=16m")
	g = newStage(t, script{dataDir: filepath.Join(disk, "data")})
	tool, err := OpenMemory(g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range decisions {
		d := policy.Decision{Sender: mail.Domain(fmt.Sprintf("evil%d.example", i)), Target: "good.example", Who: "erika", Why: strings.Repeat("x", 200), At: time.Now()}
		if err := tool.Allow(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if err := tool.Close(); err != nil {
		t.Fatal(err)
	}
	g.end()
	db, err := sql.Open("sqlite", filepath.Join(g.cfg.DataDir, "memory", "memory.db"))
	if err == nil {
		_, err = db.Exec("ALTER TABLE domain RENAME COLUMN second TO third")
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return g, disk
}

// What people have decided does not come again by itself.
func TestAFullDiskCostsNoDecisionOfADamagedMemory(t *testing.T) {
	const all = 1500
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %t", restart), func(t *testing.T) {
			g, disk := wrecked(t, all)
			empty := disktest.Fill(t, disk, 0)
			log := &output{}
			server, err := New(g.cfg, slog.New(slog.NewTextHandler(log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			decisions := func() int {
				t.Helper()
				list, err := server.Memory().Decisions(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return len(list)
			}
			kept := decisions()
			if said := log.String(); kept == all || strings.Count(said, "level=ERROR") != 1 || !strings.Contains(said, fmt.Sprintf(" decisions=%d ", kept)) || !strings.Contains(said, "make room and leave the file") {
				t.Errorf("%d decisions:\n%s", kept, said)
			}
			if info, err := os.Stat(filepath.Join(g.cfg.DataDir, "reserve")); err != nil || info.Size() == 0 {
				t.Errorf("nothing is left for deleting: %v, %v", info, err)
			}
			server.readUnread()
			if n := decisions(); n == all || strings.Contains(log.String(), "taken over\"") {
				t.Errorf("%d decisions, and no room:\n%s", n, log.String())
			}
			if restart {
				if err := server.close(); err != nil {
					t.Fatal(err)
				}
				empty()
				g.over = false
				g.serve(slog.NewTextHandler(log, nil))
				server = g.server
				eventually(t, "all are taken over", func() bool {
					return strings.Contains(log.String(), "all decisions of the memory that was damaged are taken over")
				})
			} else {
				empty()
				server.readUnread()
			}
			if n := decisions(); n != all || strings.Count(log.String(), "taken over\"") != 1 || strings.Count(log.String(), "level=ERROR") != 1 {
				t.Errorf("%d decisions of %d:\n%s", n, all, log.String())
			}
			marks, err := filepath.Glob(filepath.Join(g.cfg.DataDir, "memory", "*"+unreadSuffix))
			aside, errAside := filepath.Glob(filepath.Join(g.cfg.DataDir, "memory", "*.damaged-*Z"))
			if err != nil || errAside != nil || len(marks) != 0 || len(aside) != 1 {
				t.Errorf("%q, %v; %q, %v", marks, err, aside, errAside)
			}
			server.readUnread() // nothing is left to do
			if restart {
				g.end()
			} else if err := server.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whoever deletes the file has done with it: it is said, once, and not made again.
func TestADamagedMemoryThatWasDeletedUnreadIsGivenUp(t *testing.T) {
	g := newStage(t, script{})
	g.end()
	aside := filepath.Join(g.cfg.DataDir, "memory", "memory.db.damaged-20260301T120000Z")
	if err := os.WriteFile(aside+unreadSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log := &output{}
	server, err := New(g.cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		server.readUnread()
	}
	if err := server.close(); err != nil {
		t.Error(err)
	}
	if said := log.String(); strings.Count(said, "level=ERROR") != 1 || !strings.Contains(said, "not all decisions") || !strings.Contains(said, aside) {
		t.Errorf("said:\n%s", said)
	}
	if left, err := filepath.Glob(aside + "*"); err != nil || len(left) != 0 {
		t.Errorf("%q, %v", left, err)
	}
}
