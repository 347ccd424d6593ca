package gateway

import (
	"strings"
	"testing"

	"mxgate/gateway/store"
)

// Who looks for a message that never began finds one line of log, and a number.
func TestAMAILThatIsRefusedIsLoggedAndCounted(t *testing.T) {
	log := &lines{}
	g, _ := newSetting(t, setting{script: script{tail: "[limits]\nmessage_octets = 3000000\nmessages_per_sender = 2\n"}, log: log})
	c := g.dial()
	c.must(t, "MAIL FROM:<mary@partner.example> SIZE=62914560", "552 5.3.4")
	for _, want := range []string{"250", "250", "450 4.7.28"} {
		c.must(t, "MAIL FROM:<mad@flood.example>", want)
		c.must(t, "RSET", "250")
	}
	var refused []string
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "mail refused before a transaction began") {
			refused = append(refused, line)
		}
	}
	if len(refused) != 2 {
		t.Fatalf("%d lines: %q", len(refused), refused)
	}
	for i, wants := range [][]string{
		{`"level":"INFO"`, `"reason":"too-large"`, `"client_ip":"127.0.0.1"`, `"source":"the-provider"`, `"reverse_path_domain":"partner.example"`, `"size_octets":62914560`,
			`"reply_code":552`, "the limit is 3000000"},
		{`"reason":"flood"`, `"reverse_path_domain":"flood.example"`, `"reply_code":450`, `"enhanced_code":"4.7.28"`},
	} {
		for _, want := range wants {
			if !strings.Contains(refused[i], want) {
				t.Errorf("no %s in %s", want, refused[i])
			}
		}
	}
	if strings.Contains(log.String(), "mary@") {
		t.Error("a local part is in the log")
	}
	got := gathered(t, g.server.metrics)
	if got["mail_refused_total{reason=too-large}"] != 1 || got["mail_refused_total{reason=flood}"] != 1 {
		t.Errorf("counted %v", got)
	}
}

func TestTheJournalSaysHowMuchCameOfAMessageThatWasTooLarge(t *testing.T) {
	g := newStage(t, script{tail: "[limits]\nmessage_octets = 1000000\n"})
	content := cleanMail() + strings.Repeat("0123456789\r\n", 100_000)
	e := g.entry(g.deliver(partner, []string{bob}, content))
	if e.Outcome != store.Refused || e.ReplyCode != 552 || e.Size != int64(len(content)) {
		t.Errorf("%s, %d, %d octets; %d came", e.Outcome, e.ReplyCode, e.Size, len(content))
	}
	if want := "the message is over the size limit: it has "; !strings.HasPrefix(e.Sentence, want) || !strings.Contains(e.Sentence, "the limit is 1000000 (limits.message_octets,") {
		t.Errorf("the sentence %q", e.Sentence)
	}
}
