package dmarc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// model is RFC 9989 as it reads, slow and without thought for DNS that fails.
type model struct{ zone *dns.Snapshot }

// record returns the tags of the only record of d; nil if there is none.
func (m model) record(d string) map[string]string {
	data, _ := m.zone.Raw("_dmarc."+d, "TXT")
	var records []map[string]string
	for _, txt := range data {
		tags := map[string]string{}
		for spec := range strings.SplitSeq(txt, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(spec), "=")
			tags[name] = value
		}
		if tags["v"] == "DMARC1" {
			records = append(records, tags)
		}
	}
	if len(records) != 1 {
		return nil
	}
	return records[0]
}

// tree returns the domains of a tree walk that have a record. Section 4.10.
func (m model) tree(d string) (found []string) {
	labels := strings.Split(d, ".")
	for first := true; len(labels) > 0; first = false {
		name := strings.Join(labels, ".")
		if r := m.record(name); r != nil {
			found = append(found, name)
			if r["psd"] == "y" || r["psd"] == "n" {
				return found
			}
		}
		if first && len(labels) >= 8 {
			labels = labels[len(labels)-7:]
			continue
		}
		labels = labels[1:]
	}
	return found
}

// organization is Section 4.10.2.
func (m model) organization(d string) string {
	found := m.tree(d)
	for _, at := range found {
		if m.record(at)["psd"] == "n" {
			return at
		}
		if m.record(at)["psd"] == "y" && at != d {
			labels := strings.Split(d, ".")
			return strings.Join(labels[len(labels)-strings.Count(at, ".")-2:], ".")
		}
	}
	if len(found) > 0 {
		return found[len(found)-1]
	}
	return d
}

// applied is Section 4.10.1.
func (m model) applied(author string) string {
	found := m.tree(author)
	for _, want := range []func(at string) bool{
		func(at string) bool { return at == author },
		func(at string) bool { return at == m.organization(author) },
		func(at string) bool { return m.record(at)["psd"] == "y" },
	} {
		if i := slices.IndexFunc(found, want); i >= 0 {
			return found[i]
		}
	}
	return ""
}

func (m model) evaluate(id Identifiers) (status mail.Status, policy string) {
	author := string(id.Author)
	at := m.applied(author)
	if at == "" {
		return mail.None, ""
	}
	tags := m.record(at)
	policy = "none"
	for _, name := range []string{"p", "sp", "np"} {
		_, exists := m.zone.Raw(author, "A")
		applies := name == "p" || author != at && (name == "sp" || !exists)
		if v := tags[name]; v != "" && applies {
			policy = v
		}
	}
	if tags["t"] == "y" {
		policy = map[string]string{"reject": "quarantine", "quarantine": "none", "none": "none"}[policy]
	}
	aligned := func(d, mode string) bool {
		return d == author || mode != "s" && m.organization(d) == m.organization(author)
	}
	if id.SPF == mail.Pass && aligned(string(id.SPFDomain), tags["aspf"]) {
		return mail.Pass, policy
	}
	for _, s := range id.DKIM {
		if s.Status == mail.Pass && aligned(string(s.Domain), tags["adkim"]) {
			return mail.Pass, policy
		}
	}
	return mail.Fail, policy
}

// names are those of the drawn worlds. The public suffix list knows nothing of
// them: below a suffix of its own it asks for more than the RFC does.
var names = []mail.Domain{"example", "a.example", "b.a.example", "c.a.example", "d.c.a.example", "d.d.c.a.example", "1.2.3.4.5.6.c.a.example", "z.example", "b.z.example"}

// worlds is how many are drawn for each property.
const worlds = 4000

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// drawRecord draws a record; a suffix says that it is one.
func drawRecord(rnd *rand.Rand, d mail.Domain) string {
	txt := "v=DMARC1; p=" + pick(rnd, "none", "quarantine", "reject")
	for _, tag := range []string{"sp=none", "sp=reject", "np=quarantine", "np=reject", "t=y", "adkim=s", "aspf=s"} {
		if name, _, _ := strings.Cut(tag, "="); rnd.IntN(4) == 0 && !strings.Contains(txt, " "+name+"=") {
			txt += "; " + tag
		}
	}
	if !strings.Contains(string(d), ".") {
		return txt + "; psd=y"
	}
	return txt + pick(rnd, "", "", "; psd=n", "; psd=y", "; psd=u")
}

func drawZone(t testing.TB, rnd *rand.Rand) *dns.Snapshot {
	zone := dns.MustSnapshot(t, "")
	for _, d := range names {
		for range pick(rnd, 0, 0, 1, 1, 1, 2) {
			zone.Add("_dmarc."+string(d), "TXT", drawRecord(rnd, d))
		}
		if rnd.IntN(3) == 0 {
			zone.Add(string(d), "A", "192.0.2.1")
		}
		if rnd.IntN(3) == 0 {
			zone.Add("_dmarc."+string(d), "TXT", "v=spf1 -all")
		}
	}
	return zone
}

func drawIdentifiers(rnd *rand.Rand) Identifiers {
	id := Identifiers{Author: pick(rnd, names[1:]...), SPFDomain: pick(rnd, names...), SPF: pick(rnd, mail.Pass, mail.Fail, mail.None)}
	for range rnd.IntN(3) {
		id.DKIM = append(id.DKIM, Signature{pick(rnd, names...), pick(rnd, mail.Pass, mail.Fail)})
	}
	return id
}

func TestAgreesWithTheTextOfTheRFC(t *testing.T) {
	seen := map[mail.Status]int{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range worlds {
		zone, id := drawZone(t, rnd), drawIdentifiers(rnd)
		got := Evaluate(t.Context(), zone, id)
		status, policy := model{zone}.evaluate(id)
		if got.Status != status || got.Policy != policy {
			t.Fatalf("%+v\nis %+v, want %s under %q\n%s", id, got, status, policy, shown(zone))
		}
		seen[status]++
	}
	if seen[mail.Pass] < worlds/25 || seen[mail.Fail] < worlds/10 || seen[mail.None] < worlds/100 {
		t.Errorf("the draw is poor: %v", seen)
	}
}

// failing is a resolver to which some questions get no answer.
type failing struct {
	dns.Resolver
	fails func(name string) bool
}

func (f failing) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if f.fails(name) {
		return dns.Answer[string]{}, &dns.Error{Type: "TXT", Name: name, Class: dns.ErrTemporary}
	}
	return f.Resolver.TXT(ctx, name)
}

// When DNS, SPF or DKIM give no answer for a time, the result is the true one or
// a temporary error: it is no other verdict, and above all no pass.
func TestTemporaryTroubleNeverTurnsAVerdict(t *testing.T) {
	seen := map[mail.Status]int{}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range worlds {
		zone, id := drawZone(t, rnd), drawIdentifiers(rnd)
		truth := Evaluate(t.Context(), zone, id)
		dead := map[string]bool{}
		for _, d := range names {
			dead["_dmarc."+string(d)] = rnd.IntN(4) == 0
		}
		hidden := id
		hidden.DKIM = slices.Clone(id.DKIM)
		for i := range hidden.DKIM {
			if rnd.IntN(4) == 0 {
				hidden.DKIM[i].Status = mail.TempError
			}
		}
		if rnd.IntN(4) == 0 {
			hidden.SPF = mail.TempError
		}
		got := Evaluate(t.Context(), failing{zone, func(name string) bool { return dead[name] }}, hidden)
		switch {
		case got.Status != truth.Status && got.Status != mail.TempError:
		case got.Status != mail.TempError && got.Policy != truth.Policy:
		case got.Status != mail.TempError && (got.Domain != truth.Domain || got.Published != truth.Published):
		default:
			seen[got.Status]++
			continue
		}
		t.Fatalf("%+v\nis %+v without the answers %v,\nand %+v with them\n%s", hidden, got, dead, truth, shown(zone))
	}
	if seen[mail.Pass] < worlds/25 || seen[mail.Fail] < worlds/10 || seen[mail.TempError] < worlds/10 {
		t.Errorf("the draw is poor: %v", seen)
	}
}

// While one name gives no answer, the policy that is told is none that is weaker
// than the true one, unless that name has the record.
func TestTemporaryTroubleNeverWeakensAPolicy(t *testing.T) {
	seen := 0
	rnd := rand.New(rand.NewPCG(5, 6))
	for range worlds {
		zone, id := drawZone(t, rnd), drawIdentifiers(rnd)
		zone.Add(string(id.Author), "A", "192.0.2.1") // np speaks of names that do not exist: these are never lame
		truth, dead := Evaluate(t.Context(), zone, id), pick(rnd, names...)
		got := Evaluate(t.Context(), failing{zone, func(name string) bool { return name == "_dmarc."+string(dead) }}, id)
		if got.Status != mail.TempError || truth.Domain == dead {
			continue
		}
		if strictness(got.Policy) < strictness(truth.Policy) {
			t.Fatalf("%+v\nis %+v without an answer for %s,\nand %+v with it\n%s", id, got, dead, truth, shown(zone))
		}
		if truth.Policy == policyReject {
			seen++
		}
	}
	if seen < worlds/100 {
		t.Errorf("the draw is poor: %d", seen)
	}
}

func shown(zone *dns.Snapshot) string {
	var b strings.Builder
	for _, d := range names {
		for _, name := range []string{"_dmarc." + string(d), string(d)} {
			for _, typ := range []string{"TXT", "A"} {
				data, _ := zone.Raw(name, typ)
				for _, text := range data {
					fmt.Fprintf(&b, "%s %s %q\n", name, typ, text)
				}
			}
		}
	}
	return b.String()
}

// FuzzEvaluate has records and names from the fuzzer.
func FuzzEvaluate(f *testing.F) {
	f.Add("a.example", "b.a.example", "a.example", "v=DMARC1; p=reject; psd=n", "v=DMARC1; p=none; psd=y", byte(0))
	f.Add("1.2.3.4.5.6.7.8.9.a.example", "EXAMPLE", "-", "v=DMARC1;sp=x", "v=DMARC1", byte(3))
	f.Fuzz(func(t *testing.T, author, spf, dkim, low, high string, fails byte) {
		d := mail.Domain(author)
		zone := dns.MustSnapshot(t, "")
		zone.Add("_dmarc."+author, "TXT", low)
		if _, parent, ok := strings.Cut(author, "."); ok {
			zone.Add("_dmarc."+parent, "TXT", high)
		}
		n := 0
		r := &counting{Resolver: failing{zone, func(string) bool { n++; return fails>>(n%8)&1 == 1 }}}
		id := Identifiers{Author: d, SPF: mail.Pass, SPFDomain: mail.Domain(spf), DKIM: []Signature{{mail.Domain(dkim), mail.Pass}}}
		got := Evaluate(t.Context(), r, id)
		if len(r.asked) > 8*3+1 {
			t.Fatalf("%d questions", len(r.asked))
		}
		if got.Status == mail.Pass && !got.SPFAligned && !got.DKIMAligned || got.DKIMAligned != (got.DKIMDomain != "") {
			t.Fatalf("%+v", got)
		}
		id.SPF, id.DKIM[0].Status = mail.Fail, mail.Fail
		if got := Evaluate(t.Context(), zone, id); got.Status == mail.Pass {
			t.Fatalf("passes without a proof: %+v", got)
		}
	})
}
