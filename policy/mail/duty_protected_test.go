package mail

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// signedBy is a multipart/signed with the given first part and boundary.
func signedBy(boundary, part string) string {
	return "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n" + part +
		"\r\n--" + boundary + "\r\nContent-Type: application/pgp-signature\r\nFrom: signature@example.net\r\n\r\nx\r\n--" + boundary + "--\r\n"
}

// RFC 9788, Section 2.1: what is protected, and what only looks like it.
func TestDuty_B6_Mail(t *testing.T) {
	const inner = "Content-Type: text/plain\r\nFrom: Erika\r\n <a@example.com>\r\nX-Other: y\r\nSubject: s\r\n\r\nFrom: body@example.net\r\n"
	const outer = "From: o@example.org\r\n"
	hp := strings.Replace(inner, "text/plain", `text/plain; hp="clear"`, 1)
	mixed := func(parts ...string) string {
		return "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n" + strings.Join(parts, "\r\n--m\r\n") + "\r\n--m--\r\n"
	}
	for _, c := range []struct {
		name, text string
		want       string // fields, "|" between sections
	}{
		{"the first part of signed mail", outer + signedBy("s", inner), "From: Erika <a@example.com>,Subject: s"},
		{"in other letters and folded", outer + strings.Replace(signedBy("s", inner), "multipart/signed;", "Multipart/SIGNED;\r\n\t", 1), "From: Erika <a@example.com>,Subject: s"},
		{"which is a multipart itself", outer + signedBy("s", "From: a@example.com\r\n"+mixed(inner, inner)), "From: a@example.com"},
		{"below a list's multipart", outer + mixed(signedBy("s", inner), "\r\nfooter"), "From: Erika <a@example.com>,Subject: s"},
		{"behind a list's header", outer + mixed("\r\nheader", signedBy("s", inner)), "From: Erika <a@example.com>,Subject: s"},
		{"signed twice", outer + signedBy("s", "From: b@example.com\r\n"+signedBy("i", inner)), "From: b@example.com|From: Erika <a@example.com>,Subject: s"},
		{"hp in any part", outer + mixed(inner, hp), "From: Erika <a@example.com>,Subject: s"},
		{"the older parameter", outer + mixed(strings.Replace(hp, `hp="clear"`, `protected-headers="v1"`, 1)), "From: Erika <a@example.com>,Subject: s"},
		{"a signed message", outer + signedBy("s", "Content-Type: message/rfc822\r\n\r\n"+inner), "From: Erika <a@example.com>,Subject: s"},
		{"a signed message with an outer and an inner From", outer + signedBy("s", "From: b@example.com\r\nContent-Type: message/global\r\n\r\n"+inner), "From: b@example.com|From: Erika <a@example.com>,Subject: s"},
		{"what is attached to a signed message", outer + signedBy("s", "Content-Type: message/rfc822\r\n\r\nFrom: b@example.com\r\nContent-Type: message/rfc822\r\n\r\n"+inner), "From: b@example.com"},
		{"the parts of a signed message", outer + signedBy("s", "Content-Type: message/rfc822\r\n\r\nFrom: b@example.com\r\n"+mixed(inner)), "From: b@example.com"},
		{"what is signed in a signed message", outer + signedBy("s", "Content-Type: message/rfc822\r\n\r\nFrom: b@example.com\r\n"+signedBy("i", inner)), "From: b@example.com"},
		{"a signed message that is attached", outer + mixed("Content-Type: message/rfc822\r\n\r\n"+outer+signedBy("s", "Content-Type: message/rfc822\r\n\r\n"+inner)), ""},
		{"hp with odd spaces", outer + mixed(strings.Replace(hp, "hp=", "HP\t\r\n =", 1)), "From: Erika <a@example.com>,Subject: s"},
		{"hp as RFC 2231 writes it", outer + mixed(strings.Replace(hp, "hp=", "hp*=us-ascii''", 1)), "From: Erika <a@example.com>,Subject: s"},
		{"hp behind From", outer + mixed("From: a@example.com\r\nContent-Type: text/plain; hp=cipher\r\n\r\nx"), "From: a@example.com"},
		{"two From fields", outer + signedBy("s", "From: a@example.com\r\nfrom : b@example.com\r\n\r\n"), "From: a@example.com,from: b@example.com"},
		{"a name with a control in it", outer + signedBy("s", "Fr\x01om: a@example.com\r\n\r\n"), ": Fr\x01om: a@example.com"},
		{"a From field that is continued by junk", outer + signedBy("s", "From: a\r\n<b@example.com>\r\n\r\n"), "From: a,: <b@example.com>"},
		{"a part that its boundary ends", outer + strings.Replace(signedBy("s", "From: a@example.com"), "\r\n\r\n--s\r\nContent-Type", "\r\n--s\r\nContent-Type", 1), "From: a@example.com"},
		{"a part that the message ends in", outer + "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\nFrom: a@example.com", "From: a@example.com"},
		{"no field of interest", outer + signedBy("s", "Content-Type: text/plain; hp=clear\r\nTo: a@example.com\r\n\r\nx"), ""},
		{"a part without hp", outer + mixed(inner), ""},
		{"the message itself", hp, ""},
		{"the message itself, of parts", "From: a@example.com\r\n" + strings.Replace(mixed(inner), "boundary", "hp=clear; boundary", 1), ""},
		{"an attached message", outer + mixed("Content-Type: message/rfc822\r\n\r\n"+outer+signedBy("s", inner)), ""},
		{"an attached message with hp", outer + mixed("Content-Type: message/rfc822\r\n\r\n"+hp, "\r\nx"), ""},
		{"behind an attached message", outer + mixed("Content-Type: message/rfc822\r\n\r\n"+outer+mixed("x"), hp), "From: Erika <a@example.com>,Subject: s"},
		{"hp behind an attached message of one part", outer + mixed("Content-Type: message/rfc822\r\n\r\n"+outer+"\r\nx", hp), "From: Erika <a@example.com>,Subject: s"},
		{"a signed multipart without a part", outer + "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n--m\r\n" + inner, ""},
	} {
		found, err := WalkMIME(parse(t, c.text))
		var sections []string
		for _, h := range found {
			var fields []string
			for _, f := range h {
				fields = append(fields, f.Name+": "+f.Value())
			}
			sections = append(sections, strings.Join(fields, ","))
		}
		if got := strings.Join(sections, "|"); got != c.want || err != nil {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestDuty_B6_MailLimits(t *testing.T) {
	long := strings.Repeat("x", 990) + "\r\n "
	part := func(octets int) string { return "From: " + strings.Repeat(long, octets/len(long)) + "\r\n\r\n" }
	for _, c := range []struct {
		name, text  string
		unscannable bool
	}{
		{"the longest field", signedBy("s", part(maxProtectedOctets-1000)), false},
		{"a longer one", signedBy("s", part(maxProtectedOctets+1000)), true},
		{"a longer one in one line", signedBy("s", "Subject: "+strings.Repeat("x", 2*maxMIMELine)+"\r\n\r\n"), true},
		{"many fields", signedBy("s", strings.Repeat("From:\r\n", maxProtectedOctets/7+1)+"\r\n"), true},
		{"a long one that is not protected", parts(part(maxProtectedOctets + 1000)), false},
		{"two that are too long together", parts("Content-Type: a/b; hp=clear\r\n" + part(maxProtectedOctets/2) + "--x\r\nContent-Type: a/b; hp=clear\r\n" + part(maxProtectedOctets/2+2000)), true},
		{"two that are not", parts("Content-Type: a/b; hp=clear\r\n" + part(maxProtectedOctets/2-2000) + "--x\r\nContent-Type: a/b; hp=clear\r\n" + part(maxProtectedOctets/2-2000)), false},
		{"as many parts as may be", parts(strings.Repeat("Content-Type: a/b; hp=clear\r\nFrom: a@example.com\r\n\r\n--x\r\n", maxProtectedParts)), false},
		{"one more", parts(strings.Repeat("Content-Type: a/b; hp=clear\r\nFrom: a@example.com\r\n\r\n--x\r\n", maxProtectedParts+1)), true},
	} {
		if _, err := WalkMIME(parse(t, c.text)); errors.Is(err, ErrUnscannable) != c.unscannable || err != nil && !c.unscannable {
			t.Errorf("%s: %v, want unscannable %t", c.name, err, c.unscannable)
		}
	}
}

func FuzzProtectedHeaders(f *testing.F) {
	f.Add("From: o@example.org\r\n" + signedBy("s", "From: Erika\r\n <a@example.com>\r\nSubject: s\r\n\r\nx"))
	f.Add("From: o@example.org\r\n" + parts("Content-Type: a/b; hp=clear\r\nFr\x01om: a\r\n<a@example.com>"))
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMessage(strings.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		found, err := WalkMIME(m)
		if err != nil && found != nil || len(found) > maxProtectedParts {
			t.Fatalf("%d sections, %v", len(found), err)
		}
		for _, h := range found {
			octets := 0
			for _, field := range h {
				octets += len(field.Raw)
				name := strings.ToLower(field.VisibleName())
				if field.Name != "" && name != "from" && name != "subject" || !strings.Contains(text, string(field.Raw)) {
					t.Errorf("no protected field of the message: %q", field.Raw)
				}
			}
			if octets == 0 || octets > maxProtectedOctets {
				t.Errorf("%d octets", octets)
			}
			if a := ParseAuthor(&Message{Fields: h}); a.Ambiguous == "" && !slices.Contains(a.Candidates, a.Address.Domain) {
				t.Errorf("author %v among %v", a.Address, a.Candidates)
			}
		}
		if again, _ := WalkMIME(m); fmt.Sprint(again) != fmt.Sprint(found) {
			t.Error("two walks differ")
		}
	})
}
