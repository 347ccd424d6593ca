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
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// unreadSuffix is that of the mark beside a memory that was set aside.
const unreadSuffix = ".unread"

// wrecked is a stage on a small disk whose memory was damaged once it had so many
// decisions, all of which can still be read.
func wrecked(t *testing.T, decisions int) (g *stage, disk string) {
	t.Helper()
	disk = disktest.Mount(t, "size=16m")
	g = newStage(t, script{dataDir: filepath.Join(disk, "data")})
	wreck(t, g, decisions)
	return g, disk
}

// wreck ends a stage and damages its memory, once it has so many decisions.
func wreck(t *testing.T, g *stage, decisions int) {
	t.Helper()
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

// A kill, or whoever looks into the file, costs no decision: the next start, or the
// next look, takes them over.
func TestDecisionsOfADamagedMemoryThatCannotBeReadNowAreReadLater(t *testing.T) {
	for _, locked := range []bool{false, true} {
		t.Run(fmt.Sprintf("locked %t", locked), func(t *testing.T) {
			g := newStage(t, script{})
			wreck(t, g, 3)
			aside, err := memory.SetAside(filepath.Join(g.cfg.DataDir, "memory"), time.Now()) // and a kill
			if err != nil {
				t.Fatal(err)
			}
			var db *sql.DB
			if locked {
				if db, err = sql.Open("sqlite", aside); err != nil {
					t.Fatal(err)
				}
				db.SetMaxOpenConns(1)
				if _, err := db.Exec("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE"); err != nil {
					t.Fatal(err)
				}
			}
			log := &output{}
			server, err := New(g.cfg, slog.New(slog.NewTextHandler(log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			look := func(decisions, faults int, said string) {
				t.Helper()
				server.readUnread()
				list, err := server.Memory().Decisions(t.Context())
				if err != nil || len(list) != decisions || strings.Count(log.String(), "level=ERROR") != faults || !strings.Contains(log.String(), said) {
					t.Errorf("%d decisions, %v:\n%s", len(list), err, log.String())
				}
				if _, err := os.Stat(aside + unreadSuffix); (err == nil) != (decisions == 0) {
					t.Errorf("the mark: %v", err)
				}
			}
			faults := 0
			if locked {
				faults = 1
				for range 2 {
					look(0, faults, "close what has it open")
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			look(3, faults, "all decisions of the memory that was damaged are taken over")
			if err := server.close(); err != nil {
				t.Error(err)
			}
		})
	}
}
