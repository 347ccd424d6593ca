package container

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/mail"
)

// messages reads text as if it lay in a file of that name below a new directory.
func messages(t testing.TB, name, text string) []Message {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	files := list(t, file)
	if len(files) != 1 || files[0].SizeOctets != int64(len(text)) {
		t.Fatalf("%+v", files)
	}
	var all []Message
	if err := files[0].Each(t.Context(), func(m Message) error { all = append(all, m); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func list(t testing.TB, path string) []File {
	t.Helper()
	return List(path, func(err error) { t.Error(err) })
}

const pastedHop = "Received: from a.example (a.example [192.0.2.1])\n\tby mx.example.com (Postfix) with ESMTPS id 1;\n\tMon, 2 Nov 2026 09:00:00 +0000\n"

func TestPastedHeadersAreMended(t *testing.T) {
	const want = "Received: from a.example (a.example [192.0.2.1]) by mx.example.com (Postfix) with ESMTPS id 1; Mon, 2 Nov 2026 09:00:00 +0000 Subject: x"
	for _, c := range []struct {
		name, text string
		damage     []string
	}{
		{"whole", pastedHop + "Subject: x\n", nil},
		{"byte order mark and empty lines", "\ufeff\n\r\n" + pastedHop + "Subject: x\n\n", nil},
		{"quoted", "> " + strings.ReplaceAll(pastedHop, "\n\t", "\n> \t") + "> Subject: x\n", []string{damageQuoted}},
		{"quoted twice", ">> " + strings.ReplaceAll(pastedHop, "\n\t", "\n>> \t") + ">> Subject: x\n", []string{damageQuoted}},
		{"indented", "\n    " + strings.ReplaceAll(pastedHop, "\n\t", "\n    \t") + "    Subject: x\n\n", []string{damageIndented}},
		{"indented with a tabulator, the folding lost", "\t" + strings.ReplaceAll(pastedHop, "\n\t", "\n\t") + "\tSubject: x\n", []string{damageIndented, damageFolding}},
		{"below a few words, indented", "Hello:\n\n    " + strings.ReplaceAll(pastedHop, "\n\t", "\n     ") + "    Subject: x\n", []string{damageText, damageIndented}},
		{"lost folding", strings.ReplaceAll(pastedHop, "\n\t", "\n") + "Subject: x\n", []string{damageFolding}},
		{"below a few words", "Hello,\nthese are the headers:\n\n" + pastedHop + "Subject: x\n", []string{damageText}},
		{"below a few words, quoted", "Hello:\n\n> " + strings.ReplaceAll(pastedHop, "\n\t", "\n>  ") + "> Subject: x\n", []string{damageText, damageQuoted}},
		{"non-breaking spaces", strings.ReplaceAll(strings.ReplaceAll(pastedHop, " by", "\u00a0by"), "\n\t", "\n\u00a0\u00a0") + "Subject: x\n", []string{damageSpaces}},
		{"quoted-printable", strings.ReplaceAll(pastedHop, "id 1", "id=20=31 (v=3D1)=\n") + "Subject: x\n", []string{damageQP}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := messages(t, "a.txt", c.text)
			if len(all) != 1 || all[0].Provenance != Pasted || !slices.Equal(all[0].Damage, c.damage) {
				t.Fatalf("%d messages, %s, %q", len(all), all[0].Provenance, all[0].Damage)
			}
			got := strings.Join(strings.Fields(string(all[0].Content)), " ")
			if got = strings.Replace(got, " (v=1)", "", 1); got != want {
				t.Errorf("%s\nwant\n%s", got, want)
			}
		})
	}
}

// What the author wrote below our own hop must not become a part of it.
func TestAWholeMessageIsNotMended(t *testing.T) {
	text := strings.ReplaceAll(pastedHop+"by evil.example with SMTP\n  =3D\u00a0\nSubject: x\n\nbody\n", "\n", "\r\n")
	all := messages(t, "a.eml", text)
	if len(all) != 1 || all[0].Provenance != InFile || all[0].Damage != nil || string(all[0].Content) != text {
		t.Errorf("%+v\n%s", all, all[0].Content)
	}
	// Neither is anything in an mbox.
	all = messages(t, "a.mbox", "From x\n"+strings.ReplaceAll(pastedHop, "\n\t", "\n")+"\nFrom y\nSubject: y\n")
	if len(all) != 2 || all[0].Damage != nil || all[0].Provenance != InMbox {
		t.Errorf("%+v", all)
	}
}

func TestOffsetsAreThoseOfTheFile(t *testing.T) {
	long := strings.Repeat("x", 200_000) // more than any buffer
	text := "From a Mon Nov  2 09:00:00 2026\nSubject: 1\n\n>From me\r\n" + long + "\n\nFrom b\nSubject: 2\n\nFrom c\n\nFrom d\nSubject: 4\n"
	all := messages(t, "archive", text)
	if len(all) != 4 {
		t.Fatalf("%d messages", len(all))
	}
	for i, start := range []string{"From a", "From b", "From c", "From d"} {
		if m := all[i]; m.Number != i+1 || !strings.HasPrefix(text[m.Offset:], start) {
			t.Errorf("message %d: number %d, offset %d", i+1, m.Number, m.Offset)
		}
	}
}

func TestAttachedMessagesComeBehindTheirOwn(t *testing.T) {
	const innermost = "Subject: innermost\r\n\r\nx\r\n"
	base64 := "U3ViamVjdDogYmFzZTY0CgpoZWxsbwo="
	text := "Subject: outer\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n" +
		"--b\r\nContent-Type: text/plain\r\n\r\n--bb\r\n x--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: no message\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/digest; boundary=c\r\n\r\n--c\r\n\r\n" + innermost + "--c--\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64 + "\r\n" +
		"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nSubject: returned\r\n\r\n" +
		"--b--\r\nSubject: epilogue\r\n"
	var subjects []string
	for _, m := range messages(t, "a.eml", text) {
		line, _, _ := bytes.Cut(m.Content, []byte("\r\n"))
		subjects = append(subjects, string(line))
		if (m.Part > 0) != (m.Provenance == Attached) {
			t.Errorf("%d %s", m.Part, m.Provenance)
		}
	}
	if want := []string{"Subject: outer", "Subject: inner", "Subject: innermost", "Subject: base64", "Subject: returned"}; !slices.Equal(subjects, want) {
		t.Errorf("%q", subjects)
	}
}

// The trace of one is told as far as it can be read.
func TestAnAttachedMessageWithALongHeaderIsFound(t *testing.T) {
	text := "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n" + strings.Repeat("X: y\r\n", mail.MaxFields) + "\r\n"
	if n := len(attached([]byte(text))); n != 1 {
		t.Errorf("%d found", n)
	}
}

func TestNestingAndNumbersAreBounded(t *testing.T) {
	deep := strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 10_000)
	if n := len(attached([]byte(deep))); n != maxDepth+1 {
		t.Errorf("%d deep", n)
	}
	wide := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n", 10_000)
	if n := len(attached([]byte(wide))); n != maxAttached {
		t.Errorf("%d wide", n)
	}
}

// Each depth decodes, and so copies, all that is in it.
func TestWhatIsDecodedIsBounded(t *testing.T) {
	const head = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	text := []byte(strings.Repeat(head, maxDepth+1) + "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 70)+"\r\n", maxDecoded/2/72))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := attached(text)
	runtime.ReadMemStats(&after)
	sum := 0
	for _, content := range found {
		sum += len(content)
	}
	if len(found) < 2 || sum > maxDecoded {
		t.Errorf("%d messages of %d octets", len(found), sum)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 10*maxDecoded {
		t.Errorf("%d MiB for %d", n>>20, len(text)>>20)
	}
}

func TestAMaildirIsReadWithoutWhatIsNoMail(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"cur/2", "new/1", "tmp/no", ".Sent/cur/3", ".Sent/tmp/no", "dovecot.index", "dovecot-uidlist", "maildirsize", ".hidden", "sub/old.mbox"} {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("Subject: x\n\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	for _, f := range list(t, dir) {
		name, _ := filepath.Rel(dir, f.Path)
		names = append(names, name)
		if f.Maildir != strings.Contains(name, "cur") && f.Maildir != strings.Contains(name, "new") {
			t.Errorf("%+v", f)
		}
	}
	if want := []string{".Sent/cur/3", "cur/2", "new/1", "sub/old.mbox"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

// What is not looked at is said, and keeps nothing else from being read.
func TestWhatCannotBeListedIsNamedAndTheRestIsRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) string {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("Subject: x\n\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		return file
	}
	write("mail/cur/1")
	locked := filepath.Dir(write("mail/cur.locked/2"))
	write("mail/new/3")
	pipe, loop, link, empty := filepath.Join(dir, "pipe"), filepath.Join(dir, "mail", "loop"), filepath.Join(dir, "link"), filepath.Join(dir, "empty")
	if err := errors.Join(exec.Command("mkfifo", pipe).Run(), os.Symlink(dir, loop), os.Symlink(filepath.Join(dir, "mail"), link), os.Mkdir(empty, 0o700), os.Chmod(locked, 0)); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { os.Chmod(locked, 0o700) })
	asRoot := os.Geteuid() == 0 // who may read everything
	for _, c := range []struct {
		path  string
		files int
		fault string
	}{
		{filepath.Join(dir, "mail"), 2, "cur.locked"},
		{link, 2, "cur.locked"}, // a directory behind a link is one that was asked for
		{pipe, 0, "is no file"},
		{"/dev/zero", 0, "is no file"},
		{filepath.Join(dir, "no"), 0, "no such file"},
		{empty, 0, "no file"},
	} {
		var faults []string
		files := List(c.path, func(err error) { faults = append(faults, err.Error()) })
		if asRoot && c.fault == "cur.locked" {
			c.files, c.fault = 3, ""
		}
		if len(files) != c.files || (c.fault == "") != (len(faults) == 0) || len(faults) > 1 || c.fault != "" && !strings.Contains(faults[0], c.fault) {
			t.Errorf("%s: %d files, %q", c.path, len(files), faults)
		}
	}
}

// A line without end is a way to fill the memory, and to hide what follows.
func TestALineWithoutEndHidesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m")
	long := strings.NewReader("From a Mon\nSubject: 1\n\n")
	then := "\n\nFrom b Tue\nSubject: 2\n\nx\n"
	const octets = 600 << 20 // more than one message may have
	var subjects []string
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	offset := int64(0)
	err := File{Path: file}.read(file, io.MultiReader(long, io.LimitReader(zeros{}, octets), strings.NewReader(then)), func(m Message) error {
		line, _, _ := bytes.Cut(m.Content, []byte("\r\n"))
		subjects, offset = append(subjects, string(line)), m.Offset
		return nil
	})
	runtime.ReadMemStats(&after)
	if err != nil || !slices.Equal(subjects, []string{"Subject: 1", "Subject: 2"}) || offset != int64(len("From a Mon\nSubject: 1\n\n"))+octets+2 {
		t.Errorf("%q, %d, %v", subjects, offset, err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d MB for a line", n>>20)
	}
}

// zeros is read as the digit 0 without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestWhatIsNoMailAsTextIsRefusedByName(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"a.msg":     {"\xd0\xcf\x11\xe0\xa1\xb1", "save the message as .eml"},
		"a.mbox.gz": {"\x1f\x8b\x08\x00", "unpack it first"},
		"le.txt":    {"\xff\xfeR\x00e\x00", "save it as UTF-8"},
		"be.txt":    {"\xfe\xff\x00R\x00e", "save it as UTF-8"},
		"bare.txt":  {"R\x00e\x00c\x00", "save it as UTF-8"},
	} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := File{Path: file}.Each(t.Context(), func(Message) error { t.Error("a message"); return nil })
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzEach(f *testing.F) {
	f.Add([]byte("> " + pastedHop))
	f.Add([]byte("From x\n" + pastedHop + "\n\nFrom y\nContent-Type: message/rfc822\n\nSubject: x\n"))
	f.Add([]byte("hello\n\n" + strings.ReplaceAll(pastedHop, "id 1", "id=3D")))
	f.Add([]byte("Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n--b--"))
	f.Fuzz(func(t *testing.T, text []byte) {
		last := int64(-1)
		err := File{}.read("fuzz", bytes.NewReader(text), func(m Message) error {
			if m.Offset > int64(len(text)) || m.Part == 0 && m.Offset <= last {
				t.Errorf("message %d at octet %d behind %d", m.Number, m.Offset, last)
			}
			if m.Part > maxAttached {
				t.Errorf("part %d", m.Part)
			}
			last = m.Offset
			return nil
		})
		_ = err // nothing in it, or too large
	})
}
