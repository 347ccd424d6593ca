package gateway

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/gateway/config"
	"mxgate/gateway/disk/disktest"
	"mxgate/gateway/store"
)

// What a full disk does to the mail is said once, and once that it is over, when it
// is over for good. Then there is a reserve again.
func TestAFullDiskIsSaidOnceAndItsEndOnce(t *testing.T) {
	disk := disktest.Mount(t, "size=16m")
	dir := filepath.Join(disk, "data")
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	log := &lines{}
	w := &roomWatch{store: s, log: slog.New(slog.NewTextHandler(log, nil))}
	said := func(looks int, want ...string) {
		t.Helper()
		before := len(log.String())
		for range looks {
			w.look(t.Context())
		}
		got := log.String()[before:]
		if strings.Count(got, "\n") != min(len(want), 1) {
			t.Errorf("said %q", got)
		}
		for _, want := range want {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %q", want, got)
			}
		}
	}
	reserve := func() int64 {
		t.Helper()
		info, err := os.Stat(filepath.Join(dir, "reserve"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	said(5)
	whole := reserve()
	empty := disktest.Fill(t, disk, 100<<10)
	said(5, "level=ERROR", "what would be quarantined is deferred with 452", "are free on the file system of "+dir)
	if !s.SpendReserve() {
		t.Fatal("no reserve")
	}
	said(5)
	if left := reserve(); left >= whole {
		t.Errorf("%d octets: the reserve took the room of the mail", left)
	}
	empty()
	said(roomSettled - 1)
	if left := reserve(); left != whole {
		t.Errorf("%d octets of reserve, want %d", left, whole)
	}
	empty = disktest.Fill(t, disk, 100<<10)
	said(1) // to and fro
	empty()
	said(roomSettled - 1)
	said(5, "level=INFO", "there is room to hold mail again")
}

// Who asks before the start hears of a full disk, whether or not there is a
// directory yet.
func TestADiskWithoutRoomIsAProblemOfTheConfiguration(t *testing.T) {
	disk := disktest.Mount(t, "size=16m")
	g := newStage(t, script{})
	at := func(dir string) (of []config.Problem) {
		cfg := *g.cfg
		cfg.DataDir = dir
		return CheckReachable(t.Context(), &cfg)
	}
	for _, dir := range []string{disk, filepath.Join(disk, "data")} {
		if problems := at(dir); len(problems) > 0 {
			t.Errorf("%s: %v", dir, problems)
		}
	}
	disktest.Fill(t, disk, 0)
	for _, dir := range []string{disk, filepath.Join(disk, "data")} {
		if problems := at(dir); len(problems) != 1 || problems[0].Key != "data_dir" || !strings.Contains(problems[0].Expected, "0 octets are free") || !strings.Contains(problems[0].Expected, "mail that would be quarantined is deferred") {
			t.Errorf("%s: %v", dir, problems)
		}
	}
}
