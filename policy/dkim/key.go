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
	"mxgate/policy/memo"
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
// as soon as it is there. Keys that r holds in memory come first, and a key that
// nobody waits with is asked for here: only waiting is worth a goroutine.
//
// All goroutines have ended when it returns. A panic of r is one of the caller.
func fetchKeys(ctx context.Context, r dns.Resolver, sigs []*signature) iter.Seq2[int, keyAnswer] {
	return func(yield func(int, keyAnswer) bool) {
		var wanted, missing []int
		for i, sig := range sigs {
			if sig.refused == "" {
				wanted = append(wanted, i)
			}
		}
		switch len(wanted) {
		case 0:
			return
		case 1:
			yield(wanted[0], fetchKey(ctx, r, sigs[wanted[0]]))
			return
		}
		// A resolver answers from its memory when the time is up, too.
		past, over := context.WithCancel(ctx)
		over()
		for _, i := range wanted {
			a := fetchKey(past, r, sigs[i])
			if a.status == mail.TempError {
				missing = append(missing, i)
			} else if !yield(i, a) {
				return
			}
		}
		if len(missing) > 0 {
			waitForKeys(ctx, r, sigs, missing, yield)
		}
	}
}

// waitForKeys asks for the keys of the signatures with these indexes.
func waitForKeys(ctx context.Context, r dns.Resolver, sigs []*signature, missing []int, yield func(int, keyAnswer) bool) {
	type answer struct {
		keyAnswer
		index int
		panic any
	}
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	answers := make(chan answer, len(missing)) // so that nobody waits to be heard
	for _, i := range missing {
		asking.Go(func() {
			a := answer{index: i}
			defer func() {
				if p := recover(); p != nil {
					a.panic = fmt.Sprintf("dkim: asking for a key: %v\n%s", p, debug.Stack())
				}
				answers <- a
			}()
			a.keyAnswer = fetchKey(ctx, r, sigs[i])
		})
	}
	for range missing {
		a := <-answers
		if a.panic != nil {
			panic(a.panic)
		}
		if !yield(a.index, a.keyAnswer) {
			return
		}
	}
}

// fetchKey asks for the key of sig and judges it: RFC 6376, Sections 3.6.1 and
// 6.1.2.
func fetchKey(ctx context.Context, r dns.Resolver, sig *signature) keyAnswer {
	name := sig.keyName()
	answer, err := r.TXT(ctx, name)
	switch {
	case errors.Is(err, dns.ErrNotFound), errors.Is(err, dns.ErrPermanent):
		return keyAnswer{status: mail.PermError, why: "no key at " + name}
	case err != nil:
		return keyAnswer{status: mail.TempError, why: "the key at " + name + " could not be asked for: DNS failed or did not answer in time"}
	case len(answer.Records) != 1: // RFC 6376, Section 3.6.2.2: undefined
		return keyAnswer{status: mail.PermError, why: fmt.Sprintf("%d records stand for the key at %s", len(answer.Records), name)}
	}
	a := parseKey(answer.Records[0], sig)
	if a.status != "" {
		a.why = "the key at " + name + " " + a.why
	}
	return a
}

// knownKeys remembers records that were read: the same few senders come again
// and again.
var knownKeys = memo.New[keyQuestion, keyAnswer](1 << 20)

// keyQuestion is a record and what it depends on in a signature.
type keyQuestion struct {
	record  string
	keyType string // of a=
	below   bool   // i= is in a subdomain of d=
}

// parseKey reads a key record for sig. why continues "the key at NAME".
func parseKey(record string, sig *signature) keyAnswer {
	if len(record) > maxKeyOctets {
		return keyAnswer{status: mail.PermError, why: "is not a list of tags"}
	}
	return knownKeys.Of(keyQuestion{record, sig.keyType, sig.identity != sig.domain}, len(record), readKey)
}

func readKey(q keyQuestion) keyAnswer {
	perm := func(format string, args ...any) keyAnswer {
		return keyAnswer{status: mail.PermError, why: fmt.Sprintf(format, args...)}
	}
	tags, err := parseTags(q.record)
	if err != nil {
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
	case keyType != q.keyType:
		return perm("is of type %+.20q, the signature is not", keyType)
	case hashed && !slices.Contains(words(hashes), "sha256"):
		return perm("does not allow SHA-256")
	case limited && !slices.Contains(words(services), "*") && !slices.Contains(words(services), "email"):
		return perm("is not for mail")
	case slices.Contains(flags, "s") && q.below:
		return perm("forbids subdomains in i= (t=s)")
	}
	der, err := base64.StdEncoding.DecodeString(removeFWS(text))
	if err != nil {
		return perm("is not base64")
	}
	k := key{testing: slices.Contains(flags, "y")}
	k.record = "v=DKIM1; k=" + keyType + "; p=" + base64.StdEncoding.EncodeToString(der)
	if keyType == "ed25519" { // RFC 8463, Section 4: the bare key
		if len(der) != ed25519.PublicKeySize {
			return perm("is not an Ed25519 key")
		}
		k.ed25519 = der
		return keyAnswer{key: k}
	}
	if k.rsa = parseRSA(der); k.rsa == nil {
		return perm("is not an RSA key")
	}
	if bits := k.rsa.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return keyAnswer{status: mail.Policy, why: fmt.Sprintf("has %d bits, not %d to %d", bits, minRSABits, maxRSABits)}
	}
	return keyAnswer{key: k}
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
