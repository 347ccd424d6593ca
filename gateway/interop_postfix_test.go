//go:build interop

package gateway_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mxgate/gateway/store"
)

// mailbox settings make a Postfix keep the mail of bob@example.com in a Maildir;
// every other user is unknown to it.
const mailbox = `
recipient_delimiter = +
virtual_mailbox_domains = example.com
virtual_mailbox_maps = inline:{ { bob@example.com = bob/ } }
virtual_mailbox_base = %s
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
smtpd_tls_security_level = none
`

func TestInteropFromPostfixOverTLSToPostfix(t *testing.T) {
	needServers(t)
	letters := someLetters(t)
	maildir := workDir(t)
	if err := os.Chown(maildir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	resolver := startUnbound(t)
	nextHop := startPostfix(t, storeHost, fmt.Sprintf(mailbox, maildir))
	pem := selfSigned(t, t.TempDir(), gateHost)
	gate := startGate(t, nextHop.addr, resolver, fmt.Sprintf("[tls]\ncert_file = %q\nkey_file = %q\nrequire = true\n", pem, pem))
	provider := startPostfix(t, providerHost, "relay_domains = example.com\nrelay_transport = smtp:["+strings.Replace(gate.addr, ":", "]:", 1)+
		"\nsmtpd_authorized_xclient_hosts = static:all\nsmtp_tls_security_level = encrypt")

	post(t, provider.addr, letters)
	provider.drained(2 * time.Minute)
	nextHop.drained(time.Minute)
	journal := journalOf(t, gate, len(letters))
	mailDir := filepath.Join(maildir, "bob", "new")
	delivered := readMaildir(t, mailDir)
	relayed := 0
	var held []letter
	for _, l := range letters {
		e, copies := journal[l.id], delivered[l.id]
		switch {
		case l.id == "nobody-0001":
			if len(copies) > 0 || !strings.Contains(provider.log(), "said: 550 5.1.1 <nobody+nobody-0001@example.com>") {
				t.Errorf("the next hop's refusal of an unknown user did not reach the provider; delivered %d times", len(copies))
			}
		case e.Outcome == store.Quarantined && len(copies) == 0:
			held = append(held, l)
			if out, err := exec.CommandContext(t.Context(), gate.binary, "quarantine", "release", "-config", gate.config, e.ID).CombinedOutput(); err != nil {
				t.Errorf("%s: quarantine release: %v\n%s", l.id, err, out)
			}
		case e.Outcome == store.Relayed && len(copies) == 1:
			relayed++
			checkDelivered(t, l, copies[0], "received", "authentication-results", "x-mxgate-verdict", "x-mxgate-path", "x-mxgate-why")
		default:
			t.Errorf("%s (%s): the journal says %q, and it was delivered %d times", l.id, l.name, e.Outcome, len(copies))
		}
	}
	nextHop.drained(time.Minute)
	delivered = readMaildir(t, mailDir)
	for _, l := range held {
		if n := len(delivered[l.id]); n != 1 {
			t.Errorf("%s (%s): released, but delivered %d times", l.id, l.name, n)
			continue
		}
		checkDelivered(t, l, delivered[l.id][0], "x-mxgate-released", "received")
	}
	gate.stop()
	t.Logf("%d letters: %d relayed over TLS to a second Postfix, %d held and released to it, one refused", len(letters), relayed, len(held))
	if len(held) == 0 {
		t.Error("nothing was held: the release was not tried")
	}
}

// journalOf reads the journal of a running gateway by letter, once it has n rows.
func journalOf(t *testing.T, g *gate, n int) map[string]store.Entry {
	t.Helper()
	st, err := store.Open(g.dataDir)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	journal := map[string]store.Entry{}
	poll(t, "the journal is written", 10*time.Second, func() bool {
		entries, err := st.Entries(t.Context(), store.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if len(e.ForwardPaths) == 1 { // none if the recipient was refused
				_, id, _ := strings.Cut(e.ForwardPaths[0].Local, "+")
				journal[id] = e
			}
		}
		return len(entries) == n
	})
	return journal
}

// someLetters are 25 ham and 25 phish, or random ones without the corpora, and
// some that must be held or refused.
func someLetters(t *testing.T) []letter {
	ham, phish := readCorpus(t, "ham"), readCorpus(t, "phish")
	var letters []letter
	for i := 0; i < 25 && i < len(ham) && i < len(phish); i++ {
		letters = append(letters, ham[i*len(ham)/25], phish[i*len(phish)/25])
	}
	if letters == nil {
		t.Log("shared corpora not found; set MXGATE_CORPORA. Random letters instead")
		letters = randomLetters(50)
	}
	return append(letters, slices.DeleteFunc(oddLetters(), func(l letter) bool {
		return strings.HasPrefix(l.want, "refused 554")
	})...)
}

// readMaildir returns the delivered messages by letter.
func readMaildir(t *testing.T, dir string) map[string][][]byte {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		_, id, _ := strings.Cut(string(text), "\nX-Original-To: bob+")
		id, _, _ = strings.Cut(id, "@")
		all[id] = append(all[id], text)
	}
	return all
}

// checkDelivered compares what lies in the mailbox, whose lines end in LF, with
// the letter as it was posted: before it stand the fields of the mailbox, the
// next hop, the gateway (ours) and the provider, and nothing else.
func checkDelivered(t *testing.T, l letter, got []byte, ours ...string) {
	t.Helper()
	posted := bytes.ReplaceAll(withoutOurs(l.content), []byte("\r\n"), []byte("\n"))
	block, ok := bytes.CutSuffix(got, posted)
	if !ok {
		t.Errorf("%s (%s): delivered octets do not end with those posted: %s", l.id, l.name, difference(got[max(0, len(got)-len(posted)):], posted))
		return
	}
	var names []string
	for len(block) > 0 {
		var f []byte
		f, block = nextField(block)
		if name := fieldName(f); name != "x-mxgate-score" { // only where points were counted
			names = append(names, name)
		}
	}
	want := append([]string{"return-path", "x-original-to", "delivered-to", "received"}, ours...)
	want = append(want, "received")
	if !slices.Equal(names, want) {
		t.Errorf("%s (%s): fields before the letter are %q instead of %q", l.id, l.name, names, want)
	}
	if !bytes.Contains(got, []byte("\tby "+gateHost+" (mxgate) with ESMTPS")) {
		t.Errorf("%s (%s): our Received field does not say that it came over TLS", l.id, l.name)
	}
}
