package arc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"slices"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// maxWork bounds what one chain may cost, in the units of cost: it is about 8 ms,
// and enough for 50 seals and 50 message signatures with keys of 2048 bits, or 20
// signatures of 4096 bits, or four of 8192.
const maxWork = 320

// workOctets of header fields are hashed in the time of one unit.
const workOctets = 16 << 10

// cost is what the check of a signature costs, in units of one with RSA-2048,
// which takes about 25 us. Without a key it goes by the length of the signature,
// which has to be that of the key.
func cost(s *sig.Signature) int {
	switch n := len(s.Octets); {
	case s.KeyType != "rsa":
		return 2
	case n <= 256:
		return 1
	case n <= 512:
		return 16
	default:
		return 80
	}
}

// keyID is what a key is asked for by, and read as.
type keyID struct{ name, keyType string }

func idOf(s *sig.Signature) keyID { return keyID{s.KeyName(), s.KeyType} }

// verifier is the verification of one chain.
type verifier struct {
	r        dns.Resolver
	m        *mail.Message
	body     *sig.Body
	now      time.Time
	chain    []*set // that of instance 1 first
	repeated sig.Repeated
	keys     map[keyID]sig.KeyAnswer
	work     int // what may still be done
}

// bound returns why the chain asks for too much; else it takes the work for its
// seals and its newest message signature.
func (v *verifier) bound(newest *set) string {
	names := map[keyID]bool{idOf(newest.message): true}
	v.work -= cost(newest.message)
	for _, s := range v.chain {
		names[idOf(s.seal)] = true
		v.work -= cost(s.seal)
	}
	switch {
	case len(names) > maxKeys:
		return fmt.Sprintf("the chain needs %d keys, more than the %d that we ask for", len(names), maxKeys)
	case v.work < 0:
		return "the keys of the chain are so large that to check it would take too long"
	}
	return ""
}

// fetch asks for the keys of signatures that are not known yet, side by side,
// and hands each to use with its signature until use says no.
func (v *verifier) fetch(ctx context.Context, sigs []*sig.Signature, use func(*sig.Signature, sig.KeyAnswer) bool) {
	var missing []*sig.Signature
	for _, s := range sigs {
		if a, ok := v.keys[idOf(s)]; !ok {
			missing = append(missing, s)
		} else if !use(s, a) {
			return
		}
	}
	first := slices.Clone(missing) // one for each key
	seen := map[keyID]bool{}
	first = slices.DeleteFunc(first, func(s *sig.Signature) bool {
		again := seen[idOf(s)]
		seen[idOf(s)] = true
		return again
	})
	for i, a := range sig.FetchKeys(ctx, v.r, first, maxTime) {
		id := idOf(first[i])
		v.keys[id] = a
		for _, s := range missing {
			if idOf(s) == id && !use(s, a) {
				return
			}
		}
	}
}

// messageSignature verifies the message signature of s, which was not refused: it
// is one of DKIM. RFC 8617, Section 4.1.2.
func (v *verifier) messageSignature(ctx context.Context, s *set) (status mail.Status, why string) {
	sum, err := v.body.Hash(ctx, s.message.BodyCanon)
	switch {
	case err != nil:
		return mail.TempError, "the message could not be read to its end"
	case subtle.ConstantTimeCompare(sum, s.message.BodyHash) != 1:
		return mail.Fail, "the body was changed after it was sealed"
	}
	v.fetch(ctx, []*sig.Signature{s.message}, func(_ *sig.Signature, a sig.KeyAnswer) bool {
		status, why = check(s.message, a, func() []byte { return sig.HeaderHash(v.m, s.message, s.fields[message]) })
		return true
	})
	return status, why
}

// check verifies a signature over a digest, if there is a key.
func check(s *sig.Signature, a sig.KeyAnswer, digest func() []byte) (mail.Status, string) {
	switch {
	case a.Status == mail.TempError:
		return mail.TempError, a.Why
	case a.Status != "":
		return mail.Fail, a.Why
	case !a.Key.Verify(digest(), s.Octets):
		return mail.Fail, "it does not match: what it covers was changed, or it was made with another key"
	}
	return mail.Pass, ""
}

// seals verifies all seals. One that fails decides, whatever became of the keys
// of others. RFC 8617, Section 5.2, step 6.
func (v *verifier) seals(ctx context.Context) (status mail.Status, why string) {
	digests := v.digests()
	var sigs []*sig.Signature
	instances := map[*sig.Signature]int{}
	for _, s := range slices.Backward(v.chain) {
		sigs = append(sigs, s.seal)
		instances[s.seal] = s.instance
	}
	status = mail.Pass
	v.fetch(ctx, sigs, func(s *sig.Signature, a sig.KeyAnswer) bool {
		instance := instances[s]
		got, whyNot := check(s, a, func() []byte { return digests[instance-1] })
		if got != mail.Pass {
			status, why = got, fmt.Sprintf("the seal of set %d: %s", instance, whyNot)
		}
		return got != mail.Fail
	})
	return status, why
}

// digests returns what each seal is made over: the fields of all sets up to its
// own, and its own without the value of b=, in the relaxed form. RFC 8617,
// Section 5.1.1. Every field is hashed once, however long the chain.
func (v *verifier) digests() [][]byte {
	var all [][]byte
	var buf []byte
	sum := sha256.New()
	write := func(to hash.Hash, raw []byte, end string) {
		buf = sig.AppendRelaxed(buf[:0], raw)
		to.Write(bytes.TrimSuffix(buf, []byte(end)))
	}
	for _, s := range v.chain {
		write(sum, sig.Line(v.m.Fields[s.fields[results]].Raw), "")
		write(sum, sig.Line(v.m.Fields[s.fields[message]].Raw), "")
		raw := sig.Line(v.m.Fields[s.fields[seal]].Raw)
		own, err := sum.(hash.Cloner).Clone()
		if err != nil {
			panic("arc: SHA-256 cannot be cloned: " + err.Error()) // impossible: it holds no state elsewhere
		}
		write(own, sig.WithoutB(raw), "\r\n")
		all = append(all, own.Sum(nil))
		write(sum, raw, "")
	}
	return all
}

// oldestPass verifies the older message signatures, the newer first, until one
// does not hold: RFC 8617, Section 5.2, step 5. One whose key cannot be asked
// for, or for which no work is left, does not hold: to say that a message was
// changed earlier than it was believes less, never more.
func (v *verifier) oldestPass(ctx context.Context) int {
	for _, s := range slices.Backward(v.chain[:len(v.chain)-1]) {
		s.readMessage(v.now, v.repeated)
		v.work -= cost(s.message) + v.m.HeaderOctets/workOctets
		_, known := v.keys[idOf(s.message)]
		if s.message.Refused != "" || v.work < 0 || !known && len(v.keys) == maxKeys {
			return s.instance + 1
		}
		if status, _ := v.messageSignature(ctx, s); status != mail.Pass {
			return s.instance + 1
		}
	}
	return 0
}

// describe returns what is told of a set.
func (v *verifier) describe(s *set) Set {
	d := tell(s.instance, s.seal, s.results, slices.Max(s.fields[:]))
	d.Testing = v.keys[idOf(s.seal)].Key.Testing || v.keys[idOf(s.message)].Key.Testing
	return d
}

// tell returns what a seal and the results of its instance say.
func tell(instance int, seal *sig.Signature, results string, lowest int) Set {
	d := Set{Instance: instance, Sealer: seal.Domain, Selector: string(seal.Selector), Lowest: lowest}
	d.SealedAt, _ = seal.Time("t")
	if cv := seal.Tags.Value("cv"); cv == "none" || cv == "pass" || cv == "fail" {
		d.CV = cv
	}
	if len(results) <= maxResultsOctets {
		d.Results = results
	}
	return d
}
