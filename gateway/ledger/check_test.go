package ledger

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const (
	block = "Received: from x\r\n\tby y\r\nAuthentication-Results: y; none\r\nX-Mxgate-Verdict: relay\r\nX-Mxgate-Path: via_current\r\n"
	text  = "Subject: a\r\n\r\nbody\r\n"
)

// seed makes books from short forms, so that the table can be read.
type seed struct {
	sent   []Attempt
	copies []Copy
	rows   []Row
	killed bool
}

func (s seed) books() Books {
	return Books{Attempts: s.sent, Copies: s.copies, Rows: s.rows, Killed: s.killed}
}

// sent is an attempt of a message that belongs at the next hop.
func sent(path, answer string) Attempt {
	return Attempt{ReversePath: path, ForwardPaths: []string{"b@b.example"}, Content: []byte(text), Belong: NextHop, Answer: answer}
}

// spoof is one that belongs in quarantine.
func spoof(path, answer string) Attempt {
	a := sent(path, answer)
	a.Belong = Quarantine
	return a
}

// again is a as one of several attempts of a message.
func again(message string, a Attempt) Attempt {
	a.Message = message
	return a
}

// marked is sent with a field that must be stripped.
func marked(path, answer string) Attempt {
	a := sent(path, answer)
	a.Kept, a.Content = a.Content, []byte("X-Mxgate-Why: forged\r\n"+text)
	return a
}

// there is a copy at the next hop, held one in quarantine.
func there(path, content string, to ...string) Copy {
	if to == nil {
		to = []string{"b@b.example"}
	}
	return Copy{Place: NextHop, ReversePath: path, ForwardPaths: to, Content: []byte(content)}
}

func held(path, content string) Copy {
	c := there(path, content)
	c.Place = Quarantine
	return c
}

func row(path, outcome string, code int) Row { return Row{path, outcome, code} }

func TestCheckReportsEachViolation(t *testing.T) {
	const ok, later = "250 2.0.0 OK", "451 4.4.2 later"
	one := func(a Attempt) []Attempt { return []Attempt{a} }
	for _, c := range []struct {
		name string
		seed seed
		want string // "": nothing is wrong
	}{
		{"nothing at all", seed{}, ""},
		{"all is well", seed{sent: []Attempt{sent("c", ok), spoof("s", ok)}, copies: []Copy{there("c", block+text), held("s", text)},
			rows: []Row{row("c", "relayed", 250), row("s", "quarantined", 250)}}, ""},
		{"a stripped field is gone", seed{sent: one(marked("c", ok)), copies: []Copy{there("c", block+text)}}, ""},
		{"unanswered and nowhere", seed{sent: []Attempt{sent("c", ""), spoof("s", "")}, killed: true}, ""},
		{"unanswered and there once", seed{sent: []Attempt{sent("c", ""), spoof("s", "")}, copies: []Copy{there("c", block+text), held("s", text)}, killed: true}, ""},
		{"refused and nowhere", seed{sent: one(sent("c", later)), rows: []Row{row("c", "deferred", 451)}}, ""},
		{"in doubt and there", seed{sent: one(sent("c", later)), copies: []Copy{there("c", block+text)}, rows: []Row{row("c", "uncertain", 451)}}, ""},
		{"a domain in another case", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text, "b@B.example")}}, ""},
		{"accepted, and the client had hung up", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text)}, rows: []Row{row("c", "uncertain", 250)}}, ""},
		{"either place will do", seed{sent: one(Attempt{ReversePath: "c", ForwardPaths: []string{"b@b.example"}, Content: []byte(text), Answer: ok}), copies: []Copy{held("c", text)}}, ""},
		{"doubled, and the journal knows", seed{sent: []Attempt{again("m", sent("c1", later)), again("m", sent("c2", ok))},
			copies: []Copy{there("c1", block+text), there("c2", block+text)}, rows: []Row{row("c1", "uncertain", 451), row("c2", "relayed", 250)}}, ""},
		{"doubled by a kill", seed{sent: []Attempt{again("m", sent("c1", "")), again("m", sent("c2", ok))},
			copies: []Copy{there("c1", block+text), there("c2", block+text)}, rows: []Row{row("c2", "relayed", 250)}, killed: true}, ""},

		{"Q1: a lost message", seed{sent: one(sent("c", ok))}, "answered \"250 2.0.0 OK\" and lost"},
		{"Q1: a lost message that was held", seed{sent: one(spoof("s", ok))}, "and lost"},
		{"Q1: a spoof at the next hop", seed{sent: one(spoof("s", ok)), copies: []Copy{there("s", block+text)}}, "should be in quarantine"},
		{"Q1: a clean message in quarantine", seed{sent: one(sent("c", ok)), copies: []Copy{held("c", text)}}, "should be at the next hop"},
		{"Q1: listed without content", seed{sent: one(spoof("s", ok)), copies: []Copy{{Place: Quarantine, ReversePath: "s", ForwardPaths: []string{"b@b.example"}, Missing: "gone"}}}, "listed without content: gone"},
		{"Q1: at a place nobody knows", seed{sent: one(sent("c", ok)), copies: []Copy{{Place: "spool", ReversePath: "c", ForwardPaths: []string{"b@b.example"}}}}, "at an unknown place"},

		{"Q2: refused for good, yet there", seed{sent: one(sent("c", "550 5.7.1 no")), copies: []Copy{there("c", block+text)}}, "answered \"550 5.7.1 no\", yet at the next hop"},
		{"Q2: refused and held", seed{sent: one(spoof("s", later)), copies: []Copy{held("s", text)}, rows: []Row{row("s", "deferred", 451)}}, "yet in quarantine"},
		{"Q2: deferred by the journal, yet there", seed{sent: one(sent("c", later)), copies: []Copy{there("c", block+text)}, rows: []Row{row("c", "deferred", 451)}}, "yet at the next hop"},
		{"Q2: refused for good, and a kill does not excuse it", seed{sent: one(sent("c", "550 no")), copies: []Copy{there("c", block+text)}, killed: true}, "yet at the next hop"},

		{"Q3: a doubled message", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text), there("c", block+text)}}, "2 copies"},
		{"Q3: a doubled message in quarantine", seed{sent: one(spoof("s", ok)), copies: []Copy{held("s", text), held("s", text)}}, "2 copies"},
		{"Q3: in both places", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text), held("c", text)}}, "2 copies"},
		{"Q3: unanswered and doubled", seed{sent: one(sent("c", "")), copies: []Copy{there("c", block+text), there("c", block+text)}, killed: true}, "2 copies"},
		{"Q3: doubled, and the journal thinks all is well", seed{sent: []Attempt{again("m", sent("c1", "")), again("m", sent("c2", ok))},
			copies: []Copy{there("c1", block+text), there("c2", block+text)}, rows: []Row{row("c1", "relayed", 250), row("c2", "relayed", 250)}}, "m: 2 copies with 0 uncertain"},
		{"Q3: sent again after it was accepted", seed{sent: []Attempt{again("m", sent("c1", ok)), again("m", sent("c2", ok))},
			copies: []Copy{there("c1", block+text), there("c2", block+text)}}, "sent again after it was accepted"},

		{"Q4: an altered octet", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+"Subject: b\r\n\r\nbody\r\n")}}, "altered"},
		{"Q4: an altered octet in quarantine", seed{sent: one(spoof("s", ok)), copies: []Copy{held("s", "Subject: b\r\n\r\nbody\r\n")}}, "altered"},
		{"Q4: an altered octet without an answer", seed{sent: one(sent("c", "")), copies: []Copy{there("c", block+"Subject: b\r\n\r\nbody\r\n")}, killed: true}, "altered"},
		{"Q4: cut short", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text[:len(text)-6])}}, "altered"},
		{"Q4: a stripped field is not held", seed{sent: one(again("", func() Attempt { a := marked("s", ok); a.Belong = Quarantine; return a }())), copies: []Copy{held("s", text)}}, "altered"},
		{"Q4: a forged field came through", seed{sent: one(marked("c", ok)), copies: []Copy{there("c", block+"X-Mxgate-Why: forged\r\n"+text)}}, "our block has the fields"},
		{"Q4: no block", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", text)}}, "our block has the fields []"},
		{"Q4: a second Authentication-Results of ours", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", "Authentication-Results: y; none\r\n"+block+text)}}, "our block has the fields"},
		{"Q4: an octet in the block", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", strings.Replace(block, "from x", "from \x01", 1)+text)}}, "our block has the line"},
		{"Q4: a bare LF in the block", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", strings.Replace(block, "\r\n", "\n", 1)+text)}}, "our block has the line"},
		{"Q4: an empty line in the block", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+"\r\n"+text)}}, "our block has the line"},

		{"Q5: another message's recipient", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text, "z@b.example")}}, "mixed up"},
		{"Q5: a recipient too many", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text, "b@b.example", "z@b.example")}}, "mixed up"},
		{"Q5: a recipient in another case", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text, "B@b.example")}}, "mixed up"},
		{"Q5: no recipient", seed{sent: one(sent("c", ok)), copies: []Copy{{Place: NextHop, ReversePath: "c", Content: []byte(block + text)}}}, "mixed up"},
		{"Q5: a message nobody sent", seed{copies: []Copy{there("z", block+text)}}, "nobody sent it"},
		{"Q5: another sender's content", seed{sent: []Attempt{sent("a", ok), {ReversePath: "b", ForwardPaths: []string{"b@b.example"}, Content: []byte("Subject: other\r\n\r\n"), Answer: ok}},
			copies: []Copy{there("a", block+text), there("b", block+text)}}, "<b>: at the next hop: altered"},

		{"the journal knows nothing of it", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text)}, rows: []Row{}}, "not in the journal"},
		{"a journal that was killed may know nothing", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text)}, rows: []Row{}, killed: true}, ""},
		{"two rows", seed{sent: one(sent("c", ok)), copies: []Copy{there("c", block+text)}, rows: []Row{row("c", "relayed", 250), row("c", "relayed", 250)}}, "2 rows"},
		{"a row with another answer", seed{sent: one(sent("c", later)), rows: []Row{row("c", "refused", 250)}}, "the journal says 250"},
		{"relayed, says the journal", seed{sent: one(sent("c", "")), rows: []Row{row("c", "relayed", 250)}}, "says relayed, and it is not at the next hop"},
		{"quarantined, says the journal", seed{sent: one(spoof("s", "")), rows: []Row{row("s", "quarantined", 250)}}, "says quarantined, and it is not in quarantine"},
		{"aborted, says the journal", seed{sent: one(sent("c", "")), copies: []Copy{there("c", block+text)}, rows: []Row{row("c", "aborted", 0)}}, "says aborted, yet it is at the next hop"},
		{"an attempt written down twice", seed{sent: []Attempt{sent("c", ok), sent("c", ok)}, copies: []Copy{there("c", block+text)}}, "two attempts"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(Check(c.seed.books()), "\n")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("says %q, want %q", got, c.want)
			}
		})
	}
}

// world makes books of a run in which all went well: retries, doubts and all.
func world(dice *rand.Rand) Books {
	b := Books{Rows: []Row{}}
	for m := range 1 + dice.IntN(6) {
		message := fmt.Sprintf("m%d", m)
		for try, over := 0, false; !over; try++ {
			a := sent(fmt.Sprintf("%s.%d@a.example", message, try), "250 2.0.0 OK")
			a.Message = message
			a.Content = fmt.Appendf(nil, "Subject: %d %d\r\n\r\n%d\r\n", m, try, dice.Uint64())
			outcome, code, copied := relayed, 250, true
			content := append([]byte(block), a.Content...)
			if dice.IntN(2) == 0 {
				a.Belong, outcome, content = Quarantine, quarantined, a.Content
			}
			switch dice.IntN(4) {
			case 0:
				a.Answer, outcome, code, copied = "451 4.4.2 later", "deferred", 451, false
			case 1:
				a.Answer, outcome, copied = "", uncertain, dice.IntN(2) == 0
			default:
				over = true
			}
			b.Attempts = append(b.Attempts, a)
			b.Rows = append(b.Rows, row(a.ReversePath, outcome, code))
			if copied {
				b.Copies = append(b.Copies, Copy{Place: a.Belong, ReversePath: a.ReversePath, ForwardPaths: a.ForwardPaths, Content: content})
			}
		}
	}
	return b
}

// Whatever goes wrong in a world where all was well is seen.
func TestCheckSeesAnyOneFaultInARandomWorld(t *testing.T) {
	seed := rand.Uint64()
	dice := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		b := world(dice)
		if got := Check(b); got != nil {
			t.Fatalf("seed %d: a world without fault: %q", seed, got)
		}
		i := dice.IntN(len(b.Copies))
		hit := &b.Copies[i]
		what := dice.IntN(6)
		switch what {
		case 0: // flip a bit of what was sent
			hit.Content = bytes.Clone(hit.Content)
			hit.Content[len(hit.Content)-1-dice.IntN(10)] ^= 1
		case 1: // double
			b.Copies = append(b.Copies, *hit)
		case 2: // misplace
			hit.Place = map[Place]Place{NextHop: Quarantine, Quarantine: NextHop}[hit.Place]
		case 3: // misdirect
			hit.ForwardPaths = append(slices.Clone(hit.ForwardPaths), "other@b.example")
		case 4: // lose one that was accepted
			last := slices.IndexFunc(b.Copies, func(c Copy) bool {
				return slices.ContainsFunc(b.Attempts, func(a Attempt) bool { return a.ReversePath == c.ReversePath && a.Answer != "" })
			})
			b.Copies = slices.Delete(b.Copies, last, last+1)
		case 5: // of another message's
			hit.ReversePath = "nobody@a.example"
		}
		if Check(b) == nil {
			t.Fatalf("seed %d: fault %d in copy %d is not seen: %+v", seed, what, i, b)
		}
	}
}
