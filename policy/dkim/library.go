package dkim

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	library "github.com/emersion/go-msgauth/dkim"

	"mxgate/policy/mail"
	"mxgate/policy/sig"
)

// verifyLibrary lets the library verify s with a key in hand.
//
// It is shown the field of s and the fields it covers, then the body: so it
// sees one signature, at most 100 fields, and an empty line even
// where the message has none. If it would go by something else than the
// signature, or would take long, it has not judged.
func verifyLibrary(ctx context.Context, m *mail.Message, s *signature, k sig.Key, b *sig.Body) (status mail.Status, why string, judged bool) {
	if misread(s) {
		return "", "", false
	}
	var header bytes.Buffer
	header.Write(sig.Line(m.Fields[s.field].Raw))
	covered := sig.Covered(m, s.Names, s.field)
	for i := len(covered) - 1; i >= 0; i-- { // it takes fields of one name from the bottom up
		header.Write(covered[i])
	}
	if header.Len() > maxLibraryHeader {
		return "", "", false
	}
	header.WriteString("\r\n")
	// Without io.WriterTo the body passes in pieces of 4 KB, not of 32.
	content := struct{ io.Reader }{io.MultiReader(&header, b.Reader(ctx))}
	verifications, err := library.VerifyWithOptions(content, &library.VerifyOptions{
		LookupTXT:        func(string) ([]string, error) { return []string{k.Record}, nil },
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
	case !library.IsPermFail(err):
		return mail.Fail, "", true
	case strings.Contains(err.Error(), "expired"):
		// By its own clock. When the message arrived, it had not: CheckTimes.
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
func misread(s *signature) bool {
	// It compares the letter case of i= and d=; domain names have none.
	i, d := sig.RemoveFWS(s.Tags.Value("i")), sig.RemoveFWS(s.Tags.Value("d"))
	if i != "" && !strings.HasSuffix(i, "@"+d) && !strings.HasSuffix(i, "."+d) {
		return true
	}
	for _, t := range s.Tags {
		// It cuts out of the hash what follows any "b=", as a z= may hold one.
		if t.Name != "b" && (strings.HasSuffix(t.Name, "b") || bInValue(t.Value)) {
			return true
		}
	}
	// It would take the signature's own field for one that is covered.
	for _, name := range s.Names {
		if strings.EqualFold(name, fieldName) {
			return true
		}
	}
	return false
}
