package hijack

import (
	"fmt"
	"html"
	"strings"
)

// idle are texts without money: the first step of many thefts.
var idle = []string{
	"Hi,\n\nany news on the below? Please get back to me today if you can.\n\nThanks\n",
	"Hello again,\n\nI have put the documents we talked about here: https://files.example/s/8f2a\nCould you have a look and confirm?\n\nRegards\n",
	"Hallo,\n\nhaben Sie sich das schon angesehen? Ich bitte um kurze Antwort.\n\nViele Grüße\n",
	"Bonjour,\n\navez-vous pu avancer sur ce point ? Merci de me répondre rapidement.\n\nCordialement\n",
	"Hei,\n\nhar du fått sett på dette? Gi meg en rask tilbakemelding.\n\nMvh\n",
}

// demands ask for money to another account. IBAN stands for its number.
var demands = []string{
	"Hi,\n\nbefore you pay the open invoice please note that our bank details have changed. Kindly use the new account:\nIBAN\n\nThanks\n",
	"Dear all,\n\nwe are being audited and cannot receive payments to our old account. Please update our banking information and send the transfer to\nIBAN today.\n\nBest regards\n",
	"Hallo,\n\nbitte beachten Sie vor der Überweisung unsere neue Bankverbindung:\nIBAN\nDas alte Konto wird geschlossen.\n\nViele Grüße\n",
	"Bonjour,\n\nveuillez noter que nos coordonnées bancaires ont changé. Merci de régler la facture sur le nouveau compte IBAN.\n\nCordialement\n",
	"Hei,\n\nvi har fått nytt kontonummer. Vennligst betal fakturaen til IBAN.\n\nMvh\n",
}

// style is how a mail client pastes what is answered.
type style struct {
	name string
	html bool
	// quote writes the line or block above the quoted text.
	quote func(m Mail, victim Person) string
	bare  bool // the quoted text bears no marks
}

const day = "02.01.2006 15:04"

var styles = []style{
	{"plain, en", false, func(m Mail, _ Person) string {
		return fmt.Sprintf("On %s, %s <%s> wrote:\n", m.At.Format("Mon, Jan 2, 2006 at 3:04 PM"), m.From.Name, m.From.Address())
	}, false},
	{"plain, de", false, func(m Mail, _ Person) string {
		return fmt.Sprintf("Am %s schrieb %s <%s>:\n", m.At.Format("02.01.06 um 15:04"), m.From.Name, m.From.Address())
	}, false},
	{"plain, fr", false, func(m Mail, _ Person) string {
		return fmt.Sprintf("Le %s, %s <%s> a écrit :\n", m.At.Format("02/01/2006 à 15:04"), m.From.Name, m.From.Address())
	}, false},
	{"plain, no", false, func(m Mail, _ Person) string {
		return fmt.Sprintf("%s skrev %s <%s>:\n", m.At.Format("2. jan. 2006 kl. 15:04"), m.From.Name, m.From.Address())
	}, false},
	{"Outlook, en", false, block("-----Original Message-----", "From", "Sent", "To", "Subject"), true},
	{"Outlook, de", false, block("-----Ursprüngliche Nachricht-----", "Von", "Gesendet", "An", "Betreff"), true},
	{"Outlook, fr", false, block("-----Message d'origine-----", "De", "Envoyé", "À", "Objet"), true},
	{"Outlook, no", false, block("-----Opprinnelig melding-----", "Fra", "Sendt", "Til", "Emne"), true},
	{"Apple", false, func(m Mail, victim Person) string {
		return fmt.Sprintf("Begin forwarded message:\n\n> From: %s <%s>\n> Subject: %s\n> Date: %s\n> To: %s\n>\n", m.From.Name, m.From.Address(), m.Subject,
			m.At.Format("2 January 2006 at 15:04:05 MST"), victim.Address())
	}, false},
	{"Gmail, HTML", true, func(m Mail, _ Person) string {
		return fmt.Sprintf(`<div class="gmail_quote"><div dir="ltr" class="gmail_attr">On %s %s &lt;<a href="mailto:%s">%[3]s</a>&gt; wrote:<br></div><blockquote class="gmail_quote">`,
			m.At.Format("Mon, Jan 2, 2006 at 3:04 PM"), html.EscapeString(m.From.Name), m.From.Address())
	}, false},
	{"Outlook, HTML", true, func(m Mail, victim Person) string {
		return fmt.Sprintf(`<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class=MsoNormal><b>From:</b> %s &lt;%s&gt;<br><b>Sent:</b> %s<br><b>To:</b> %s<br><b>Subject:</b> %s</p></div>`,
			html.EscapeString(m.From.Name), m.From.Address(), m.At.Format(day), victim.Address(), html.EscapeString(m.Subject))
	}, true},
}

// block is how Outlook heads what it pastes.
func block(line, from, sent, to, subject string) func(Mail, Person) string {
	return func(m Mail, victim Person) string {
		return fmt.Sprintf("%s\n%s: %s [mailto:%s]\n%s: %s\n%s: %s\n%s: %s\n\n", line, from, m.From.Name, m.From.Address(),
			sent, m.At.Format(day), to, victim.Address(), subject, m.Subject)
	}
}

// body puts the story above the quoted conversation, if that is pasted.
func (s style) body(text string, m Mail, victim Person, quote bool) string {
	if s.html {
		text = "<html><body><p>" + strings.ReplaceAll(html.EscapeString(text), "\n", "<br>\n") + "</p>\n"
	}
	if quote {
		text += "\n" + s.quote(m, victim)
		for _, line := range m.Text {
			switch {
			case s.html:
				text += html.EscapeString(line) + "<br>\n"
			case s.bare:
				text += line + "\n"
			default:
				text += "> " + line + "\n"
			}
		}
	}
	if s.html {
		text += "</body></html>\n"
	}
	return text
}
