package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/policy/mail"
)

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	content = "Received: from mail.example.org\r\nFrom: A <a@example.org>\r\n\r\nHello\r\n"
)

// openStore opens a new store that fails the test on background errors.
func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Config{Dir: dir, OnError: func(err error) { t.Error("in the background:", err) }}.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

func mailbox(t testing.TB, s string) mail.Address {
	t.Helper()
	a, rest, err := mail.ParsePath("<" + s + ">")
	if err != nil || rest != "" {
		t.Fatalf("%q: %v", s, err)
	}
	return a
}

func heldMessage(id string) Held {
	return Held{
		ID: id, ReceivedAt: noon, Client: netip.MustParseAddr("192.0.2.1"), Helo: "mx.example.org", Source: "our-provider",
		Envelope: mail.Envelope{ForwardPaths: []mail.Address{{Local: "b", Domain: "example.com"}}},
		Reason:   "lookalike", Sentence: "examp1e.com resembles example.com", MessageID: "<1@example.org>", Author: "a@example.org",
		Subject: "Hello", Evidence: []byte(`{"spf":{"result":"pass"}}`), NextHop: "mail.example.com:25",
	}
}

func quarantine(t testing.TB, s *Store, id, content string) {
	t.Helper()
	if err := s.Quarantine(t.Context(), heldMessage(id), strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
}

func readContent(t testing.TB, s *Store, id string) string {
	t.Helper()
	f, err := s.Content(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func state(t testing.TB, s *Store, id string) State {
	t.Helper()
	h, err := s.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return h.State
}

func sumOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func TestAQuarantinedMessageComesBackAsItWas(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	want := heldMessage("20260301-AbC")
	want.Envelope = mail.Envelope{
		ReversePath: mailbox(t, `"odd \" one"@xn--bcher-kva.example`),
		ForwardPaths: []mail.Address{mailbox(t, "b@example.com"), mailbox(t, "postmaster"), mailbox(t, "ü@example.com"),
			mailbox(t, "c@[192.0.2.7]"), mailbox(t, "d@[IPv6:2001:db8::1]"), mailbox(t, `"<&>"@example.com`)},
		Body: mail.Body8BitMIME, SizeOctets: 4711,
	}
	all := "bytes \x00\xff\r\n.\r\n" + strings.Repeat("x", 100_000)
	if err := s.Quarantine(t.Context(), want, strings.NewReader(all)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, dir)
	got, err := s.Get(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.ChangedAt.IsZero() || got.ChangedBy != "mxgate" {
		t.Errorf("changed %v by %q", got.ChangedAt, got.ChangedBy)
	}
	want.State, want.Size, want.SHA256, want.ChangedAt, want.ChangedBy = StateHeld, int64(len(all)), sumOf(all), got.ChangedAt, got.ChangedBy
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if readContent(t, s, want.ID) != all {
		t.Error("content differs")
	}
	info, err := os.Stat(s.blobs.Path(want.ID))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Held != 1 || st.HeldOctets != int64(len(all)) || st.KeptOctets != int64(len(all)) {
		t.Errorf("%+v, %v", st, err)
	}
}

// A field added to mail.Envelope must reach the next hop at release.
func TestEveryFieldOfAnEnvelopeSurvives(t *testing.T) {
	var e mail.Envelope
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Interface().(type) {
		case mail.Address:
			f.Set(reflect.ValueOf(mailbox(t, "r@example.org")))
		case []mail.Address:
			f.Set(reflect.ValueOf([]mail.Address{mailbox(t, "f@example.org")}))
		case []mail.RecipientDSN:
			f.Set(reflect.ValueOf([]mail.RecipientDSN{{Notify: "NEVER", OriginalType: "rfc822", Original: "o@example.org"}}))
		default:
			switch f.Kind() {
			case reflect.String:
				f.SetString("text")
			case reflect.Int, reflect.Int64:
				f.SetInt(7)
			case reflect.Bool:
				f.SetBool(true)
			default:
				t.Fatalf("teach this test the type of %s", v.Type().Field(i).Name)
			}
		}
	}
	s := openStore(t, t.TempDir())
	h := heldMessage("A")
	h.Envelope = e
	if err := s.Quarantine(t.Context(), h, strings.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), "A"); err != nil || !reflect.DeepEqual(got.Envelope, e) {
		t.Errorf("%+v, %v", got.Envelope, err)
	}
}

func TestAnEnvelopeStoredBySchema1CanBeRead(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "A", content)
	stored := `{"ReversePath":{"Local":"a","Domain":"example.org","Literal":""},"ForwardPaths":[{"Local":"b","Domain":"","Literal":"192.0.2.7"}],"Body":"8BITMIME","SizeOctets":12}`
	if _, err := s.write.Exec("UPDATE quarantine SET envelope = ?", stored); err != nil {
		t.Fatal(err)
	}
	want := mail.Envelope{ReversePath: mailbox(t, "a@example.org"), ForwardPaths: []mail.Address{mailbox(t, "b@[192.0.2.7]")}, Body: mail.Body8BitMIME, SizeOctets: 12}
	if got, err := s.Get(t.Context(), "A"); err != nil || !reflect.DeepEqual(got.Envelope, want) {
		t.Errorf("%+v, %v", got.Envelope, err)
	}
}

func TestQuarantineRefusesWhatItCannotKeepExactly(t *testing.T) {
	s := openStore(t, t.TempDir())
	quarantine(t, s, "taken", content)
	quarantine(t, s, "gone", content)
	if err := s.Delete(t.Context(), "gone", "admin"); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("spool is gone")
	tests := []struct {
		name    string
		ctx     context.Context
		change  func(*Held)
		content io.Reader
		want    error
	}{
		{"an ID that leaves the directory", nil, func(h *Held) { h.ID = "../a" }, nil, ErrBadID},
		{"an ID with a dot", nil, func(h *Held) { h.ID = "a.b" }, nil, ErrBadID},
		{"no ID", nil, func(h *Held) { h.ID = "" }, nil, ErrBadID},
		{"an ID of 65 letters", nil, func(h *Held) { h.ID = strings.Repeat("a", 65) }, nil, ErrBadID},
		{"an ID that is held", nil, func(h *Held) { h.ID = "taken" }, nil, ErrExists},
		{"an ID that was deleted", nil, func(h *Held) { h.ID = "gone" }, nil, ErrExists},
		{"content that ends early", nil, func(h *Held) { h.Size = int64(len(content)) + 1 }, nil, ErrCorrupt},
		{"other content", nil, func(h *Held) { h.SHA256 = sumOf("other") }, nil, ErrCorrupt},
		{"content that cannot be read", nil, func(*Held) {}, io.MultiReader(strings.NewReader("x"), brokenReader{broken}), broken},
		{"a caller who has left", ended, func(*Held) {}, nil, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := heldMessage("new")
			tt.change(&h)
			ctx, r := tt.ctx, tt.content
			if ctx == nil {
				ctx = t.Context()
			}
			if r == nil {
				r = strings.NewReader(content)
			}
			err := s.Quarantine(ctx, h, r)
			if !errors.Is(err, tt.want) || errors.Is(err, ErrNotWritable) {
				t.Errorf("%v", err)
			}
			if files := filesOf(t, s.dir); !reflect.DeepEqual(files, []string{"taken.eml"}) {
				t.Errorf("files %q", files)
			}
			if all, err := s.List(t.Context(), Filter{State: StateHeld}); err != nil || len(all) != 1 {
				t.Errorf("%d rows, %v", len(all), err)
			}
		})
	}
	if readContent(t, s, "taken") != content {
		t.Error("the message that held the ID has changed")
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// filesOf lists the names of all files under blobs/ and tmp/.
func filesOf(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"blobs/*/*", "tmp/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			names = append(names, filepath.Base(p))
		}
	}
	return names
}

func TestListFilters(t *testing.T) {
	s := openStore(t, t.TempDir())
	for i, reason := range []string{"lookalike", "dmarc-fail", "lookalike", "lookalike"} {
		h := heldMessage(fmt.Sprint("m", i))
		h.Reason, h.ReceivedAt = reason, noon.Add(time.Duration(i)*time.Hour)
		if err := s.Quarantine(t.Context(), h, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), "m3", "admin"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.write.Exec("UPDATE quarantine SET state = 'releasing' WHERE id = 'm2'"); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		f    Filter
		want string
	}{
		{Filter{}, "m3 m2 m1 m0"},
		{Filter{State: StateHeld}, "m2 m1 m0"},
		{Filter{State: StateReleasing}, "m2"},
		{Filter{State: StateDeleted}, "m3"},
		{Filter{Reason: "lookalike", State: StateHeld}, "m2 m0"},
		{Filter{Limit: 2}, "m3 m2"},
		{Filter{Since: noon.Add(time.Hour), Until: noon.Add(3 * time.Hour)}, "m2 m1"},
		{Filter{ID: "m1"}, "m1"},
		{Filter{Reason: "clean"}, ""},
	}
	for _, tt := range tests {
		all, err := s.List(t.Context(), tt.f)
		var ids []string
		for _, h := range all {
			ids = append(ids, h.ID)
		}
		if err != nil || strings.Join(ids, " ") != tt.want {
			t.Errorf("%+v: %q, %v; want %q", tt.f, ids, err, tt.want)
		}
	}
}

func TestTwoProcessesMayCreateOneDirectoryAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b ? # %41")
	var wg sync.WaitGroup
	stores := make([]*Store, 6)
	for i := range stores {
		wg.Go(func() {
			var err error
			if stores[i], err = Open(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i, s := range stores {
		if s == nil {
			continue
		}
		quarantine(t, s, fmt.Sprint("m", i), content)
		if all, err := s.List(t.Context(), Filter{}); err != nil || len(all) != i+1 {
			t.Errorf("%d rows, %v", len(all), err)
		}
		defer s.Close()
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	for _, name := range []string{"mxgate.db", "mxgate.db-wal", "mxgate.db-shm"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

func TestOpenSaysWhatIsWrongWithTheDirectory(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		_, err := Open(path)
		if !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "create it or correct") {
			t.Errorf("%v", err)
		}
	}
	bad := filepath.Join(dir, "bad")
	if err := os.Mkdir(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bad, databaseName), bytes.Repeat([]byte("not a database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bad); !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), databaseName) {
		t.Errorf("%v", err)
	}
}

func TestANewerSchemaIsRefusedUntouched(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	if _, err := s.write.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir)
	if !errors.Is(err, ErrNewerSchema) || !strings.Contains(err.Error(), "schema 99") {
		t.Errorf("%v", err)
	}
}

func TestTheDatabaseIsSetForDurability(t *testing.T) {
	s := openStore(t, t.TempDir())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "auto_vacuum": "2", "busy_timeout": "10000", "page_size": "8192", "user_version": "7"} {
		var got string
		if err := s.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, %v; want %s", pragma, got, err, want)
		}
	}
	if _, err := s.read.Exec("DELETE FROM quarantine"); err == nil {
		t.Error("the reading handle writes")
	}
}

func TestAfterCloseNothingHangsAndNothingIsPromised(t *testing.T) {
	var told []error
	s, err := Config{Dir: t.TempDir(), OnError: func(err error) { told = append(told, err) }}.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Quarantine(t.Context(), heldMessage("A"), strings.NewReader(content)); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := s.Flush(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	if err := s.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("%v", err)
	}
	s.Stranger(noon, netip.MustParseAddr("192.0.2.1"), "")
	if s.Journal(Entry{ID: "lost"}); len(told) != 1 || !strings.Contains(told[0].Error(), "lost") {
		t.Errorf("%v", told)
	}
	if files := filesOf(t, s.dir); len(files) != 0 {
		t.Errorf("files %q", files)
	}
}

// holdWriter keeps the writer goroutine busy until release is called.
func holdWriter(t testing.TB, s *Store) (release func()) {
	t.Helper()
	held, free := make(chan bool), make(chan bool)
	done := make(chan error, 1)
	go func() {
		done <- s.change(context.Background(), func(*sql.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	return func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestACallerWhoGivesUpBeforeTheCommitLeavesNothing(t *testing.T) {
	s := openStore(t, t.TempDir())
	release := holdWriter(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Quarantine(ctx, heldMessage("A"), strings.NewReader(content)) }()
	for len(s.changes) == 0 { // until it waits for the writer
		select {
		case err := <-done:
			t.Fatal(err)
		default:
			runtime.Gosched()
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	release()
	quarantine(t, s, "B", content) // the writer has passed A
	if _, err := s.Get(t.Context(), "A"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if files := filesOf(t, s.dir); !reflect.DeepEqual(files, []string{"B.eml"}) {
		t.Errorf("files %q", files)
	}
}
