package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mxgate/cmd/mxgate/internal/trace"
)

const traceConfig = `[[domain]]
name = "example.com"
[[source]]
name = "left"
provider = "hornetsecurity"
ranges = ["203.0.113.0/26"]
valid_until = 2025-12-31
[[source]]
name = "now"
provider = "mimecast"
ranges = ["192.0.2.0/26"]
`

// cameFrom is a message that came to our border from peer.
func cameFrom(peer string, n int) string {
	return fmt.Sprintf("Received: from <b>x (unknown [%s])\r\n\tby mx.example.com (Postfix) with ESMTPS id 4AbCdE%03d\r\n\tfor <bob@example.com>; Mon, 2 Nov 2026 09:00:00 +0000\r\n"+
		"From: \"<script>\" <a@sender.example>\r\nMessage-ID: <%d@sender.example>\r\n\r\nhello\r\n", peer, n, n)
}

// traceFiles writes a configuration and files with one message from each peer.
func traceFiles(t *testing.T, peers ...string) (config string, files []string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for i, peer := range peers {
		files = append(files, write(fmt.Sprintf("%02d.eml", i), cameFrom(peer, i)))
	}
	return write("t.toml", traceConfig), files
}

func TestTraceExitCodesTellWhatWasFound(t *testing.T) {
	for _, c := range []struct {
		peer    string
		code    int
		verdict string
	}{
		{"192.0.2.9", exitFine, "VERDICT via_current"}, {"203.0.113.9", exitFindings, "VERDICT via_old"},
		{"203.0.113.140", exitFindings, "VERDICT direct"}, {"10.0.0.1", exitFine, "VERDICT internal"},
	} {
		config, files := traceFiles(t, c.peer)
		code, out, errOut := mx(t, "trace", "-config", config, files[0])
		if code != c.code || errOut != "" {
			t.Errorf("%s: %d, %q", c.peer, code, errOut)
		}
		wantIn(t, out, c.verdict)
	}
	config, files := traceFiles(t, "203.0.113.140")
	code, out, errOut := mx(t, "trace", "-config", config, filepath.Join(t.TempDir(), "no.eml"), files[0])
	if code != exitFindings || !strings.HasSuffix(errOut, "no.eml: no such file or directory\n") || strings.Contains(errOut, "stat ") {
		t.Errorf("a file that is not there: %d, %q", code, errOut)
	}
	wantIn(t, out, "VERDICT direct") // the others are traced all the same
	config, files = traceFiles(t, "192.0.2.9")
	if code, _, _ := mx(t, "trace", "-config", config, filepath.Join(t.TempDir(), "no.eml"), files[0]); code != exitCouldNot {
		t.Errorf("a file that is not there, and nothing found: %d", code)
	}
}

func TestTraceMisused(t *testing.T) {
	config, files := traceFiles(t, "192.0.2.9")
	for _, args := range [][]string{{"trace"}, {"trace", files[0]}, {"trace", "-config", config}} {
		if code, out, errOut := mx(t, args...); code != exitUsage || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%q: %d, %q, %q", args, code, out, errOut)
		}
	}
	if code, out, _ := mx(t, "trace", "-h"); code != exitFine || !strings.Contains(out, "[[source]]") {
		t.Errorf("help shows no configuration: %d, %q", code, out)
	}
	bad := filepath.Join(t.TempDir(), "bad.toml")
	if err := os.WriteFile(bad, []byte("domains = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errOut := mx(t, "trace", "-config", bad, files[0]); code != exitCouldNot || !strings.Contains(errOut, bad+":1: domains: unknown key") {
		t.Errorf("%d, %q", code, errOut)
	}
	if code, _, errOut := mx(t, "trace", "-config", config, "-log", "no.log", files[0]); code != exitCouldNot || !strings.Contains(errOut, "no.log") {
		t.Errorf("%d, %q", code, errOut)
	}
}

// A long archive tells of what was found, and of all with -all.
func TestTraceTellsOfFindingsOnlyWhenThereAreMany(t *testing.T) {
	peers := []string{"203.0.113.140"}
	for range shownWhole {
		peers = append(peers, "192.0.2.9")
	}
	config, files := traceFiles(t, append(peers, "203.0.113.9")...)
	for flag, want := range map[string]int{"-report=false": 2, "-all": len(files), "-report": 0} {
		code, out, _ := mx(t, append([]string{"trace", "-config", config, flag}, files...)...)
		if n := strings.Count(out, "VERDICT"); code != exitFindings || n != want {
			t.Errorf("%s: %d, told of %d, want %d", flag, code, n, want)
		}
		wantIn(t, out, "22 messages, 2026-11-02", `still accepted from "left"`, "what to do", "203.0.113.140")
	}
	// Fewer are all told of.
	code, out, _ := mx(t, append([]string{"trace", "-config", config}, files[:3]...)...)
	if n := strings.Count(out, "VERDICT"); code != exitFindings || n != 3 {
		t.Errorf("%d, told of %d of 3", code, n)
	}
}

func TestTraceJSONIsALineForEachAndTheReport(t *testing.T) {
	config, files := traceFiles(t, "203.0.113.140", "192.0.2.9")
	code, out, _ := mx(t, append([]string{"trace", "-json", "-pseudonyms", "-config", config}, files...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitFindings || len(lines) != 3 {
		t.Fatalf("%d\n%s", code, out)
	}
	var first struct {
		Verdict, From string
		Confidence    int
		Hops          []struct{ IP string }
		Peer          struct{ IP string }
	}
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.Verdict != "direct" || first.Peer.IP != "203.0.113.140" || len(first.Hops) != 1 || strings.HasPrefix(first.From, "a@") {
		t.Errorf("%+v, %v", first, err)
	}
	var last struct {
		Report struct{ Messages int }
	}
	if err := json.Unmarshal([]byte(lines[2]), &last); err != nil || last.Report.Messages != 2 {
		t.Errorf("%+v, %v", last, err)
	}
}

// What could not be read is named and counted, and does not hide what was found.
func TestTraceCountsWhatItCouldNotRead(t *testing.T) {
	config, files := traceFiles(t, "203.0.113.140", "192.0.2.9")
	dir := t.TempDir()
	for name, text := range map[string]string{"\x1b[2Jempty.eml": "", "old.msg": "\xd0\xcf\x11\xe0", "mail.gz": "\x1f\x8b\x08\x00"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, out, errOut := mx(t, append([]string{"trace", "-config", config, dir, "/dev/zero"}, files...)...)
	if code != exitFindings || strings.Count(errOut, "\n") != 4 || strings.Contains(errOut, "\x1b") {
		t.Errorf("%d, %q", code, errOut)
	}
	wantIn(t, errOut, "empty.eml", "old.msg", "mail.gz", "/dev/zero")
	wantIn(t, out, "2 messages, 2026-11-02 to 2026-11-02; 4 more could not be read", "VERDICT direct")
	_, out, _ = mx(t, append([]string{"trace", "-json", "-report", "-config", config, dir, "/dev/zero"}, files...)...)
	wantIn(t, out, `"unreadable":4`)
}

// An archive is not to be written over, nor read for hours in vain.
func TestTraceLooksAtThePageFirst(t *testing.T) {
	config, files := traceFiles(t, "203.0.113.140")
	link := filepath.Join(t.TempDir(), "link.html")
	if err := os.Symlink(files[0], link); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{files[0], link, filepath.Join(files[0], "x"), filepath.Join(t.TempDir(), "no", "p.html")} {
		code, out, errOut := mx(t, "trace", "-config", config, "-html", page, files[0])
		if code != exitCouldNot || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: %d, %q, %q", page, code, out, errOut)
		}
	}
	text, err := os.ReadFile(files[0])
	if err != nil || string(text) != cameFrom("203.0.113.140", 0) {
		t.Errorf("%q, %v", text, err)
	}
	page := filepath.Join(t.TempDir(), "p.html")
	if err := os.WriteFile(page, []byte(trace.PageBegin+strings.Repeat("what was there before ", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	mx(t, "trace", "-config", config, "-html", page, files[0])
	if text, err := os.ReadFile(page); err != nil || !strings.HasPrefix(string(text), trace.PageBegin) || strings.Contains(string(text), "there before") {
		t.Errorf("%.100q, %v", text, err)
	}
}

// Who forgets the name of the page, or keeps it among the mail, loses nothing.
func TestTraceWritesOverNothingButAPage(t *testing.T) {
	config, files := traceFiles(t, "203.0.113.140", "192.0.2.9")
	other := filepath.Join(filepath.Dir(config), "letter.html") // mail, or anybody's page
	if err := os.WriteFile(other, []byte("<!DOCTYPE html>\n<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{files[0], other} {
		before, _ := os.ReadFile(page)
		for _, read := range []string{files[1], filepath.Dir(config)} {
			code, out, errOut := mx(t, "trace", "-config", config, "-html", page, read)
			if after, err := os.ReadFile(page); err != nil || string(after) != string(before) || code != exitCouldNot || out != "" || !strings.Contains(errOut, "expected a file that is not there yet") {
				t.Errorf("%s: %d, %q, %.40q, %v", page, code, errOut, after, err)
			}
		}
	}
	dir, page := filepath.Dir(files[1]), filepath.Join(filepath.Dir(files[1]), "report.html")
	for _, name := range []string{config, other, files[0]} {
		if err := os.Rename(name, filepath.Join(t.TempDir(), "away.toml")); err != nil {
			t.Fatal(err)
		}
	}
	config, _ = traceFiles(t)
	for range 2 { // not there, and there
		code, out, errOut := mx(t, "trace", "-config", config, "-html", page, dir)
		if code != exitFine || errOut != "" || !strings.Contains(out, "VERDICT via_current") {
			t.Errorf("%d, %q\n%s", code, errOut, out)
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "</html>") {
		t.Errorf("%.40q, %v", text, err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// Where nothing more can be written nothing more is read.
func TestTraceStopsWhenItsOutputIsLost(t *testing.T) {
	config, files := traceFiles(t, "203.0.113.140", "203.0.113.141", "203.0.113.142")
	for _, flag := range []string{"-json", "-all"} {
		var errOut strings.Builder
		code := run(t.Context(), append([]string{"trace", flag, "-config", config}, files...), full{}, &errOut)
		if code != exitCouldNot || strings.Count(errOut.String(), "\n") != 1 {
			t.Errorf("%s: %d, %q", flag, code, errOut.String())
		}
	}
}

// The page is opened by people who look at attackers' texts.
func TestTracePageLoadsNothingAndRunsNothing(t *testing.T) {
	config, files := traceFiles(t, "203.0.113.140", "203.0.113.9", "192.0.2.9")
	page := filepath.Join(t.TempDir(), "p.html")
	if code, _, errOut := mx(t, append([]string{"trace", "-html", page, "-config", config}, files...)...); code != exitFindings || errOut != "" {
		t.Fatalf("%d, %q", code, errOut)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	wantIn(t, string(text), "default-src 'none'", "<svg", "203.0.113.140", "2026-11", `still`, "badge b-direct", "&lt;b&gt;x")
	if found := regexp.MustCompile(`(?i)<script|<img|<iframe|<link|\ssrc=|\shref=|url\(|@import|https?://|\son[a-z]+=|ZgotmplZ|<b>x`).FindString(string(text)); found != "" {
		t.Errorf("has %q", found)
	}
	// Where the page cannot be written, that is said.
	if code, _, errOut := mx(t, append([]string{"trace", "-html", filepath.Join(page, "x"), "-config", config}, files...)...); code != exitCouldNot || errOut == "" {
		t.Errorf("%d, %q", code, errOut)
	}
}
