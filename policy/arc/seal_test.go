package arc

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/sig"
)

var (
	now    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	edKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return k
	})
)

const plain = "From: Erika <erika@example.com>\r\nTo: max@example.net\r\nSubject: a  text\r\n\r\nHello \t you\r\n\r\n"

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

// sealer writes ARC sets, from the text of RFC 8617, Section 5.1. The zero sealer
// is example.net with an Ed25519 key.
type sealer struct {
	domain    string
	algorithm string                     // a=
	sign      func(digest []byte) []byte // of both signatures
	canon     string                     // c=
	names     string                     // h=
	results   string                     // behind i=; "" for spf=pass
	cv        string                     // "" for what is right
	seal      string                     // tags added to the seal
	message   string                     // tags added to the message signature

	messageDomain string // d= of the message signature; "" for domain
}

func signEd(digest []byte) []byte { return ed25519.Sign(edKey, digest) }

func signRSA(digest []byte) []byte {
	b, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, digest)
	if err != nil {
		panic(err)
	}
	return b
}

// or returns s, or def if it is empty.
func or(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// add returns raw with a set on top.
func (o sealer) add(t testing.TB, raw string) string {
	t.Helper()
	if o.sign == nil {
		o.sign = signEd
	}
	instance := strings.Count(strings.ToLower("\n"+raw), "\narc-seal:") + 1
	cv := or(o.cv, map[bool]string{true: "none", false: "pass"}[instance == 1])
	domain := or(o.domain, "example.net")
	head := func(domain string) string {
		return fmt.Sprintf("i=%d; a=%s; d=%s; s=sel", instance, or(o.algorithm, "ed25519-sha256"), domain)
	}
	canon := or(o.canon, "relaxed/relaxed")

	m := parse(t, raw)
	_, bodyCanon, _ := strings.Cut(canon, "/")
	bodyHash, err := sig.NewBody(m).Hash(t.Context(), sig.Canon(bodyCanon))
	if err != nil {
		t.Fatal(err)
	}
	results := fmt.Sprintf("ARC-Authentication-Results: i=%d; %s\r\n", instance, or(o.results, "mx.example.net; spf=pass"))
	message := fmt.Sprintf("ARC-Message-Signature: %s; c=%s; h=%s;%s\r\n bh=%s; b=", head(or(o.messageDomain, domain)), canon, or(o.names, "From:To:Subject"),
		o.message, base64.StdEncoding.EncodeToString(bodyHash))
	signed := parse(t, message+"\r\n"+raw)
	s := sig.Parse(signed.Fields[0].Raw)
	s.ReadNames()
	s.ReadCanon()
	message += base64.StdEncoding.EncodeToString(o.sign(sig.HeaderHash(signed, s, 0))) + "\r\n"

	seal := fmt.Sprintf("ARC-Seal: %s; cv=%s;%s\r\n b=", head(domain), cv, o.seal)
	var scope []byte
	sets := parse(t, seal+"\r\n"+message+results+raw)
	for i := range instance {
		for _, name := range []string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"} {
			for _, f := range sets.Named(name) {
				if strings.Contains(string(f.Raw), fmt.Sprintf("i=%d;", i+1)) {
					scope = sig.AppendRelaxed(scope, f.Raw)
				}
			}
		}
	}
	digest := sha256.Sum256(bytes.TrimSuffix(scope, []byte("\r\n")))
	return seal + base64.StdEncoding.EncodeToString(o.sign(digest[:])) + "\r\n" + message + results + raw
}

// chain returns plain with n sets of the zero sealer.
func chain(t testing.TB, n int) string {
	t.Helper()
	raw := plain
	for range n {
		raw = sealer{}.add(t, raw)
	}
	return raw
}

// zone answers for sel._domainkey of some sealers, and notes what is asked.
type zone struct {
	*dns.Snapshot
	mu    sync.Mutex
	asked []string
}

func (z *zone) TXT(ctx context.Context, name string) (dns.Answer[string], error) {
	if ctx.Err() == nil { // else what is held in memory is asked for
		z.mu.Lock()
		z.asked = append(z.asked, name)
		z.mu.Unlock()
	}
	return z.Snapshot.TXT(ctx, name)
}

// questions returns what was asked, in alphabetical order.
func (z *zone) questions() []string {
	slices.Sort(z.asked)
	return z.asked
}

func newZone(t testing.TB) *zone {
	t.Helper()
	z := &zone{Snapshot: dns.MustSnapshot(t, `
		sel._domainkey.slow.example   TXT TIMEOUT
		sel._domainkey.fails.example  TXT SERVFAIL
		sel._domainkey.two.example    TXT "v=DKIM1; p="
		sel._domainkey.two.example    TXT "p="
	`)}
	ed := keyRecord(edKey.Public())
	for _, d := range []string{"example.net", "list.example", "forwarder.example", "evil.example"} {
		z.Add("sel._domainkey."+d, "TXT", ed)
	}
	z.Add("sel._domainkey.testing.example", "TXT", ed+"; t=y")
	z.Add("sel._domainkey.rsa.example", "TXT", keyRecord(rsaKey().Public()))
	return z
}
