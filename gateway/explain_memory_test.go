package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"mxgate/gateway/memory"
	"mxgate/gateway/store"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// explains judges l as a stored message, with the memory as it is.
func (g *stage) explains(l letter, rcpt ...mail.Address) Explained {
	g.t.Helper()
	from, err := mail.ParseMailbox(l.from)
	if err != nil {
		g.t.Fatal(err)
	}
	x, err := NewExplainer(Question{Config: g.cfg, Memory: true, MailSet: true, Mail: from, Rcpt: rcpt, OnError: func(err error) { g.t.Error(err) }})
	if err != nil {
		g.t.Fatal(err)
	}
	r, err := x.Explain(g.t.Context(), "x.eml", 1, []byte(l.content()))
	if err != nil {
		g.t.Fatal(err)
	}
	if r.Memory == nil || r.Memory.Since.IsZero() || !r.Memory.Since.Equal(r.Evidence.Thread.MemorySince) {
		g.t.Errorf("%s: the memory asked: %+v", l.id, r.Memory)
	}
	return r
}

// wantAsLive fails unless an explanation says of the conversation what the gateway
// said when the message came.
func (g *stage) wantAsLive(r Explained, live store.Entry) {
	g.t.Helper()
	var e policy.Evidence
	if err := json.Unmarshal(live.Evidence, &e); err != nil {
		g.t.Fatal(err)
	}
	v := policy.Decide(g.rules(), &e)
	if string(r.Reason) != live.Reason || r.Sentence != live.Sentence || r.Disposition.String() != live.Disposition || len(r.Findings) != len(v.Findings) {
		g.t.Errorf("explained as %s, %s: %s; live %s, %s: %s", r.Disposition, r.Reason, r.Sentence, live.Disposition, live.Reason, live.Sentence)
	}
	points := func(s *policy.Score) any {
		if s == nil {
			return nil
		}
		return []any{s.Total, s.Lines, s.Target}
	}
	if got, want := points(r.Verdict.Score), points(v.Score); !reflect.DeepEqual(got, want) {
		g.t.Errorf("points %v; live %v", got, want)
	}
	got, err := json.Marshal(r.Evidence.Thread)
	want, err2 := json.Marshal(e.Thread)
	if err != nil || err2 != nil || !bytes.Equal(got, want) {
		g.t.Errorf("evidence\n%s\nlive\n%s, %v, %v", got, want, err, err2)
	}
}

// thefts are judged by the memory.
func thefts() []letter {
	paid := withQuote
	paid.id, paid.body = "p@1indqvist.example", paying+"\r\n\r\n"+gretasOwn
	return []letter{withIDs, withQuote, paid, withHelper}
}

func TestAStoredTheftIsExplainedAsItWasJudgedBesideTheGatewayAndWithoutOne(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	g.remembers()
	var beside []Explained
	for _, l := range thefts() { // before they come: to be relayed teaches
		beside = append(beside, g.explains(l))
	}
	var live []store.Entry
	for i, l := range thefts()[:3] {
		live = append(live, g.post(l))
		g.wantAsLive(beside[i], live[i])
	}
	if live[0].Reason != string(policy.StolenThread) || live[2].Outcome != store.Quarantined {
		t.Errorf("%s, %s", live[0].Reason, live[2].Outcome)
	}
	if before, r := g.remembers(), beside[0]; before.Learned != 3 || r.Memory.Recipients != RecipientsHeader || !reflect.DeepEqual(r.Evidence.ForwardPaths, []string{bob}) || r.Memory.Taught {
		t.Errorf("%+v; asked for %v, %+v", before, r.Evidence.ForwardPaths, r.Memory)
	}
	g.wantAsLive(beside[3], g.post(withHelper))
	g.remembers()
	if r := g.explains(withHelper); !r.Memory.Taught {
		t.Errorf("it was relayed: %+v", r.Memory)
	}
	g.end()
	dir := filepath.Join(g.cfg.DataDir, memoryDir)
	still := contents(t, dir)
	for i, l := range thefts()[:3] {
		r := g.explains(l, mail.Address{Local: "bob", Domain: "example.com"})
		if r.Reason != policy.Reason(live[i].Reason) || r.Memory.Recipients != RecipientsGiven {
			t.Errorf("without a gateway: %s, %+v", r.Reason, r.Memory)
		}
	}
	if !reflect.DeepEqual(contents(t, dir), still) {
		t.Error("the files of the memory are others")
	}
}

// contents are the files of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(content)
	}
	return all
}

// What an administrator says after a message was held is what he wants to try.
func TestADecisionMadeSinceIsInForceInAnExplanation(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	g.wantHeld(g.post(withIDs), policy.StolenThread)
	d := policy.Decision{Sender: "1indqvist.example", Target: "lindqvist.example", Allow: true, Who: "erika", At: c.now()}
	if err := g.server.memory.Allow(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if r := g.explains(withIDs); r.Disposition != policy.Relay || len(r.Evidence.Thread.Decisions) != 1 {
		t.Errorf("%s, %s: %s", r.Disposition, r.Reason, r.Sentence)
	}
}

func TestAMailToNobodyOfOursIsExplainedForNoRecipient(t *testing.T) {
	c := newCalendar()
	g := newStage(t, script{}, c.plant)
	g.conversation(c)
	l := withIDs
	l.to = "undisclosed-recipients:;"
	if r := g.explains(l); r.Memory.Recipients != RecipientsNone || len(r.Evidence.ForwardPaths) != 0 || r.Reason != policy.StolenThread {
		t.Errorf("%+v, %v, %s", r.Memory, r.Evidence.ForwardPaths, r.Reason)
	}
	l.to = "Bob <bob@example.com>, x@other.example, BOB@sub.example.com, bob@example.com"
	l.fields = []string{"Cc: bob@example.com"}
	if r := g.explains(l); !reflect.DeepEqual(r.Evidence.ForwardPaths, []string{bob, "BOB@sub.example.com"}) {
		t.Errorf("%v", r.Evidence.ForwardPaths)
	}
}

func TestAnExplanationWithoutTheMemoryAskedForIsAnError(t *testing.T) {
	g := newStage(t, script{tail: "[memory]\nenabled = false\n"})
	_, err := NewExplainer(Question{Config: g.cfg, Memory: true})
	if err == nil || !strings.Contains(err.Error(), "stage.toml: memory.enabled = false") {
		t.Error(err)
	}
	g.cfg.Memory.Enabled = true
	if _, err = NewExplainer(Question{Config: g.cfg, Memory: true}); !errors.Is(err, memory.ErrNone) || !strings.Contains(err.Error(), "stage.toml: data_dir = ") {
		t.Error(err)
	}
}
