package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"runtime"
	"strings"
	"testing"
	"time"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// changes are what may happen to a signed message, whether the body is large
// enough for our own verification or not.
var changes = []struct {
	name, old, new string
	rsa, ed25519   Breakage
}{
	{"nothing", "", "", "", ""},
	{"a footer", "you\r\n", "you\r\n-- \r\nour provider\r\n", BodyChanged, BodyChanged},
	{"a link rewritten", "Hello", "Hullo", BodyChanged, BodyChanged},
	{"a tag in the subject", "Subject: ", "Subject: [EXTERNAL] ", HeaderChanged, HeaderOrKey},
	{"another author", "erika@", "mallory@", HeaderChanged, HeaderOrKey},
	{"a second From below", "Subject:", "From: mallory@example.org\r\nSubject:", HeaderChanged, HeaderOrKey},
	{"a tag of the signature", "; t=", "; z=", HeaderChanged, HeaderOrKey},
	{"another message below the signature", plain[:strings.Index(plain, "Hello")+5], "From: mallory@example.com\r\n\r\nBuy", HeaderAndBodyChanged, HeaderOrKey},
}

func TestWhatBrokeASignature(t *testing.T) {
	for _, signer := range []crypto.Signer{rsaKey(), edKey} {
		z := zone(t, keyRecord(signer.Public()))
		for _, size := range []int{0, 2 * maxLibraryBody} {
			raw := sign(t, plain+strings.Repeat("text\r\n", size/6), func(o *library.SignOptions) { o.Signer = signer })
			for _, change := range changes {
				changed := strings.Replace(raw, change.old, change.new, 1)
				if changed == raw && change.old != "" {
					t.Fatalf("%s: nothing was changed", change.name)
				}
				want := change.rsa
				if _, ed := signer.(ed25519.PrivateKey); ed {
					want = change.ed25519
				}
				got := verifyOne(t, changed, z)
				if got.Breakage != want || (got.Status == mail.Pass) != (want == "") || got.Why == "" || got.Why == whyNotDecided {
					t.Errorf("%T, %d octets, %s: %+v", signer, size, change.name, got)
				}
			}
		}
	}
}

func TestASignatureOfAnotherKey(t *testing.T) {
	raw := sign(t, plain, func(o *library.SignOptions) { o.Signer = rsaKey() })
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]*rsa.PrivateKey{"of the same length": other, "shorter": short} {
		for _, raw := range []string{raw, strings.Replace(raw, "Hello", "Hullo", 1), strings.Replace(raw, "Subject:", "Subject: x", 1)} {
			if got := verifyOne(t, raw, zone(t, keyRecord(k.Public()))); got.Status != mail.Fail || got.Breakage != OtherKey || got.Why != whyOther {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
	edRaw := sign(t, plain, nil)
	z := zone(t, keyRecord(ed25519.NewKeyFromSeed(make([]byte, 32)).Public()))
	if got := verifyOne(t, edRaw, z); got.Status != mail.Fail || got.Breakage != HeaderOrKey || got.Why != whyHeaderOr {
		t.Errorf("Ed25519: %+v", got)
	}
	if got := verifyOne(t, strings.Replace(edRaw, "Hello", "Hullo", 1), z); got.Breakage != HeaderOrKey || got.Why != whyBothOr {
		t.Errorf("Ed25519, and the body was changed: %+v", got)
	}
}

func TestAKeyThatIsGone(t *testing.T) {
	at := func(selector string) string {
		return sign(t, plain, func(o *library.SignOptions) { o.Selector = selector })
	}
	tests := []struct {
		name, selector, record string
		want                   Breakage
	}{
		{"not published", "absent", "", KeyGone},
		{"revoked", "sel", "v=DKIM1; k=ed25519; p= ", KeyGone},
		{"not asked for in time", "slow", "", ""},
		{"DNS fails", "fails", "", ""},
		{"two records", "two", "", ""},
		{"no p=", "sel", "v=DKIM1", ""},
		{"another type", "sel", keyRecord(rsaKey().Public()), ""},
	}
	for _, test := range tests {
		if got := verifyOne(t, at(test.selector), zone(t, test.record)); got.Breakage != test.want || got.Status == mail.Pass || got.Status == mail.Fail {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

// What is broken is no verdict: when nothing is found, the signature stays broken.
func TestADiagnosisNeverMakesASignaturePass(t *testing.T) {
	for _, signer := range []crypto.Signer{rsaKey(), edKey} {
		m := message(t, []byte(sign(t, plain, func(o *library.SignOptions) { o.Signer = signer })))
		s := choose(m, "", time.Now())[0]
		k := sig.ParseKey(keyRecord(signer.Public()), s.KeyType).Key
		if breakage, why := diagnose(t.Context(), m, sig.NewBody(m), s, k); breakage != "" || why != whyNotDecided {
			t.Errorf("%T: %q, %s", signer, breakage, why)
		}
	}
}

func TestADomainThatIsTestingSaysSo(t *testing.T) {
	raw := sign(t, plain, nil)
	record := keyRecord(edKey.Public())
	for flags, want := range map[string]bool{"": false, "; t=y": true, "; t=s : y": true, "; t=s": false, "; t=Y": false} {
		for _, raw := range []string{raw, strings.Replace(raw, "Hello", "Hullo", 1)} {
			if got := verifyOne(t, raw, zone(t, record+flags)); got.Testing != want {
				t.Errorf("%q: %+v", flags, got)
			}
		}
	}
}

func TestOversignedAndDuplicateFields(t *testing.T) {
	oversigned := func(o *library.SignOptions) {
		o.HeaderKeys = []string{"From", "From", "To", "Subject", "Subject", "Reply-To"}
	}
	lists := func(o *library.SignOptions) { o.HeaderKeys = []string{"From", "X-To"} }
	twice := strings.Replace(plain, "To:", "To: first@example.net\r\nTo:", 1)
	tests := []struct {
		name, raw, old, new string
		change              func(*library.SignOptions)
		want                mail.Status
	}{
		{"oversigned", plain, "", "", oversigned, mail.Pass},
		{"oversigned, a From above", plain, "From:", "From: mallory@example.org\r\nFrom:", oversigned, mail.Fail},
		{"oversigned, a From below", plain, "To:", "From: mallory@example.org\r\nTo:", oversigned, mail.Fail},
		{"oversigned, a field that was not there", plain, "To:", "Reply-To: mallory@example.org\r\nTo:", oversigned, mail.Fail},
		{"oversigned, an empty field that was not there", plain, "To:", "Reply-To:\r\nTo:", oversigned, mail.Fail},
		// Which From the author is, his parser says: more than one is nobody.
		{"signed once, a From above", plain, "From:", "From: mallory@example.org\r\nFrom:", nil, mail.Pass},
		{"signed once, a From below", plain, "To:", "From: mallory@example.org\r\nTo:", nil, mail.Fail},
		// Which To a reader sees, the signature of one does not say.
		{"two To, one signed: the lower one", twice, "first@", "other@", nil, mail.Policy},
		{"two X-To, one signed: the lower one", strings.ReplaceAll(twice, "To:", "X-To:"), "first@", "other@", lists, mail.Pass},
		{"two X-To, one signed, the lower one changed", strings.ReplaceAll(twice, "To:", "X-To:"), "max@", "other@", lists, mail.Fail},
		{"a To above the signed one", plain, "From:", "To: victim@example.net\r\nFrom:", nil, mail.Policy},
		{"a To above, To is not signed", plain, "From:", "To: victim@example.net\r\nFrom:", lists, mail.Pass},
		{"two To, both signed", twice, "first@", "other@", func(o *library.SignOptions) { o.HeaderKeys = []string{"From", "To", "To"} }, mail.Fail},
		{"two To, both signed, put the other way round", twice, "To: first@example.net\r\nTo: max@example.net", "To: max@example.net\r\nTo: first@example.net",
			func(o *library.SignOptions) { o.HeaderKeys = []string{"From", "To", "To"} }, mail.Fail},
	}
	for _, test := range tests {
		for _, more := range []string{"", strings.Repeat("text\r\n", maxLibraryBody)} {
			raw := sign(t, test.raw+more, test.change)
			changed := strings.Replace(raw, "\r\n"+test.old, "\r\n"+test.new, 1)
			if changed == raw {
				changed = strings.Replace(raw, test.old, test.new, 1)
			}
			if got := verifyOne(t, changed, zone(t, keyRecord(edKey.Public()))); got.Status != test.want {
				t.Errorf("%s: %+v", test.name, got)
			}
		}
	}
}

func TestTheNearestSignaturesComeFirst(t *testing.T) {
	const author = "news.shop.example"
	order := [][]string{ // each before the next; side by side, the newest is the first
		{author},
		{"a.news.shop.example", "b.news.shop.example"},
		{"shop.example", "mail.shop.example"},
		{"bulk.example", "example", "example.com"},
	}
	z := zone(t, keyRecord(edKey.Public()))
	for i, group := range order {
		for _, d := range group {
			for j, others := range order[i:] {
				for _, other := range others {
					got := Verify(t.Context(), z, message(t, []byte(signedBy(t, plain, d, other))), author, time.Now())
					if first := map[bool]string{true: d, false: other}[j > 0]; string(got[0].Domain) != first {
						t.Errorf("%s, then %s on top: %s is the first", d, other, got[0].Domain)
					}
				}
			}
		}
	}
	refused := strings.Replace(signedBy(t, plain, "shop.example"), "v=1;", "v=1; l=1;", 1)
	got := Verify(t.Context(), z, message(t, []byte(signedBy(t, refused, "a.example", "b.example", "c.example", "d.example", "e.example"))), author, time.Now())
	if len(got) != maxEvaluated || got[0].Domain != "shop.example" || got[0].Status != mail.Policy {
		t.Errorf("an aligned one that was refused is not told of: %+v", got)
	}
	if n := near("", ""); n != 0 {
		t.Errorf("no domain is near none: %d", n)
	}
}

func TestHostileMessagesAreJudgedAndTakeLittleMemory(t *testing.T) {
	for name, c := range hostile(t) {
		m, z := message(t, []byte(c.raw)), zone(t, c.record)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := Verify(t.Context(), z, m, "example.com", time.Now())
		runtime.ReadMemStats(&after)
		if got[0].Status != c.want {
			t.Errorf("%s: %+v", name, got)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
			t.Errorf("%s: %d octets were allocated", name, allocated)
		}
	}
}
