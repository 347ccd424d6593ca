//go:build interop

package gateway_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/smtptest"
	"mxgate/policy/corpustest"
)

// toSmuggle are the sequences of the public tools, if they are there, and all of
// up to four CRLF and dots: those we let through, and a server must not split.
func toSmuggle(t *testing.T) []string {
	t.Helper()
	last, all := []string{""}, []string(nil)
	for range 4 {
		var longer []string
		for _, begun := range last {
			longer = append(longer, begun+".", begun+"\r\n")
		}
		all, last = append(all, longer...), longer
	}
	path, ok := corpustest.Find(t, "smtp/smuggling-sequences.json")
	if !ok {
		t.Log("shared corpora not found; set MXGATE_CORPORA. Only sequences of our own")
		return all
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct {
		Sequences []struct {
			Hex string `json:"bytes_hex"`
		}
	}
	if err := json.Unmarshal(data, &corpus); err != nil || len(corpus.Sequences) < 12 {
		t.Fatalf("%d sequences in the corpus, %v", len(corpus.Sequences), err)
	}
	for _, c := range corpus.Sequences {
		raw, err := hex.DecodeString(c.Hex)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(raw))
	}
	return all
}

// A Postfix as next hop gets each message once as it was framed, or not at all,
// and never what is hidden behind it.
func TestInteropSmugglingToPostfix(t *testing.T) {
	needServers(t)
	maildir := workDir(t)
	if err := os.Chown(maildir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	nextHop := startPostfix(t, storeHost, fmt.Sprintf(mailbox, maildir))
	gate := startGate(t, nextHop.addr, startUnbound(t), "")
	const head = "From: Carol <carol@sender.test>\r\nSubject: odd\r\n\r\nbefore"
	want, refused := map[string]string{}, 0
	for i, sequence := range toSmuggle(t) {
		for _, pipelined := range []bool{false, true} {
			id := fmt.Sprintf("first-%d-%t", i, pipelined)
			l := smtptest.Letter{ReversePath: "carol@sender.test", ForwardPaths: []string{"bob+" + id + "@example.com"}}
			turns := l.Turns(pipelined)
			content := head + sequence + "MAIL FROM:<x@bulk.example>\r\nRCPT TO:<bob+hidden-" + id + "@example.com>\r\nDATA\r\nSubject: hidden\r\n\r\n"
			turns[len(turns)-2].Say = content + "\r\n.\r\n"
			heard, err := smtptest.Play(t.Context(), gate.addr, turns, smtptest.Cut{})
			if err != nil {
				t.Fatal(err)
			}
			framed, _, _ := strings.Cut(content+"\r\n.\r\n", "\r\n.\r\n")
			reply := "250 2.0.0"
			if strings.ContainsAny(strings.ReplaceAll(framed, "\r\n", ""), "\r\n\x00") {
				reply = "554 5.5.2"
				refused++
			} else {
				framed = strings.ReplaceAll("\r\n"+framed+"\r\n", "\r\n.", "\r\n")
				want[id] = strings.ReplaceAll(framed[len("\r\n"):], "\r\n", "\n")
			}
			if !strings.HasPrefix(heard.Content, reply) {
				t.Errorf("%q: answered %q, want %q", sequence, heard.Content, reply)
			}
		}
	}
	nextHop.drained(time.Minute)
	delivered := readMaildir(t, filepath.Join(maildir, "bob", "new"))
	for id, copies := range delivered {
		if content, ok := want[id]; !ok || len(copies) != 1 || !strings.HasSuffix(string(copies[0]), content) {
			t.Errorf("%s was delivered %d times: %q, want %q", id, len(copies), copies[0], content)
		}
	}
	if len(delivered) != len(want) {
		t.Errorf("%d messages are delivered, want %d", len(delivered), len(want))
	}
	gate.stop()
	t.Logf("%d delivered as they were framed, %d refused", len(want), refused)
}
