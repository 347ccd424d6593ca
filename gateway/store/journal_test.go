package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/policy/mail"
)

func fullEntry(t testing.TB) Entry {
	return Entry{
		ID: "T1", At: noon, Client: netip.MustParseAddr("192.0.2.1"), Helo: "mx.example.org", Source: "our-provider",
		OriginIP: netip.MustParseAddr("2001:db8::1"), ReversePath: mailbox(t, `"a b"@example.org`),
		ForwardPaths: []mail.Address{mailbox(t, "postmaster"), mailbox(t, "c@[IPv6:2001:db8::2]")},
		RefusedPaths: []mail.Address{mailbox(t, `"d e"@example.com`), mailbox(t, "f@example.net")},
		Author:       "A@Examp1e.COM", MessageID: "<1@example.org>", Size: 4711, Disposition: "quarantine", Reason: "lookalike",
		Sentence: "examp1e.com resembles example.com", ReplyCode: 250, Enhanced: "2.0.0", NextHop: "mail.example.com:25",
		Outcome: Quarantined, Path: "via_current", Lifted: "dmarc-fail by lists.example", Duration: 1234567, Evidence: []byte(`{"a":"\u00e4"}`),
	}
}

func TestAJournalEntryComesBackAsItWas(t *testing.T) {
	s := openStore(t, t.TempDir())
	want := fullEntry(t)
	s.Journal(want)
	s.Journal(Entry{})
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Entries(t.Context(), Filter{})
	if err != nil || len(got) != 2 || !reflect.DeepEqual(got[0], want) || !reflect.DeepEqual(got[1], Entry{}) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestOutsideTextInTheJournalIsBounded(t *testing.T) {
	s := openStore(t, t.TempDir())
	s.Journal(Entry{MessageID: strings.Repeat("ä", 5000), Sentence: "bad \xff byte", Author: "no at sign"})
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Entries(t.Context(), Filter{})
	if err != nil || len(got) != 1 || got[0].MessageID != strings.Repeat("ä", maxTextOctets/2) || got[0].Sentence != "bad \uFFFD byte" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whoever sets limits.recipients to 10,000 gives no client a row of megabytes.
func TestTheRefusedOfAnEntryAreBounded(t *testing.T) {
	s := openStore(t, t.TempDir())
	e := fullEntry(t)
	e.RefusedPaths = nil
	for i := range maxRefusedPaths + 1 {
		e.RefusedPaths = append(e.RefusedPaths, mail.Address{Local: fmt.Sprint("r", i), Domain: "example.com"})
	}
	s.Journal(e)
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Entries(t.Context(), Filter{To: Mailboxes{Address: e.RefusedPaths[maxRefusedPaths-1]}})
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0].RefusedPaths, e.RefusedPaths[:maxRefusedPaths]) {
		t.Errorf("%d entries, %v", len(got), err)
	}
}

func TestEntriesFilters(t *testing.T) {
	s := openStore(t, t.TempDir())
	for i, reason := range []string{"clean", "lookalike", "clean", "dmarc-fail"} {
		e := fullEntry(t)
		e.ID, e.Reason, e.At = fmt.Sprint("e", i), reason, noon.Add(time.Duration(i)*time.Hour)
		if reason == "clean" {
			e.Disposition, e.Outcome, e.Author = "relay", Relayed, "b@example.org"
			e.Source, e.Path, e.Lifted = "partner", "permitted_direct", ""
		}
		s.Journal(e)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		f    Filter
		want string
	}{
		{Filter{}, "e3 e2 e1 e0"},
		{Filter{Limit: 1}, "e3"},
		{Filter{Reason: "lookalike"}, "e1"},
		{Filter{Disposition: "relay"}, "e2 e0"},
		{Filter{Outcome: Quarantined, Until: noon.Add(3 * time.Hour)}, "e1"},
		{Filter{AuthorDomain: "examp1e.com"}, "e3 e1"},
		{Filter{Since: noon.Add(time.Hour), Until: noon.Add(2 * time.Hour)}, "e1"},
		{Filter{ID: "e2", Reason: "clean"}, "e2"},
		{Filter{Source: "partner"}, "e2 e0"},
		{Filter{Path: "via_current"}, "e3 e1"},
		{Filter{Lifted: true, Reason: "dmarc-fail"}, "e3"},
		{Filter{Lifted: true, Source: "partner"}, ""},
		{Filter{ID: "e2", Reason: "lookalike"}, ""},
	} {
		all, err := s.Entries(t.Context(), tt.f)
		var ids []string
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		if err != nil || strings.Join(ids, " ") != tt.want {
			t.Errorf("%+v: %q, %v; want %q", tt.f, ids, err, tt.want)
		}
	}
}

func TestAnEntryIsCommittedWithoutBeingAskedFor(t *testing.T) {
	committed := make(chan bool, 10)
	s, err := Config{Dir: t.TempDir()}.open(nil, func(tx *sql.Tx) error {
		defer func() { committed <- true }()
		return tx.Commit()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	begin := time.Now()
	s.Journal(Entry{ID: "J"})
	<-committed // the timer's doing: nobody flushed
	if waited := time.Since(begin); waited < entryDelay/2 {
		t.Errorf("after %v: an entry alone should wait for company", waited)
	}
	if all, err := s.Entries(t.Context(), Filter{}); err != nil || len(all) != 1 {
		t.Errorf("%d entries, %v", len(all), err)
	}
	s.Stranger(noon, netip.MustParseAddr("192.0.2.1"), "")
	<-committed
	for i := range maxEntries { // so many do not wait
		s.Journal(Entry{ID: fmt.Sprint(i)})
	}
	<-committed
}

// The commit of a change may take an entry before its session has called the
// writer. The call then finds nothing, and the next entry calls nobody: it must
// not wait for ever.
func TestAnEntryBehindAnIdleCallIsCommitted(t *testing.T) {
	committed := make(chan bool, 10)
	s, err := Config{Dir: t.TempDir()}.open(nil, func(tx *sql.Tx) error {
		defer func() { committed <- true }()
		return tx.Commit()
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pass := func() { // the writer, through one turn
		t.Helper()
		if err := s.change(t.Context(), func(*sql.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		<-committed
	}
	s.entries <- &Entry{ID: "first"} // Journal, up to its call
	pass()
	s.call()
	for len(s.wake) > 0 {
		runtime.Gosched()
	}
	pass()
	s.Journal(Entry{ID: "second"})
	select {
	case <-committed: // the timer's doing: nobody flushed
	case <-time.After(10 * time.Second):
		t.Fatal("an entry was forgotten")
	}
	if all, err := s.Entries(t.Context(), Filter{}); err != nil || len(all) != 2 {
		t.Errorf("%d entries, %v", len(all), err)
	}
}

func TestCloseCommitsWhatWaits(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	for i := range 3*maxEntries + 7 {
		s.Journal(Entry{ID: fmt.Sprint(i)})
	}
	s.Stranger(noon, netip.MustParseAddr("192.0.2.1"), "")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	if all, err := s.Entries(t.Context(), Filter{Limit: 10_000}); err != nil || len(all) != 3*maxEntries+7 {
		t.Errorf("%d entries, %v", len(all), err)
	}
	if rows, err := s.Strangers(t.Context(), noon); err != nil || len(rows) != 1 {
		t.Errorf("%+v, %v", rows, err)
	}
}

// Everything at once, from many sessions, on two stores as from two processes.
func TestManySessionsAtOnceLoseNothing(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{openStore(t, dir), openStore(t, dir)}
	const sessions, each = 16, 12
	var wg sync.WaitGroup
	for n := range sessions {
		wg.Go(func() {
			s := stores[n%2]
			for i := range each {
				id := fmt.Sprintf("s%d-%d", n, i)
				h := heldMessage(id)
				if err := s.Quarantine(t.Context(), h, strings.NewReader(id+content)); err != nil {
					t.Error(err)
				}
				s.Journal(Entry{ID: id, At: noon, Outcome: Quarantined})
				s.Stranger(noon, netip.MustParseAddr("198.51.100.1"), "")
				switch i % 3 {
				case 0:
					if err := stores[(n+1)%2].Delete(t.Context(), id, "admin"); err != nil {
						t.Error(err)
					}
				case 1:
					if err := stores[(n+1)%2].Release(t.Context(), id, "erika", deliverOK); err != nil {
						t.Error(err)
					}
				}
				if _, err := s.List(t.Context(), Filter{State: StateHeld}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		if err := s.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s := stores[0]
	counts := map[State]int{}
	all, err := s.List(t.Context(), Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		counts[h.State]++
		if h.State != StateDeleted && readContent(t, s, h.ID) != h.ID+content {
			t.Errorf("content of %s", h.ID)
		}
	}
	if third := sessions * each / 3; counts[StateHeld] != third || counts[StateReleased] != third || counts[StateDeleted] != third {
		t.Errorf("%v", counts)
	}
	if entries, err := s.Entries(t.Context(), Filter{}); err != nil || len(entries) != sessions*each {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	if rows, err := s.Strangers(t.Context(), noon); err != nil || len(rows) != 1 || rows[0].Count != sessions*each {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestStrangersAreCountedByNetworkAndHour(t *testing.T) {
	s := openStore(t, t.TempDir())
	count := func(at time.Time, addr, helo string) { s.Stranger(at, netip.MustParseAddr(addr), helo) }
	count(noon, "192.0.2.1", "first")
	count(noon, "::ffff:192.0.2.1", "bad\r\nlast\xff")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	count(noon.Add(30*time.Minute), "192.0.2.1", "") // does not hide the last helo
	count(noon.In(time.FixedZone("half", 1800)), "192.0.2.2", strings.Repeat("x", 1000))
	count(noon.Add(time.Hour), "2001:db8::1", "")
	count(noon.Add(time.Hour), "2001:db8::ffff:1%eth0", "six")
	count(noon.Add(time.Hour), "2001:db8:0:1::1", "")
	s.Stranger(noon, netip.Addr{}, "")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := s.Strangers(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range got {
		lines = append(lines, fmt.Sprintf("%s %s %d %.20s", r.Hour.Format("15"), r.Network, r.Count, r.Helo))
	}
	want := []string{"13 2001:db8::/64 2 six", "13 2001:db8:0:1::/64 1 ", "12 192.0.2.1/32 3 bad??last?",
		"12 invalid Prefix 1 ", "12 192.0.2.2/32 1 " + strings.Repeat("x", 20)}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
	if got, err := s.Strangers(t.Context(), noon.Add(time.Hour)); err != nil || len(got) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Who is told to wait is counted among the strangers, and told from them.
func TestANearMissIsAStrangerWithTheNameOfASource(t *testing.T) {
	s := openStore(t, t.TempDir())
	addr := netip.MustParseAddr("192.0.2.1")
	for range 2 { // in one commit, and in two
		s.NearMiss(noon, addr, "first", "a")
		s.NearMiss(noon, addr, "last", "b")
		s.Stranger(noon, addr, "") // does not hide it
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Stranger(noon, addr, "")
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Strangers(t.Context(), noon)
	if err != nil || len(got) != 1 || got[0].Count != 8 || got[0].NearCount != 4 || got[0].NearSource != "b" || got[0].Helo != "last" {
		t.Errorf("%+v, %v", got, err)
	}
	// Where the memory is full no network is kept, and so no source of it.
	release := holdWriter(t, s)
	for n := range maxTallies {
		s.Stranger(noon.Add(time.Hour), testAddr(n), "")
	}
	s.NearMiss(noon.Add(time.Hour), addr, "h", "a")
	release()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err = s.Strangers(t.Context(), noon.Add(time.Hour))
	for _, r := range got {
		if r.Network.IsValid() == (r.NearCount == 1) || r.NearSource != "" {
			t.Errorf("%+v, %v", r, err)
		}
	}
}

// testAddr is the n-th of many addresses.
func testAddr(n int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

func TestStrangersFillNeitherMemoryNorDisk(t *testing.T) {
	s := openStore(t, t.TempDir())
	release := holdWriter(t, s)
	for n := range maxTallies + 500 {
		s.Stranger(noon, testAddr(n), "h")
	}
	if n := len(s.strangers.tallies); n != maxTallies+1 { // and one for those without room
		t.Errorf("%d in memory", n)
	}
	release()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Strangers(t.Context(), noon)
	if err != nil || len(rows) != maxTallies+1 || rows[0].Network.IsValid() || rows[0].Count != 500 {
		t.Fatalf("%d rows, %v, first %+v", len(rows), err, rows[0])
	}
	// A table that is nearly full, of the hour before; then one more hour.
	if _, err := s.write.Exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO strangers (hour, network, count, helo) SELECT ?, '10.0.0.0/' || i, 1, '' FROM n",
		maxStrangerRows-maxTallies-1, nanos(noon.Truncate(time.Hour).Add(-time.Hour))); err != nil {
		t.Fatal(err)
	}
	s.strangers.rows = -1 // as after a new start
	for n := range 100 {
		s.Stranger(noon.Add(time.Hour), testAddr(n), "")
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var total, oldest, newest int
	if err := s.read.QueryRow("SELECT count(*), sum(hour = ?), sum(hour = ?) FROM strangers",
		nanos(noon.Truncate(time.Hour).Add(-time.Hour)), nanos(noon.Truncate(time.Hour).Add(time.Hour))).Scan(&total, &oldest, &newest); err != nil {
		t.Fatal(err)
	}
	if total != keepStrangers+1 || newest != 100 || oldest != keepStrangers-maxTallies-1-100+1 { // and one for those dropped
		t.Errorf("%d rows, %d of the oldest hour, %d of the newest", total, oldest, newest)
	}
}

// An outsider with many networks cannot make the table forget him.
func TestAFloodOfStrangersWashesNothingAway(t *testing.T) {
	s := openStore(t, t.TempDir())
	for day := range 3 {
		s.NearMiss(noon.AddDate(0, 0, -day), testAddr(-1), "h", "a")
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// In the newest hour, and seen more often than what is to be washed away.
	if _, err := s.write.Exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO strangers (hour, network, count, helo, near_count) SELECT ?, '10.0.0.0/' || i, 2, '', 1 FROM n",
		maxStrangerRows, nanos(noon.Truncate(time.Hour))); err != nil {
		t.Fatal(err)
	}
	s.strangers.rows = -1
	s.Stranger(noon.Add(-time.Hour), testAddr(1), "")
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows, old, count, near, othersCount, othersNear int
	if err := s.read.QueryRow("SELECT count(*), sum(hour < ?), sum(count), sum(near_count), sum(iif(network = '', count, 0)), sum(iif(network = '', near_count, 0)) FROM strangers",
		nanos(noon.Truncate(time.Hour))).Scan(&rows, &old, &count, &near, &othersCount, &othersNear); err != nil {
		t.Fatal(err)
	}
	dropped := maxStrangerRows + 4 - keepStrangers
	if rows != keepStrangers+1 || rows != s.strangers.rows || old != 3 {
		t.Errorf("%d rows, %d known, %d of older hours", rows, s.strangers.rows, old)
	}
	if count != 2*maxStrangerRows+4 || near != maxStrangerRows+3 || othersCount/2 != dropped-1 || othersNear != dropped {
		t.Errorf("counts %d, near %d; of all others %d, near %d", count, near, othersCount, othersNear)
	}
}

func TestAStrangerWhoComesDuringACommitCountsOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	release := holdWriter(t, s)
	s.Journal(Entry{ID: "so that the commit has records"})
	done := make(chan error)
	go func() {
		done <- s.change(t.Context(), func(*sql.Tx) error {
			s.Stranger(noon, testAddr(1), "")
			return nil
		})
	}()
	release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows, err := s.Strangers(t.Context(), noon); err != nil || len(rows) != 1 || rows[0].Count != 1 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestStrangersAreCountedExactlyWhileCommitsRun(t *testing.T) {
	s := openStore(t, t.TempDir())
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for range 500 {
				s.Stranger(noon, testAddr(n%2), "")
				s.Journal(Entry{ID: "x"})
			}
		})
		wg.Go(func() {
			for range 30 {
				if err := s.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := s.Strangers(t.Context(), noon)
	if err != nil || len(rows) != 2 || rows[0].Count != 1000 || rows[1].Count != 1000 {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestExpireKeepsWhatIsStillWanted(t *testing.T) {
	s := openStore(t, t.TempDir())
	s.now = func() time.Time { return noon }
	day := 24 * time.Hour
	for i := range 3 {
		h := heldMessage(fmt.Sprint("m", i))
		h.ReceivedAt = noon.Add(time.Duration(i-2) * 10 * day) // 20, 10 and 0 days ago
		if err := s.Quarantine(t.Context(), h, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		s.Stranger(h.ReceivedAt, testAddr(i), "")
	}
	for i := range 2*expireRows + 10 {
		s.Journal(Entry{ID: fmt.Sprint("e", i), At: noon.Add(-20 * day), Evidence: make([]byte, 1000)})
	}
	s.Journal(Entry{ID: "young", At: noon})
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Expire(t.Context(), time.Time{}, time.Time{}); err != nil || e != (Expired{}) {
		t.Errorf("%+v, %v", e, err)
	}
	s.now = func() time.Time { return noon.Add(-15 * day) }
	if err := s.Delete(t.Context(), "m0", "admin"); err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return noon }
	e, err := s.Expire(t.Context(), noon.Add(-14*day), noon.Add(-5*day))
	if want := (Expired{Entries: 2*expireRows + 10, Strangers: 1, Contents: 1, Messages: 1}); err != nil || e != want {
		t.Errorf("%+v, %v; want %+v", e, err, want)
	}
	if all, err := s.Entries(t.Context(), Filter{}); err != nil || len(all) != 1 || all[0].ID != "young" {
		t.Errorf("%d entries, %v", len(all), err)
	}
	if state(t, s, "m1") != StateDeleted || state(t, s, "m2") != StateHeld || story(t, s, "m0") != "" || story(t, s, "m1") != "mxgate quarantined, mxgate deleted" {
		t.Errorf("m0 %q, m1 %q", story(t, s, "m0"), story(t, s, "m1"))
	}
	if files := filesOf(t, s.dir); !reflect.DeepEqual(files, []string{"m2.eml"}) {
		t.Errorf("%q", files)
	}
	var free, pages int
	if err := s.write.QueryRow("SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count").Scan(&free, &pages); err != nil || free != 0 || pages > 100 {
		t.Errorf("%d of %d pages free, %v", free, pages, err)
	}
}
