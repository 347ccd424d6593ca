package dkim

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
)

// Sentences about what was compared; library and exact verification share them.
const (
	whyPass      = "the signature holds"
	whyBody      = "body hash did not match: the body was changed after signing"
	whySignature = "the signature does not match: signed header fields were changed, or it was made with another key"
	whyUnread    = "the message could not be read to its end"
)

// verifyLibrary lets the library verify sig with a key in hand.
//
// It is shown the field of sig and the fields it covers, then the body: so it
// sees one signature, at most maxSignedNames fields, and an empty line even
// where the message has none. If it would go by something else than the
// signature, it has not judged.
func verifyLibrary(m *mail.Message, sig *signature, k key, b *body) (status mail.Status, why string, judged bool) {
	if misread(sig) {
		return "", "", false
	}
	var header bytes.Buffer
	header.Write(line(m.Fields[sig.field].Raw))
	covered := signedFields(m, sig)
	for i := len(covered) - 1; i >= 0; i-- { // it takes fields of one name from the bottom up
		header.Write(covered[i])
	}
	header.WriteString("\r\n")
	// Without io.WriterTo the body passes in pieces of 4 KB, not of 32.
	content := struct{ io.Reader }{io.MultiReader(&header, b.open())}
	verifications, err := library.VerifyWithOptions(content, &library.VerifyOptions{
		LookupTXT:        func(string) ([]string, error) { return []string{k.record}, nil },
		MaxVerifications: 1,
	})
	if err != nil {
		return mail.TempError, whyUnread, true
	}
	if len(verifications) != 1 {
		return mail.PermError, "the signature cannot be read", true
	}
	switch err := verifications[0].Err; {
	case err == nil:
		return mail.Pass, whyPass, true
	case !library.IsPermFail(err) && strings.Contains(err.Error(), "body hash"):
		return mail.Fail, whyBody, true
	case !library.IsPermFail(err):
		return mail.Fail, whySignature, true
	case strings.Contains(err.Error(), "expired"):
		// By its own clock. When the message arrived, it had not: checkTimes.
		return "", "", false
	default:
		return mail.PermError, fmt.Sprintf("the signature cannot be verified: %+.100q", err), true
	}
}

// bInValue reports whether s holds what the library takes for the tag b=,
// wherever it stands: its expression is `b\s*=`.
func bInValue(s string) bool {
	for {
		_, after, found := strings.Cut(s, "b")
		if !found {
			return false
		}
		if strings.HasPrefix(strings.TrimLeft(after, " \t\n\f\r"), "=") {
			return true
		}
		s = after
	}
}

// misread reports whether the library (v0.7.0) would give a wrong verdict on a
// signature that we let through; TestWhatTheLibraryMisreads tells when one of
// the cases is over.
func misread(sig *signature) bool {
	// It compares the letter case of i= and d=; domain names have none.
	i, d := removeFWS(sig.value("i")), removeFWS(sig.value("d"))
	if i != "" && !strings.HasSuffix(i, "@"+d) && !strings.HasSuffix(i, "."+d) {
		return true
	}
	for _, t := range sig.tags {
		// It cuts out of the hash what follows any "b=", as a z= may hold one.
		if t.name != "b" && (strings.HasSuffix(t.name, "b") || bInValue(t.value)) {
			return true
		}
	}
	// It would take the signature's own field for one that is covered.
	for _, name := range sig.signed {
		if strings.EqualFold(name, fieldName) {
			return true
		}
	}
	return false
}
