package hijack

import (
	"fmt"
	"math/rand/v2"
	"mime"
	"strings"
	"time"
)

// Steal makes a hijack in the name of the author of m. thread are the other
// messages of the conversation, victim is whose mailbox it is. ok is false where
// the author's domain cannot be disguised in that class.
func Steal(m Mail, thread []Mail, victim Person, v Variant, at time.Time, disguise Disguise, r *rand.Rand) (h Hijack, ok bool) {
	domain := disguise(m.From.Domain, r)
	if domain == "" {
		return Hijack{}, false
	}
	h = Hijack{Variant: v, From: Person{m.From.Name, m.From.Local, domain}, Target: m.From.Domain, At: at}
	var head strings.Builder
	field := func(name, value string) { fmt.Fprintf(&head, "%s: %s\r\n", name, value) }
	field("Return-Path", "<"+h.From.Address()+">")
	field("From", mailbox(h.From))
	field("To", mailbox(victim))
	if cc := added(m, thread, victim, v.LookalikeCc, domain, disguise, r); len(cc) > 0 {
		field("Cc", strings.Join(cc, ",\r\n\t"))
	}
	field("Subject", reply(m.Subject))
	field("Date", at.Format(time.RFC1123Z))
	field("Message-ID", fmt.Sprintf("<%x.%x@%s>", r.Uint64(), r.Uint32(), domain))
	if v.StolenID {
		cited := append(m.References[:len(m.References):len(m.References)], m.ID)
		field("References", "<"+strings.Join(cited, ">\r\n\t<")+">")
		field("In-Reply-To", "<"+m.ID+">")
	}
	field("MIME-Version", "1.0")
	text := story(v.Payment, r)
	style := styles[r.IntN(len(styles))]
	if v.Quote {
		h.Style = style.name
	}
	field("Content-Type", contentType(style.html)+"; charset=utf-8")
	field("Content-Transfer-Encoding", "8bit")
	if v.Forged {
		m.From = h.From
	}
	body := style.body(text, m, victim, v.Quote)
	h.Raw = []byte(head.String() + "\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
	return h, true
}

func contentType(html bool) string {
	if html {
		return "text/html"
	}
	return "text/plain"
}

// mailbox writes a person into a header field.
func mailbox(p Person) string {
	if p.Name == "" {
		return p.Address()
	}
	if strings.ContainsFunc(p.Name, func(r rune) bool { return r > '~' }) {
		return mime.QEncoding.Encode("utf-8", p.Name) + " <" + p.Address() + ">"
	}
	return `"` + strings.NewReplacer(`"`, "", `\`, "").Replace(p.Name) + `" <` + p.Address() + ">"
}

func reply(subject string) string {
	if strings.HasPrefix(strings.ToLower(subject), "re:") {
		return subject
	}
	return "Re: " + subject
}

// added writes n look-alikes of others in the conversation; where there are too
// few others, colleagues of the hijacker's.
func added(m Mail, thread []Mail, victim Person, n int, own string, disguise Disguise, r *rand.Rand) []string {
	seen := map[string]bool{m.From.Domain: true, victim.Domain: true}
	others := m.Others
	for _, t := range thread {
		others = append(others[:len(others):len(others)], t.From)
	}
	var cc []string
	for _, p := range others {
		if len(cc) == n {
			break
		}
		if p.Domain == "" || seen[p.Domain] {
			continue
		}
		seen[p.Domain] = true
		if d := disguise(p.Domain, r); d != "" {
			cc = append(cc, mailbox(Person{p.Name, p.Local, d}))
		}
	}
	for _, role := range []string{"accounts", "finance", "office"} {
		if len(cc) < n {
			cc = append(cc, role+"@"+own)
		}
	}
	return cc
}

// story is what the hijacker has to say.
func story(payment bool, r *rand.Rand) string {
	if !payment {
		return idle[r.IntN(len(idle))]
	}
	s := demands[r.IntN(len(demands))]
	return strings.ReplaceAll(s, "IBAN", IBAN(r))
}

// IBAN makes an account number with a valid checksum, German or British in form.
// ISO 13616.
func IBAN(r *rand.Rand) string {
	country, account := "DE", fmt.Sprintf("%08d%010d", r.IntN(1e8), r.IntN(1e10))
	if r.IntN(2) == 0 {
		country, account = "GB", "BARC"+fmt.Sprintf("%06d%08d", r.IntN(1e6), r.IntN(1e8))
	}
	rest := 0
	for _, c := range account + country + "00" {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return fmt.Sprintf("%s%02d%s", country, 98-rest, account)
}
