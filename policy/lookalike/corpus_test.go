package lookalike

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"mxgate/policy/corpustest"
	"mxgate/policy/mail"
)

// corpus opens a file of the shared corpora, or skips the test.
func corpus(t testing.TB, name string) []string {
	t.Helper()
	f, err := os.Open(corpustest.Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	scan := bufio.NewScanner(r)
	for scan.Scan() {
		lines = append(lines, scan.Text())
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// sampleTargets takes n names of the lists, the same ones for the same seed.
func sampleTargets(t testing.TB, n int, seed uint64) []Target {
	t.Helper()
	lines := append(corpus(t, "domains/banks.txt"), corpus(t, "domains/tranco-top10k.txt.gz")...)
	random := rand.New(rand.NewPCG(seed, 7))
	random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	var targets []Target
	for _, line := range lines {
		d, err := mail.ParseDomain(line)
		if _, ok := parse(d); err == nil && ok && len(targets) < n {
			targets = append(targets, Target{d, Protected})
		}
	}
	return targets
}

// popular lists the domains of the negative set.
func popular(t testing.TB) []mail.Domain {
	var domains []mail.Domain
	for _, line := range corpus(t, "domains/cloudflare-top100k.tsv.gz")[1:] {
		name, _, _ := strings.Cut(line, "\t")
		if d, err := mail.ParseDomain(name); err == nil {
			domains = append(domains, d)
		}
	}
	return domains
}

// strangers are the popular domains that no list of targets has: one that is there
// may be protected itself.
func strangers(t testing.TB) []mail.Domain {
	seen := map[mail.Domain]bool{"": true}
	for _, list := range []string{"domains/banks.txt", "domains/tranco-top10k.txt.gz", "domains/majestic-top10k.txt.gz", "domains/opendns-top10k.txt"} {
		for _, line := range corpus(t, list) {
			seen[Registrable(mail.Domain(line))] = true
		}
	}
	var left []mail.Domain
	for _, d := range popular(t) {
		if r := Registrable(d); !seen[r] {
			seen[r] = true
			left = append(left, r)
		}
	}
	return left
}

// heldOut reports the half of the names on which the rules for edits were not
// decided. Names that begin alike, the next of a series, are in one half.
func heldOut(d mail.Domain) bool {
	h := fnv.New32a()
	h.Write([]byte(d[:min(3, len(d))]))
	return h.Sum32()>>7&1 == 1
}

// aloneIn counts what acts alone in one half of the names.
type aloneIn struct {
	checks, alone int
	classes       map[Class]int
}

func (a *aloneIn) per10k(n int) float64 { return float64(n) * 1e4 / float64(a.checks) }

func TestPopularDomainsSeldomMatchAlone(t *testing.T) {
	domains := strangers(t)
	const samples, targets = 8, 550
	halves := map[bool]*aloneIn{false: {classes: map[Class]int{}}, true: {classes: map[Class]int{}}}
	for seed := range uint64(samples) {
		x := NewIndex(sampleTargets(t, targets, seed))
		for _, d := range domains {
			half := halves[heldOut(d)]
			half.checks++
			matches := x.Check(d)
			if len(matches) == 0 || !matches[0].Alone {
				continue
			}
			half.alone++
			half.classes[matches[0].Class]++
			if testing.Verbose() && os.Getenv("LOOKALIKE_LIST") != "" {
				t.Log(matches[0].Confidence, matches[0].Class, matches[0].Why)
			}
		}
	}
	for held, half := range halves {
		t.Logf("held out %v: %d checks against %d targets each, %d act alone, %.2f per 10,000", held, half.checks, targets, half.alone, half.per10k(half.alone))
		for class, n := range half.classes {
			t.Logf("  %-16s %3d  %.2f per 10,000", class, n, half.per10k(n))
		}
	}
	if half := halves[true]; half.per10k(half.alone) > 1 {
		t.Errorf("%.2f per 10,000 popular domains would be quarantined, want at most 1", half.per10k(half.alone))
	}
}

// basecampTargets are what the attacks of the corpus imitate, which names none.
const basecampTargets = `paypal.com google.com cloudflare.com orange.com pixel.com jack.com lace.com notaires.fr
	scope.com scopepay.com apcdef.com fuss.de ika.com 163.com abcdef.jp abc.jp ipaddress.com al.cat la.cat 0909.com`

// basecampMisses are attacks that resemble no name that somebody could own and
// that ASCII mail would show: mixed scripts alone say nothing about whom a name
// imitates, which is the question here.
var basecampMisses = map[string]string{
	"аaбbгcдdеeжf.ru":  "imitates nothing: letters of two scripts in turn",
	"ꓚꓛꓜᎪᎫᎬ.com":       "the same",
	"αаβбγгχдψеωж.com": "the same",
	"ѕсоре.boom.com":   "a host name below boom.com, of which anybody may have one",
	"ꔋ.com":            "one letter of Vai, which resembles nothing",
	"ϧ.com":            "one letter",
	"ab♥.com":          "a symbol; ab is too short",
	"1𝟤3rf.com":        "IDNA maps it to 123rf.com itself: it is that domain",
	"1շ.com":           "digits of other scripts for digits: no letters are left to compare",
	"੨0.com":           "the same",
	"੨੨੨.com":          "the same",
	"·l.cat":           "a middle dot; one letter",
	"αβς.gr":           "Greek; the final sigma is another word, not another look",
	"ー動画ー.com":         "Japanese: sound marks put around a word",
	"ー日本.jp":           "the same",
	"一ヾ.jp":            "the same",
	"รี่่.th":          "Thai marks twice: no such word is anybody's name",
	"á́.com":           "one letter",
	"ሠዐዐፐ.com":         "Ethiopic shapes that UTS #39 does not give as Latin ones",
	"ჽჿხ.com":          "Georgian, the same",
	"ทนบพรห.com":       "Thai, the same",
	"พบเ๐.com":         "Thai, the same",
	"ऽ०ऽ.com":          "digits of other scripts",
	"ಽ೦ಽ೧.com":         "the same",
	"୮ଠ୮ଠ.com":         "the same",
}

func TestBasecampAttacksAreFoundAndSafeNamesLeftAlone(t *testing.T) {
	var targets []Target
	for name := range strings.FieldsSeq(basecampTargets) {
		targets = append(targets, Target{mail.Domain(name), Protected})
	}
	x := NewIndex(targets)
	found := 0
	for _, line := range corpus(t, "lookalike/basecamp-homographic.jsonl") {
		var c struct{ Kind, Label, Value string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		d, err := mail.ParseDomain(c.Value[strings.LastIndexByte(c.Value, '@')+1:])
		if err != nil || c.Kind != "idn" && c.Kind != "email_address" {
			continue
		}
		got := x.Check(d)
		switch _, missed := basecampMisses[c.Value]; {
		case c.Label == "safe" && len(got) > 0 && got[0].Alone:
			t.Errorf("a safe name would act alone: %+v", got[0])
		case c.Label == "attack" && missed == (len(got) > 0):
			t.Errorf("%s: found %v, listed as missed %v", c.Value, got, missed)
		case c.Label == "attack" && !missed:
			found++
		}
	}
	t.Logf("%d attacks found, %d argued away", found, len(basecampMisses))
}

// chromiumFlagged are names that Chromium lets pass and we do not.
var chromiumFlagged = map[string]string{
	"scholar.google.com.foo.com": "Chromium's test lists scholar.google.com as allowed; mail that claims it below foo.com imitates it",
}

func TestChromiumTargetEmbedding(t *testing.T) {
	found := 0
	for _, line := range corpus(t, "lookalike/chromium-lookalike-url-cases.jsonl") {
		var c struct {
			Suite, Host, Note string
			Target            string `json:"expected_target"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Suite != "target_embedding" {
			continue
		}
		protected, _, _ := strings.Cut(strings.TrimPrefix(c.Note, "protected: "), ";")
		var targets []Target
		for name := range strings.FieldsSeq(protected) {
			targets = append(targets, Target{mail.Domain(name), Protected})
		}
		d, err := mail.ParseDomain(c.Host)
		if err != nil {
			continue // longer than a label may be
		}
		got := NewIndex(targets).Check(d)
		_, flagged := chromiumFlagged[c.Host]
		switch acts := len(got) > 0 && got[0].Alone; {
		case c.Target != "" && len(got) == 0:
			t.Errorf("missed %s for %s", c.Host, c.Target)
		case c.Target == "" && acts != flagged:
			t.Errorf("%s: would act %v, listed %v: %v", c.Host, acts, flagged, got)
		case c.Target != "":
			found++
		}
	}
	t.Logf("%d embedded targets found", found)
}

func TestChromiumEditDistanceExceptions(t *testing.T) {
	for _, line := range corpus(t, "lookalike/chromium-lookalike-url-cases.jsonl") {
		var c struct {
			Suite, Domain string
			Top           string `json:"top_domain"`
			Suppressed    bool   `json:"chrome_suppresses"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Suite != "edit_distance_common_false_positive" {
			continue
		}
		got := NewIndex([]Target{{mail.Domain(c.Top), Protected}}).Check(mail.Domain(c.Domain))
		if len(got) == 0 || c.Suppressed && got[0].Alone {
			t.Errorf("%s for %s, suppressed %v: %+v", c.Domain, c.Top, c.Suppressed, got)
		}
	}
}

func TestDisputedDomainsResembleTheirMarks(t *testing.T) {
	n, found := 0, 0
	for _, line := range corpus(t, "lookalike/udrp-pairs.tsv")[1:] {
		fields := strings.Split(line, "\t")
		for text := range strings.FieldsSeq(fields[1]) {
			d, err := mail.ParseDomain(text)
			if err != nil {
				continue
			}
			n++
			if slices.ContainsFunc(strings.Split(fields[2], "|"), func(mark string) bool { return resemblesMark(d, mark) }) {
				found++
			} else {
				t.Log("missed", text, "for", fields[2])
			}
		}
	}
	t.Logf("%d of %d disputed names found", found, n)
	if 10*found < 9*n {
		t.Errorf("%d of %d found, want 90 %%", found, n)
	}
}

// resemblesMark takes the letters and digits of a mark for the label of a target.
func resemblesMark(d mail.Domain, mark string) bool {
	label := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, strings.ToLower(mark))
	target, err := mail.ParseDomain(label + ".example")
	_, ok := Compare(d, target)
	return err == nil && ok
}
