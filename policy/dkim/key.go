package dkim

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"sync"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
)

// Limits of a key. RFC 8301, Section 3.2 demands 1024 bits; beyond 8192 one
// verification costs a hundred times as much and nobody publishes such a key.
const (
	minRSABits   = 1024
	maxRSABits   = 8192
	maxKeyOctets = 8 << 10 // of the record
)

// key is a public key and what its record says about it.
type key struct {
	rsa     *rsa.PublicKey // exactly one of rsa and ed25519 is set
	ed25519 ed25519.PublicKey
	record  string // the key alone, in the form the library reads
	testing bool   // t=y
}

// keyAnswer is a key, or a status that says why there is none to verify with.
type keyAnswer struct {
	key    key
	status mail.Status
	why    string
}

// fetchKeys asks for the keys of those of sigs that were not refused, at most
// maxEvaluated, side by side, and yields each with the index of its signature
// as soon as it is there.
//
// All goroutines have ended when it returns. A panic of r is one of the caller.
func fetchKeys(ctx context.Context, r dns.Resolver, sigs []*signature) iter.Seq2[int, keyAnswer] {
	type answer struct {
		keyAnswer
		index int
		panic any
	}
	return func(yield func(int, keyAnswer) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var asking sync.WaitGroup
		defer asking.Wait()
		defer cancel()
		answers := make(chan answer, len(sigs)) // so that nobody waits to be heard
		asked := 0
		for i, sig := range sigs {
			if sig.refused != "" {
				continue
			}
			asked++
			asking.Go(func() {
				a := answer{index: i}
				defer func() {
					if p := recover(); p != nil {
						a.panic = fmt.Sprintf("dkim: asking for a key: %v\n%s", p, debug.Stack())
					}
					answers <- a
				}()
				a.key, a.status, a.why = fetchKey(ctx, r, sig)
			})
		}
		for range asked {
			a := <-answers
			if a.panic != nil {
				panic(a.panic)
			}
			if !yield(a.index, a.keyAnswer) {
				return
			}
		}
	}
}

// fetchKey asks for the key of sig and judges it: RFC 6376, Sections 3.6.1 and
// 6.1.2. A status says why there is none to verify with.
func fetchKey(ctx context.Context, r dns.Resolver, sig *signature) (k key, status mail.Status, why string) {
	name := sig.keyName()
	answer, err := r.TXT(ctx, name)
	switch {
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrPermanent):
		return key{}, mail.PermError, "no key at " + name
	case err != nil:
		return key{}, mail.TempError, "the key at " + name + " could not be asked for: DNS failed or did not answer in time"
	case len(answer.Records) != 1: // RFC 6376, Section 3.6.2.2: undefined
		return key{}, mail.PermError, fmt.Sprintf("%d records stand for the key at %s", len(answer.Records), name)
	}
	k, status, why = parseKey(answer.Records[0], sig)
	if status != "" {
		return key{}, status, "the key at " + name + " " + why
	}
	return k, "", ""
}

// parseKey reads a key record for sig. why continues "the key at NAME".
func parseKey(record string, sig *signature) (k key, status mail.Status, why string) {
	perm := func(format string, args ...any) (key, mail.Status, string) {
		return key{}, mail.PermError, fmt.Sprintf(format, args...)
	}
	tags, err := parseTags(record)
	if err != nil || len(record) > maxKeyOctets {
		return perm("is not a list of tags")
	}
	text, ok := lookup(tags, "p")
	keyType, typed := lookup(tags, "k")
	if !typed {
		keyType = "rsa"
	}
	hashes, hashed := lookup(tags, "h")
	services, limited := lookup(tags, "s")
	version, versioned := lookup(tags, "v")
	flagged, _ := lookup(tags, "t")
	flags := words(flagged)
	switch {
	case versioned && version != "DKIM1":
		return perm("is of version %+.20q", version)
	case !ok:
		return perm("has no p=")
	case removeFWS(text) == "":
		return perm("was revoked")
	case keyType != sig.keyType:
		return perm("is of type %+.20q, the signature is not", keyType)
	case hashed && !slices.Contains(words(hashes), "sha256"):
		return perm("does not allow SHA-256")
	case limited && !slices.Contains(words(services), "*") && !slices.Contains(words(services), "email"):
		return perm("is not for mail")
	case slices.Contains(flags, "s") && sig.identity != sig.domain:
		return perm("forbids subdomains in i= (t=s)")
	}
	der, err := base64.StdEncoding.DecodeString(removeFWS(text))
	if err != nil {
		return perm("is not base64")
	}
	k.testing = slices.Contains(flags, "y")
	k.record = "v=DKIM1; k=" + keyType + "; p=" + base64.StdEncoding.EncodeToString(der)
	if keyType == "ed25519" { // RFC 8463, Section 4: the bare key
		if len(der) != ed25519.PublicKeySize {
			return perm("is not an Ed25519 key")
		}
		k.ed25519 = der
		return k, "", ""
	}
	if k.rsa = parseRSA(der); k.rsa == nil {
		return perm("is not an RSA key")
	}
	if bits := k.rsa.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return key{}, mail.Policy, fmt.Sprintf("has %d bits, not %d to %d", bits, minRSABits, maxRSABits)
	}
	return k, "", ""
}

// parseRSA reads a SubjectPublicKeyInfo or, as RFC 6376, erratum 3017 has it, a
// bare RSAPublicKey; nil if der is neither.
func parseRSA(der []byte) *rsa.PublicKey {
	if any, err := x509.ParsePKIXPublicKey(der); err == nil {
		k, _ := any.(*rsa.PublicKey)
		return k
	}
	k, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return nil
	}
	return k
}
