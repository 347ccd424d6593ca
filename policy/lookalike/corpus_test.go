package lookalike

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

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

func TestPopularDomainsSeldomMatchAlone(t *testing.T) {
	domains := popular(t)
	const samples, targets = 3, 550
	perClass, checks, alone := map[Class]int{}, 0, 0
	confident := map[int]int{}
	for seed := range uint64(samples) {
		x := NewIndex(sampleTargets(t, targets, seed))
		for _, d := range domains {
			checks++
			matches := x.Check(d)
			if len(matches) == 0 {
				continue
			}
			for _, least := range []int{50, 65, 75, 85} {
				if matches[0].Confidence >= least {
					confident[least]++
				}
			}
			if matches[0].Alone {
				alone++
				perClass[matches[0].Class]++
				if testing.Verbose() && os.Getenv("LOOKALIKE_LIST") != "" {
					t.Log(matches[0].Confidence, matches[0].Class, matches[0].Why)
				}
			}
		}
	}
	per10k := func(n int) float64 { return float64(n) * 1e4 / float64(checks) }
	t.Logf("%d checks against %d targets each: %d act alone, %.2f per 10,000", checks, targets, alone, per10k(alone))
	for class, n := range perClass {
		t.Logf("  %-16s %3d  %.2f per 10,000", class, n, per10k(n))
	}
	for _, least := range []int{50, 65, 75, 85} {
		t.Logf("  best confidence >= %d: %.2f per 10,000", least, per10k(confident[least]))
	}
	if per10k(alone) > 5 {
		t.Errorf("%.2f per 10,000 popular domains would be quarantined, want at most 5", per10k(alone))
	}
}

// The counts of the two tests below inform: neither corpus was made for mail.
func TestBasecampHomographsOfProtectedNames(t *testing.T) {
	// The corpus names no targets; these are what its Latin attacks imitate.
	var targets []Target
	for name := range strings.FieldsSeq("paypal.com google.com cloudflare.com orange.com pixel.com jack.com lace.com notaires.fr scope.com 123rf.com") {
		targets = append(targets, Target{mail.Domain(name), Protected})
	}
	x := NewIndex(targets)
	counts := map[string][2]int{} // label: seen, matched
	for _, line := range corpus(t, "lookalike/basecamp-homographic.jsonl") {
		var c struct{ Kind, Label, Value string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		d, err := mail.ParseDomain(c.Value[strings.LastIndexByte(c.Value, '@')+1:])
		if err != nil || c.Kind != "idn" && c.Kind != "email_address" {
			continue
		}
		n := counts[c.Label]
		n[0]++
		if got := x.Check(d); len(got) > 0 {
			n[1]++
			t.Log(c.Label, got[0].Class, got[0].Confidence, got[0].Why)
			if c.Label == "safe" && got[0].Alone {
				t.Errorf("a safe name would act alone: %+v", got[0])
			}
		}
		counts[c.Label] = n
	}
	t.Logf("basecamp [names, matched]: %v", counts)
}

func TestChromiumTargetEmbedding(t *testing.T) {
	caught, positives, wrong, negatives := 0, 0, 0, 0
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
		switch hit := len(got) > 0; {
		case c.Target == "":
			negatives++
			if hit {
				wrong++
				t.Logf("negative %s: %v", c.Host, got[0])
			}
		default:
			positives++
			if hit {
				caught++
			} else {
				t.Logf("missed %s for %s", c.Host, c.Target)
			}
		}
	}
	t.Logf("chromium: %d of %d found, %d of %d negatives reported", caught, positives, wrong, negatives)
}
