package dkim

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

var (
	edKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
)

func keyRecord(k crypto.PublicKey) string {
	if ed, ok := k.(ed25519.PublicKey); ok {
		return "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(ed)
	}
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		panic(err)
	}
	return "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(der)
}

const plain = "From: Erika <erika@example.com>\r\nTo: max@example.net\r\nSubject: a  text\r\n\r\nHello \t you\r\n\r\n"

// sign returns raw with a signature of example.com on top; change may alter the
// options.
func sign(t testing.TB, raw string, change func(*library.SignOptions)) string {
	t.Helper()
	o := &library.SignOptions{
		Domain: "example.com", Selector: "sel", Signer: edKey, HeaderKeys: []string{"From", "To", "Subject"},
		HeaderCanonicalization: library.CanonicalizationRelaxed, BodyCanonicalization: library.CanonicalizationRelaxed,
	}
	if change != nil {
		change(o)
	}
	var out bytes.Buffer
	if err := library.Sign(&out, strings.NewReader(raw), o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// keys answers for sel._domainkey of two domains and counts questions.
type keys struct {
	dns.Resolver
	mu    sync.Mutex
	asked []string
	bare  error
}

func (k *keys) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if ctx.Err() != nil { // asked for what is held in memory only
		return k.Resolver.TXT(ctx, name)
	}
	k.mu.Lock()
	k.asked = append(k.asked, name)
	k.mu.Unlock()
	if k.bare != nil {
		return dns.Answer[string]{}, k.bare
	}
	return k.Resolver.TXT(ctx, name)
}

func zone(t testing.TB, record string) *keys {
	t.Helper()
	s := dns.MustSnapshot(t, `
		slow._domainkey.example.com   TXT TIMEOUT
		fails._domainkey.example.com  TXT SERVFAIL
		two._domainkey.example.com    TXT "v=DKIM1; p="
		two._domainkey.example.com    TXT "p="
	`)
	s.Add("sel._domainkey.example.com", "TXT", record)
	s.Add("sel._domainkey.other.example", "TXT", record)
	return &keys{Resolver: s}
}

func verifyOne(t *testing.T, raw string, z *keys) Result {
	t.Helper()
	results := Verify(t.Context(), z, message(t, []byte(raw)), "example.com", time.Now())
	if len(results) != 1 {
		t.Fatalf("%d results: %+v", len(results), results)
	}
	return results[0]
}

func TestASoundSignaturePasses(t *testing.T) {
	for _, signer := range []crypto.Signer{edKey, rsaKey()} {
		for _, header := range []library.Canonicalization{"simple", "relaxed"} {
			for _, body := range []library.Canonicalization{"simple", "relaxed"} {
				raw := sign(t, plain, func(o *library.SignOptions) {
					o.Signer, o.HeaderCanonicalization, o.BodyCanonicalization = signer, header, body
				})
				got := verifyOne(t, raw, zone(t, keyRecord(signer.Public())))
				if got.Status != mail.Pass || got.Domain != "example.com" || got.Selector != "sel" || len(got.B) != 8 || !strings.Contains(raw, "b="+got.B) || !strings.HasSuffix(got.Algorithm, "-sha256") {
					t.Errorf("%s/%s: %+v", header, body, got)
				}
			}
		}
	}
}

func TestAChangedMessageFails(t *testing.T) {
	signed := sign(t, plain, nil)
	z := zone(t, keyRecord(edKey.Public()))
	tests := []struct{ name, old, new, why string }{
		{"the body", "Hello", "Goodbye", whyBody},
		{"text behind the body", "you\r\n", "you\r\nclick here\r\n", whyBody},
		{"the subject", "a  text", "another text", whyHeaderOr},
		{"a From field below", "Subject:", "From: mallory@example.org\r\nSubject:", whyHeaderOr},
		{"a tag", "t=", "z=", whyHeaderOr},
	}
	for _, test := range tests {
		changed := strings.Replace(signed, test.old, test.new, 1)
		if changed == signed {
			t.Fatalf("%s: nothing was changed", test.name)
		}
		if got := verifyOne(t, changed, z); got.Status != mail.Fail || got.Why != test.why {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	refolded := strings.Replace(signed, "Subject: a  text", "Subject:  a\r\n\ttext ", 1)
	if got := verifyOne(t, refolded, z); got.Status != mail.Pass {
		t.Errorf("relaxed, folded anew: %+v", got)
	}
}

func TestAnUnsignedMessageHasNoResult(t *testing.T) {
	if got := Verify(t.Context(), zone(t, ""), message(t, []byte(plain)), "example.com", time.Now()); got != nil {
		t.Errorf("%+v", got)
	}
}

// What cannot or must not pass is refused before a question is asked.
func TestDuty_B2_DKIM_RefusedBeforeAnyQuestion(t *testing.T) {
	const hash = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
	const sound = "v=1; a=rsa-sha256; d=example.com; s=sel; h=From; bh=" + hash + "; b=QUJD"
	tests := []struct {
		name, old, new string
		status         mail.Status
		why            string
	}{
		{"SHA-1", "rsa-sha256", "rsa-sha1", mail.Policy, "SHA-1"},
		{"a part of the body", "v=1;", "v=1; l=10;", mail.Policy, "l="},
		{"no version", "v=1; ", "", mail.PermError, "no v="},
		{"another version", "v=1", "v=2", mail.PermError, "version"},
		{"no body hash", "; bh=" + hash, "", mail.PermError, "no bh="},
		{"an empty body hash", hash, "", mail.PermError, "bh= is not"},
		{"a short body hash", hash, "QUJD", mail.PermError, "bh= is not"},
		{"an empty signature", "b=QUJD", "b=", mail.PermError, "b= is not"},
		{"From not covered", "h=From", "h=To:Fromage", mail.PermError, "does not cover From"},
		{"D1: too many names", "h=From", "h=From" + strings.Repeat(":To", 100), mail.PermError, "more than 100"},
		{"an odd name", "h=From", "h=From:S\u00fcbject", mail.PermError, "names no header field"},
		{"an unknown algorithm", "rsa-sha256", "rsa-sha512", mail.PermError, "algorithm"},
		{"an unknown canonicalization", "v=1;", "v=1; c=relaxed/nowsp;", mail.PermError, "canonicalization"},
		{"another way to the key", "v=1;", "v=1; q=dns;", mail.PermError, "only"},
		{"NUL in d=", "example.com", "exa\x00mple.com", mail.PermError, "d= is not"},
		{"a quote in d=", "example.com", `"example.com"`, mail.PermError, "d= is not"},
		{"a comment in d=", "example.com", "example.com(.example.net)", mail.PermError, "d= is not"},
		{"a no-break space in d=", "example.com", "example.com\u00a0", mail.PermError, "d= is not"},
		{"a trailing dot", "example.com", "example.com.", mail.PermError, "d= is not"},
		{"an empty d=", "example.com", "", mail.PermError, "d= is not"},
		{"a long label", "example.com", strings.Repeat("a", 64) + ".com", mail.PermError, "d= is not"},
		{"a long name", "s=sel", "s=" + strings.Repeat("a.", 120) + "a", mail.PermError, "too long"},
		{"a bracket in s=", "s=sel", "s=sel(", mail.PermError, "s= is not"},
		{"i= elsewhere", "v=1;", "v=1; i=@example.net;", mail.PermError, "i= is not"},
		{"i= with a suffix only", "v=1;", "v=1; i=@notexample.com;", mail.PermError, "i= is not"},
		{"i= without @", "v=1;", "v=1; i=example.com;", mail.PermError, "i= is not"},
		{"F3: a second To above the signed one", "h=From; bh=" + hash + "; b=QUJD", "h=From:to; bh=" + hash + "; b=QUJD\r\nTO : victim@example.net", mail.Policy, "2 fields To, the signature covers 1"},
		{"two tags of one name", "v=1;", "v=1; d=example.net;", mail.PermError, "list of tags"},
		{"a tag name the library would trim", "v=1;", "v=1; \u00a0x=1;", mail.PermError, "list of tags"},
		{"no list", sound, "hello", mail.PermError, "list of tags"},
		{"expired on arrival", "v=1;", "v=1; x=1000000000;", mail.PermError, "expired"},
		{"expired before it was made", "v=1;", "v=1; t=1000000001; x=1000000000;", mail.PermError, "before it was made"},
		{"made in the future", "v=1;", "v=1; t=999999999999;", mail.PermError, "after the message arrived"},
		{"a negative time", "v=1;", "v=1; x=-1;", mail.PermError, "not a time"},
		{"a long time", "v=1;", "v=1; x=9999999999999;", mail.PermError, "not a time"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			z := zone(t, keyRecord(edKey.Public()))
			tags := strings.Replace(sound, test.old, test.new, 1)
			if tags == sound {
				t.Fatal("nothing was changed")
			}
			got := verifyOne(t, "DKIM-Signature: "+tags+"\r\n"+plain, z)
			if got.Status != test.status || !strings.Contains(got.Why, test.why) {
				t.Errorf("%+v", got)
			}
			if len(z.asked) > 0 {
				t.Errorf("asked %q", z.asked)
			}
		})
	}
	z := zone(t, keyRecord(rsaKey().Public()))
	if got := verifyOne(t, "DKIM-Signature: "+sound+"\r\n"+plain, z); got.Status != mail.Fail || len(z.asked) != 1 {
		t.Errorf("what the table changes is not sound: %+v", got)
	}
}

func TestAHeaderSectionTooLargeIsNotVerified(t *testing.T) { // D1
	for name, more := range map[string]string{
		"octets": "X-Fill: " + strings.Repeat("x", 100<<10) + "\r\nX-Fill: " + strings.Repeat("x", 100<<10) + "\r\nX-Fill: " + strings.Repeat("x", 100<<10) + "\r\n",
		"fields": strings.Repeat("X-Fill: x\r\n", 1000),
	} {
		z := zone(t, keyRecord(edKey.Public()))
		if got := verifyOne(t, more+sign(t, plain, nil), z); got.Status != mail.PermError || !strings.Contains(got.Why, "too large") || len(z.asked) > 0 {
			t.Errorf("%s: %+v, asked %q", name, got, z.asked)
		}
	}
}

func TestDuty_B2_DKIM_AtMostFiveSignaturesAlignedFirst(t *testing.T) { // D2
	foreign := func(o *library.SignOptions) { o.Domain = "other.example" }
	var many strings.Builder
	for range 200 {
		many.WriteString(strings.TrimSuffix(sign(t, plain, foreign), plain))
	}
	z := zone(t, keyRecord(edKey.Public()))
	got := Verify(t.Context(), z, message(t, []byte(many.String()+sign(t, plain, nil))), "mail.example.com", time.Now())
	if len(got) != 5 || len(z.asked) != 5 {
		t.Fatalf("%d results, %d questions", len(got), len(z.asked))
	}
	if got[0].Domain != "example.com" || got[1].Domain != "other.example" {
		t.Errorf("%+v", got)
	}
	for _, r := range got {
		if r.Status != mail.Pass {
			t.Errorf("%+v", r)
		}
	}
}

func TestRefusedSignaturesDoNotPushOutASoundOne(t *testing.T) {
	junk := strings.Repeat("DKIM-Signature: v=1; a=rsa-sha1; d=example.com; s=sel; h=From; bh=; b=\r\n", 9)
	got := Verify(t.Context(), zone(t, keyRecord(edKey.Public())), message(t, []byte(junk+sign(t, plain, nil))), "example.com", time.Now())
	if len(got) != 5 || got[0].Status != mail.Pass {
		t.Errorf("%+v", got)
	}
}

// rsaRecord publishes a modulus of that many bits; nobody has its private key.
func rsaRecord(bits uint) string {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	n.SetBit(n, 0, 1)
	return "p=" + base64.StdEncoding.EncodeToString(publicKey(n, 65537))
}

func publicKey(n *big.Int, e int) []byte {
	return x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n, E: e})
}

func TestKeys(t *testing.T) {
	rsaSigned := sign(t, plain, func(o *library.SignOptions) { o.Signer = rsaKey() })
	edSigned := sign(t, plain, nil)
	good, ed := keyRecord(rsaKey().Public()), keyRecord(edKey.Public())
	pkcs1 := "p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))
	tests := []struct {
		name, raw, record string
		status            mail.Status
		why               string
	}{
		{"the bare form of erratum 3017", rsaSigned, pkcs1, mail.Pass, "holds"},
		{"white space in the key", rsaSigned, good[:60] + " \t" + good[60:], mail.Pass, "holds"},
		{"more tags", rsaSigned, good + "; s=email; h=sha1:sha256; n=note; x=y; t=s", mail.Pass, "holds"},
		{"test mode", rsaSigned, good + "; t=y", mail.Pass, "testing"},
		{"D3: 768 bits", rsaSigned, rsaRecord(768), mail.Policy, "768 bits"},
		{"D3: 16384 bits", rsaSigned, rsaRecord(16384), mail.Policy, "16384 bits"},
		{"F6: a large exponent", rsaSigned, "p=" + base64.StdEncoding.EncodeToString(publicKey(rsaKey().N, 1<<31-1)), mail.Policy, "exponent 2147483647"},
		{"8192 bits are verified", rsaSigned, rsaRecord(8192), mail.Fail, "another key"},
		{"revoked", rsaSigned, "v=DKIM1; p=", mail.PermError, "revoked"},
		{"no p=", rsaSigned, "v=DKIM1", mail.PermError, "no p="},
		{"another version", rsaSigned, strings.Replace(good, "DKIM1", "DKIM2", 1), mail.PermError, "version"},
		{"not base64", rsaSigned, "p=%%%%", mail.PermError, "base64"},
		{"not a key", rsaSigned, "p=QUJD", mail.PermError, "not an RSA key"},
		{"no list", rsaSigned, "hello", mail.PermError, "list of tags"},
		{"a record too long", rsaSigned, good + "; n=" + strings.Repeat("x", 9000), mail.PermError, "list of tags"},
		{"another type", rsaSigned, ed, mail.PermError, "type"},
		{"an unknown type", rsaSigned, "k=dsa; p=QUJD", mail.PermError, "type"},
		{"a short Ed25519 key", edSigned, "k=ed25519; p=QUJD", mail.PermError, "Ed25519"},
		{"an Ed25519 key with a header, as 8463 forbids", edSigned, "k=ed25519; p=MCowBQYDK2VwAyEA" + ed[len("v=DKIM1; k=ed25519; p="):], mail.PermError, "Ed25519"},
		{"SHA-1 only", rsaSigned, good + "; h=sha1", mail.PermError, "SHA-256"},
		{"not for mail", rsaSigned, good + "; s=chat", mail.PermError, "not for mail"},
		{"another key", edSigned, keyRecord(ed25519.NewKeyFromSeed(make([]byte, 32)).Public()), mail.Fail, "another key"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := verifyOne(t, test.raw, zone(t, test.record)); got.Status != test.status || !strings.Contains(got.Why, test.why) {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestTroubleWithTheKeyQuestion(t *testing.T) { // D8
	at := func(selector string) string {
		return sign(t, plain, func(o *library.SignOptions) { o.Selector = selector })
	}
	tests := []struct {
		selector string
		status   mail.Status
		why      string
	}{
		{"slow", mail.TempError, "the key at slow._domainkey.example.com could not be asked for: DNS failed or did not answer in time"},
		{"fails", mail.TempError, "the key at fails._domainkey.example.com could not be asked for: DNS failed or did not answer in time"},
		{"absent", mail.PermError, "no key at absent._domainkey.example.com"},
		{"two", mail.PermError, "2 records stand for the key at two._domainkey.example.com"},
	}
	for _, test := range tests {
		if got := verifyOne(t, at(test.selector), zone(t, "")); got.Status != test.status || got.Why != test.why {
			t.Errorf("%+v", got)
		}
	}
	for _, err := range []error{context.DeadlineExceeded, errors.New("no route")} {
		z := zone(t, "")
		z.bare = err
		if got := verifyOne(t, at("sel"), z); got.Status != mail.TempError {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

func TestLetterCaseOfAnIdentifierDoesNotMatter(t *testing.T) { // D4
	for _, id := range []string{"@EXAMPLE.com", "erika@Mail.Example.Com"} {
		raw := sign(t, plain, func(o *library.SignOptions) { o.Identifier = id })
		if got := verifyOne(t, raw, zone(t, keyRecord(edKey.Public()))); got.Status != mail.Pass {
			t.Errorf("%s: %+v", id, got)
		}
		if got := verifyOne(t, strings.Replace(raw, "Hello", "Hullo", 1), zone(t, keyRecord(edKey.Public()))); got.Why != whyBody {
			t.Errorf("%s: %+v", id, got)
		}
	}
}

func TestAKeyMayForbidSubdomains(t *testing.T) { // D5
	record := keyRecord(edKey.Public()) + "; t=s"
	for id, want := range map[string]mail.Status{"@mail.example.com": mail.PermError, "@example.com": mail.Pass, "@Example.com": mail.Pass, "": mail.Pass} {
		raw := sign(t, plain, func(o *library.SignOptions) { o.Identifier = id })
		if got := verifyOne(t, raw, zone(t, record)); got.Status != want {
			t.Errorf("%q: %+v", id, got)
		}
	}
}

func TestAMessageWithoutABlankLine(t *testing.T) { // D6
	whole := sign(t, "From: erika@example.com\r\nTo: max@example.net\r\n\r\n", nil)
	for _, raw := range []string{whole, strings.TrimSuffix(whole, "\r\n"), strings.TrimSuffix(whole, "\r\n\r\n")} {
		if got := verifyOne(t, raw, zone(t, keyRecord(edKey.Public()))); got.Status != mail.Pass {
			t.Errorf("%q: %+v", raw[len(raw)-4:], got)
		}
	}
}

// The library judges x= by the clock on the wall; a stored message is judged by
// the time at which it arrived.
func TestExpiryIsJudgedAtTheTimeOfArrival(t *testing.T) {
	var raw string
	var ends time.Time
	synctest.Test(t, func(t *testing.T) { // at the beginning of the year 2000
		ends = time.Now().Add(time.Hour)
		raw = sign(t, plain, func(o *library.SignOptions) { o.Expiration = ends })
	})
	changed := strings.Replace(raw, "Hello", "Hullo", 1)
	tests := []struct {
		name, raw string
		now       time.Time
		status    mail.Status
	}{
		{"before the end", raw, ends.Add(-time.Minute), mail.Pass},
		{"at the end", raw, ends, mail.Pass},
		{"after the end", raw, ends.Add(time.Second), mail.PermError},
		{"before the end, but changed", changed, ends.Add(-time.Minute), mail.Fail},
		{"long before it was made", raw, ends.Add(-48 * time.Hour), mail.PermError},
	}
	for _, test := range tests {
		m := message(t, []byte(test.raw))
		if got := Verify(t.Context(), zone(t, keyRecord(edKey.Public())), m, "", test.now)[0]; got.Status != test.status {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
}

// Each case names what misread is for. When the library reads one as well, its
// branch there can go.
func TestWhatTheLibraryMisreads(t *testing.T) {
	record := keyRecord(edKey.Public())
	tests := []struct {
		name   string
		change func(*library.SignOptions)
	}{
		{"i= in other letter case than d=", func(o *library.SignOptions) { o.Identifier = "@EXAMPLE.com" }},
		{"a value that holds b=", func(o *library.SignOptions) { o.Identifier = "b=c@example.com" }},
		{"a signature that allows no other beside it", func(o *library.SignOptions) { o.HeaderKeys = append(o.HeaderKeys, fieldName) }},
	}
	for _, test := range tests {
		raw := sign(t, plain, test.change)
		if got := verifyOne(t, raw, zone(t, record)); got.Status != mail.Pass {
			t.Errorf("%s: %+v", test.name, got)
		}
		bare, err := library.VerifyWithOptions(strings.NewReader(raw), &library.VerifyOptions{
			LookupTXT: func(string) ([]string, error) { return []string{record}, nil },
		})
		if err != nil || bare[0].Err == nil {
			t.Errorf("%s: the library reads it now: %v", test.name, err)
		}
	}
}

func TestASignatureMayCoverAnother(t *testing.T) {
	covering := func(o *library.SignOptions) { o.HeaderKeys = append(o.HeaderKeys, fieldName) }
	first := sign(t, plain, nil)
	both := sign(t, first, covering)
	got := Verify(t.Context(), zone(t, keyRecord(edKey.Public())), message(t, []byte(both)), "", time.Now())
	if len(got) != 2 || got[0].Status != mail.Pass || got[1].Status != mail.Pass {
		t.Errorf("%+v", got)
	}
	lost := strings.TrimSuffix(both, first) + plain
	if got := verifyOne(t, lost, zone(t, keyRecord(edKey.Public()))); got.Why != whyHeaderOr {
		t.Errorf("%+v", got)
	}
}

func TestACancelledVerificationIsTemporary(t *testing.T) {
	m := message(t, []byte(sign(t, plain, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	z := zone(t, keyRecord(edKey.Public()))
	for _, cancelNow := range []bool{false, true} {
		if cancelNow {
			cancel()
		}
		s := choose(m, "", time.Now())[0]
		k := sig.ParseKey(keyRecord(edKey.Public()), s.KeyType).Key
		library, _, _ := verifyLibrary(ctx, m, s, k, sig.NewBody(m))
		exact, _ := verifyExact(ctx, m, s, k, sig.NewBody(m))
		want := map[bool]mail.Status{false: mail.Pass, true: mail.TempError}[cancelNow]
		if library != want || exact != want {
			t.Errorf("cancelled %t: %s, %s", cancelNow, library, exact)
		}
	}
	if got := Verify(ctx, z, m, "", time.Now()); got[0].Status != mail.TempError {
		t.Errorf("%+v", got)
	}
}

// failing is content whose body cannot be read.
type failing struct {
	io.ReaderAt
	from int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, errors.New("disk on fire")
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestContentThatCannotBeReadIsTemporary(t *testing.T) {
	raw := sign(t, plain+strings.Repeat("text\r\n", 100_000), nil)
	m, err := mail.ParseMessage(failing{strings.NewReader(raw), 100_000}, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if got := Verify(t.Context(), zone(t, keyRecord(edKey.Public())), m, "", time.Now()); got[0].Status != mail.TempError || got[0].Why != whyUnread {
		t.Errorf("%+v", got)
	}
}
