package authres

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	msgauth "github.com/emersion/go-msgauth/authres"

	"mxgate/policy/corpustest"
)

const ours = "gate.example.com"

func TestClaims(t *testing.T) {
	for _, value := range []string{
		"gate.example.com; none",
		"gate.example.com",
		"gate.example.com;",
		"gate.example.com 1; spf=pass",
		"gate.example.com 99 ; spf=pass",
		"gate.example.com/1; spf=pass",
		"GATE.Example.COM; spf=pass",
		"gate.example.com.; spf=pass",
		"gate.example.com spf=pass",
		`"gate.example.com"; spf=pass`,
		`"gate.example.com" 1; spf=pass`,
		`"gate\.example.com"; spf=pass`,
		`"gate.example.com; spf=pass`,
		`gate.example.com"; spf=pass`,
		`ga"te.exam"ple.com; spf=pass`,
		"(comment) gate.example.com; spf=pass",
		"(a (nested) comment) gate.example.com (another) 1 (third); spf=pass",
		"(with ; semicolon) gate.example.com; spf=pass",
		`(with \) escape) gate.example.com; spf=pass`,
		"gate(c).example(d).com; spf=pass",
		"gate.example.com(c)1; spf=pass",
		"ga(c)te.example.com; spf=pass",
		`"gate(c).example.com; spf=pass`,
		`(with " quote) gate.example.com; spf=pass`,
		`"(" gate.example.com ")"; spf=pass`,
		"(not closed gate.example.com; spf=pass",
		"(gate.example.com; spf=pass",
		") gate.example.com; spf=pass",
		")( gate.example.com; spf=pass",
		" \t gate.example.com; spf=pass",
		"\x00gate.example.com; spf=pass",
		"gate\x00.example.com; spf=pass",
		"gate.example\x7f.com\x01; spf=pass",
		"gate.example.com\x00; spf=pass",
		"\u00a0gate.example.com; spf=pass",
		"\r\n gate.example.com; spf=pass",
		"gate.\r\n example.com; spf=pass",
		"gate . example . com; spf=pass",
		"; gate.example.com; spf=pass",
		"= gate.example.com; spf=pass",
		"<gate.example.com>; spf=pass",
		"junk gate.example.com; spf=pass",
		"=?utf-8?q?gate.example.com?=; spf=pass",
		"=?utf-8?b?Z2F0ZS5leGFtcGxlLmNvbQ==?=; spf=pass",
		"=?windows-1252?q?gate.example.com?=; dmarc=pass",
		"=?x-nothing?q?gate.example.com?=; dmarc=pass",
		"=??b?Z2F0ZS5leGFtcGxlLmNvbQ==?=; dmarc=pass",
		"=?utf-8?q?gate.example.com?=; =?x-nothing?q?z?=",
		"=?utf-8?q?gate.exam?= =?x-nothing?q?ple.com?=; dmarc=pass",
		"=?utf-8?b?Z2F0ZS5leGFtcGxlLmNvbQ?=; dmarc=pass",
		"=?utf-8?q?gate.example.com=?=; dmarc=pass",
		"=?utf-7?q?gate+AC4-example+AC4-com?=; dmarc=pass",
		"=?utf-16le?b?ZwBhAHQAZQAuAGUAeABhAG0AcABsAGUALgBjAG8AbQA=?=; dmarc=pass",
		"=?utf-8?q?gate.exam=E2=80=8Bple.com?=; dmarc=pass",
		"gate.exam\u200bple.com; dmarc=pass",
		"gate.exam\u2060ple.com; dmarc=pass",
		"gate.exam\u00adple.com; dmarc=pass",
		"gate.exam\ufeffple.com; dmarc=pass",
		"\u202agate.example.com\u202c; dmarc=pass",
		"gate.exam\u034fple.com; dmarc=pass",
		"gate.exam\u3164ple.com; dmarc=pass",
		"gate.exam\ufe0fple.com; dmarc=pass",
		"gate.exam\xadple.com; dmarc=pass",
		"\u2003gate.example.com\u2003; dmarc=pass",
		"gate.example\u2003. com; dmarc=pass",
		"mx.example.net; spf=pass; gate.example.com; dkim=pass",
		// Readers without comments in comments, or without comments.
		"(a (b) gate.example.com; dmarc=pass (c) d) mx.example.net; none",
		`("(" (b) gate.example.com; dmarc=pass (c) ")") mx.example.net; none`,
		"(gate.example.com; dmarc=pass) mx.example.net; none",
		"( gate.example.com 1; dmarc=pass) mx.example.net; none",
		// Readers that end a token at a character that no token has.
		"gate.example.com=1; dmarc=pass",
		"gate.example.com,x; dmarc=pass",
		"gate.example.com:25; dmarc=pass",
		"gate.example.com@x; dmarc=pass",
		"gate.example.com[1]; dmarc=pass",
		"gate.example.com?; dmarc=pass",
		"<gate.example.com>x; dmarc=pass",
		// Folded, and with stray line ends, which some drop and others take for space.
		"\r\n\tgate.example.com\r\n\t1;\r\n\tdmarc=pass",
		"gate.example.com\n 1; dmarc=pass",
		"gate.example.com\r1; dmarc=pass",
		"ga\rte.example.com; dmarc=pass",
		"ga\nte.example.com; dmarc=pass",
		"ga\v\fte.example.com; dmarc=pass",
		"gate.example.com\v1; dmarc=pass",
		"gate.example.com\x001; dmarc=pass",
		"gate.example.com\xff1; dmarc=pass",
		"gate.example.com\u200b1; dmarc=pass",
		"ga\u00a0te.example.com; dmarc=pass",
		"gate.ex\u2122ample.com; dmarc=pass",
		"ｇate.example.com; spf=pass",
		"gate。example。com; spf=pass",
	} {
		if !Claims(value, "other.example.com", ours) {
			t.Errorf("Claims(%q) = false", value)
		}
	}
	for _, value := range []string{
		"",
		"; none",
		"mx.example.net; none",
		"mx.example.net; spf=pass smtp.mailfrom=gate.example.com",
		"mx.example.net; spf=pass smtp.helo=gate.example.com; dkim=pass header.d=gate.example.com",
		"mx.example.net (gate.example.com); spf=pass",
		"mx.example.net (relay for (gate.example.com)); spf=pass (gate.example.com: fine)",
		`mx.example.net; spf=pass reason="gate.example.com says so"`,
		"spf=pass (sender IP is 192.0.2.7) smtp.mailfrom=gate.example.com; dkim=none header.d=none;dmarc=none action=none header.from=gate.example.com;",
		"spf=pass (domain of gate.example.com designates 192.0.2.7) smtp.helo=gate.example.com; gate=none",
		"mx.example.net; dkim=pass header.i=@gate.example.com",
		"gate.example.com.evil.example; spf=pass",
		"gate.example.comx; spf=pass",
		"xgate.example.com; spf=pass",
		"example.com; spf=pass",
	} {
		if Claims(value, "other.example.com", ours) {
			t.Errorf("Claims(%q) = true", value)
		}
	}
	if Claims("gate.example.com; none") || Claims("; none", "") {
		t.Error("without an authserv-id nothing is ours")
	}
	if !Claims("gäte.example.com; none", "xn--gte-qla.example.com") || !Claims("xn--gte-qla.example.com; none", "gäte.example.com") {
		t.Error("U-labels and A-labels of our authserv-id differ")
	}
	if !Claims("g\u00e4\u200bte.example.com\x00; none", "xn--gte-qla.example.com") {
		t.Error("an invisible character hides a U-label of our authserv-id")
	}
}

func TestClaimsIsLinear(t *testing.T) {
	for _, unit := range []string{"(", ")", "()", `"`, `\`, ";", " a", "=?", "=?utf-8?q?a?= ", ".", " .", "ä ", "a.", "\x00"} {
		start := time.Now()
		Claims(strings.Repeat(unit, maxClaimOctets/len(unit)), ours)
		if spent := time.Since(start); spent > 10*time.Second {
			t.Errorf("%q repeated took %v", unit, spent)
		}
	}
}

// A value that would be much work is ours, or is not much work: allocations are
// counted, which each text that is built and each name that is read costs.
func TestClaimsOfAHostileValueAreFewAllocations(t *testing.T) {
	var han strings.Builder
	for i := range 330 {
		han.WriteRune(rune(0x4e00 + i))
	}
	odd := "=?utf-8?q?x?= (c) \"q\" \u200b . "
	for name, tc := range map[string]struct {
		value string
		most  float64
		want  bool
	}{
		"longer than an honest one":      {odd + strings.Repeat(han.String()+" ", 120), 5, true},
		"quoted pairs and encoded words": {odd + `\a ` + strings.Repeat("a ", 50), 30, true},
		"and decoded ones":               {odd + "=?utf-8?q?=5C?= " + strings.Repeat("a ", 50), 40, true},
		"many words":                     {odd + strings.Repeat("\u4e00\u4e01\u4e02 ", 2000), 120, true},
		"many segments":                  {strings.Repeat("; a", 2000), 20, true},
		"long words":                     {odd + strings.Repeat(han.String()+" ", 8), 200, false},
		"a few words that are names":     {odd + strings.Repeat("\u00e4\u4e01\u00f6.b ", 60), 200, false},
		"a few words that are too short": {odd + "\u00e4 \u00f6 \u00fc \u00eb \u4e00 \u4e01 \u4e02", 180, false},
	} {
		if got := Claims(tc.value, ours); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
		if n := testing.AllocsPerRun(10, func() { Claims(tc.value, ours) }); n > tc.most {
			t.Errorf("%s: %v allocations, at most %v", name, n, tc.most)
		}
	}
}

// What is left unread because it is too short to be ours must be.
func TestClaimsReadsShortSpellingsOfOurs(t *testing.T) {
	for value, id := range map[string]string{
		"\u33af.example; none":           "rad\u2215s2.example", // no domain name: as it stands in lower case
		"\u2177.\u2177; none":            "viii.viii",
		"\u3316.\u3316; none":            "xn--nckucudvbh5g.xn--nckucudvbh5g",
		"\uff47\uff41\uff54\uff45; none": "gate",
		"g\u00e4; none":                  "xn--g-0fa",
	} {
		if !Claims(value, id) {
			t.Errorf("Claims(%q, %q) = false", value, id)
		}
	}
}

// The corpus says how values of other hosts are parsed. Of it Claims must know
// the authserv-id, whoever wrote it, and no other.
func TestClaimsKnowsTheAuthservIDsOfTheCorpus(t *testing.T) {
	file, err := os.Open(corpustest.Path(t, "authres/cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	passed, total := 0, 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var tc struct {
			Parse string `json:"parse"`
			Value string `json:"value"`
			ID    string `json:"authserv_id"`
		}
		if err := json.Unmarshal(lines.Bytes(), &tc); err != nil {
			t.Fatal(err)
		}
		value := strings.TrimSpace(strings.TrimPrefix(tc.Value, "Authentication-Results:"))
		if value == "" {
			continue // an element of a value, for a parser of results
		}
		total++
		id := tc.ID
		if id == "" {
			id = strings.TrimRight(strings.Fields(value)[0], ";")
			id, _, _ = strings.Cut(id, ";")
		}
		switch {
		case !Claims(value, id):
			t.Errorf("%q does not claim %q", value, id)
		case !Claims(value, strings.ToUpper(id)):
			t.Errorf("%q does not claim %q", value, strings.ToUpper(id))
		case Claims(value, ours):
			t.Errorf("%q claims %q", value, ours)
		default:
			passed++
		}
	}
	t.Logf("suite: Authentication-Results, whose field is it | passed %d | of %d | argued %d", passed, total, 0)
}

func FuzzClaims(f *testing.F) {
	f.Add(`(c) "gate.example.com" 1`)
	f.Add("=?utf-8?b?Z2F0ZS5leGFtcGxlLmNvbQ==?=")
	f.Fuzz(func(t *testing.T, s string) {
		Claims(s, ours)
		// Whatever stands in balanced comments and behind, a value that starts
		// with our authserv-id is ours.
		if !Claims("gate.example.com; "+s, ours) {
			t.Fatalf("gate.example.com; %q is not claimed", s)
		}
		if !Claims(" \x00(x) \"GATE.example.com\" 1; "+s, ours) {
			t.Fatalf("spelled otherwise and followed by %q it is not claimed", s)
		}
		// Whoever else reads our authserv-id in a value: we saw it, too.
		if f, err := Parse(s); err == nil && strings.EqualFold(f.ID, ours) && !Claims(s, ours) {
			t.Fatalf("%q is ours to Parse and is not claimed", s)
		}
		if id, _, err := msgauth.Parse(s); err == nil && strings.EqualFold(id, ours) && !Claims(s, ours) {
			t.Fatalf("%q is ours to go-msgauth and is not claimed", s)
		}
	})
}
