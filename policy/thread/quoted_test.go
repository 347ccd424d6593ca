package thread

import (
	"strings"
	"testing"
)

// eva is the author of what is quoted, in each of the forms below.
const eva = "quoted-from Eva Beispiel <eva@b.example>"

// Headers of quoted messages as mail programs write them in plain text. Each
// names Eva, and Max as the recipient.
var plainBlocks = map[string]string{
	"Outlook en":          "-----Original Message-----\nFrom: Eva Beispiel <eva@b.example>\nSent: Monday, March 3, 2025 10:00 AM\nTo: Max Muster <max@c.example>\nSubject: Invoice\n\nHello\n",
	"Outlook en, new":     "________________________________\nFrom: Eva Beispiel <eva@b.example>\nSent: Monday, March 3, 2025 10:00 AM\nTo: Max Muster <max@c.example>\nSubject: Invoice\n\nHello\n",
	"Outlook en, old":     "-----Original Message-----\nFrom: Eva Beispiel [mailto:eva@b.example]\nSent: Monday, March 3, 2025 10:00 AM\nTo: 'Max Muster' [mailto:max@c.example]\nSubject: Invoice\n",
	"Outlook de":          "-----Ursprüngliche Nachricht-----\nVon: Eva Beispiel <eva@b.example>\nGesendet: Montag, 3. März 2025 10:00\nAn: Max Muster <max@c.example>\nBetreff: Rechnung\n",
	"Outlook fr":          "-----Message d'origine-----\nDe\u00a0: Eva Beispiel <eva@b.example>\nEnvoyé\u00a0: lundi 3 mars 2025 10:00\nÀ\u00a0: Max Muster <max@c.example>\nObjet\u00a0: Facture\n",
	"Outlook no":          "-----Opprinnelig melding-----\nFra: Eva Beispiel <eva@b.example>\nSendt: mandag 3. mars 2025 10:00\nTil: Max Muster <max@c.example>\nEmne: Faktura\n",
	"Outlook da":          "-----Oprindelig meddelelse-----\nFra: Eva Beispiel <eva@b.example>\nSendt: 3. marts 2025 10:00\nTil: Max Muster <max@c.example>\nEmne: Faktura\n",
	"Outlook sv":          "-----Ursprungligt meddelande-----\nFrån: Eva Beispiel <eva@b.example>\nSkickat: den 3 mars 2025 10:00\nTill: Max Muster <max@c.example>\nÄmne: Faktura\n",
	"Outlook es":          "-----Mensaje original-----\nDe: Eva Beispiel <eva@b.example>\nEnviado el: lunes, 3 de marzo de 2025 10:00\nPara: Max Muster <max@c.example>\nAsunto: Factura\n",
	"Outlook it":          "-----Messaggio originale-----\nDa: Eva Beispiel <eva@b.example>\nInviato: lunedì 3 marzo 2025 10:00\nA: Max Muster <max@c.example>\nOggetto: Fattura\n",
	"Outlook nl":          "-----Oorspronkelijk bericht-----\nVan: Eva Beispiel <eva@b.example>\nVerzonden: maandag 3 maart 2025 10:00\nAan: Max Muster <max@c.example>\nOnderwerp: Factuur\n",
	"Outlook pt":          "-----Mensagem original-----\nDe: Eva Beispiel <eva@b.example>\nEnviada em: segunda-feira, 3 de março de 2025 10:00\nPara: Max Muster <max@c.example>\nAssunto: Fatura\n",
	"Gmail forward":       "---------- Forwarded message ---------\nFrom: Eva Beispiel <eva@b.example>\nDate: Mon, 3 Mar 2025 at 10:00\nSubject: Invoice\nTo: Max Muster <max@c.example>\n\n\nHello\n",
	"Apple forward":       "Begin forwarded message:\n\nFrom: Eva Beispiel <eva@b.example>\n\nSubject: Invoice\n\nDate: 3 March 2025 at 10:00:00 CET\n\nTo: Max Muster <max@c.example>\n\nHello\n",
	"Apple forward de":    "Anfang der weitergeleiteten Nachricht:\n\nVon: Eva Beispiel <eva@b.example>\nBetreff: Rechnung\nDatum: 3. März 2025 um 10:00:00 MEZ\nAn: Max Muster <max@c.example>\n",
	"Apple forward fr":    "Début du message réexpédié :\n\nDe: Eva Beispiel <eva@b.example>\nObjet: Facture\nDate: 3 mars 2025 à 10:00:00 UTC+1\nÀ: Max Muster <max@c.example>\n",
	"Thunderbird forward": "-------- Forwarded Message --------\nSubject: \tInvoice\nDate: \tMon, 3 Mar 2025 10:00:00 +0100\nFrom: \tEva Beispiel <eva@b.example>\nTo: \tMax Muster <max@c.example>\n",
	"Thunderbird de":      "-------- Weitergeleitete Nachricht --------\nBetreff: \tRechnung\nDatum: \tMon, 3 Mar 2025 10:00:00 +0100\nVon: \tEva Beispiel <eva@b.example>\nAn: \tMax Muster <max@c.example>\n",
	"stars for bold":      "*From:* Eva Beispiel <eva@b.example>\n*Sent:* Monday, March 3, 2025 10:00 AM\n*To:* Max Muster <max@c.example>\n*Subject:* Invoice\n",
	"quoted":              "> From: Eva Beispiel <eva@b.example>\n> Sent: Monday, March 3, 2025 10:00 AM\n> To: Max Muster <max@c.example>\n> Subject: Invoice\n>\n> Hello\n",
	"wide colons":         "From：Eva Beispiel <eva@b.example>\nSent：Monday\nTo：Max Muster <max@c.example>\n",
	"wrapped":             "From: Eva Beispiel\n <eva@b.example>\nSent: Monday, March 3, 2025 10:00 AM\nTo: Max Muster\n<max@c.example>\nSubject: Invoice\n",
	"zero width in words": "Fr\u200bom: Eva Bei\u2060spiel <eva@b\u200b.example>\nSe\u00adnt: Monday\nTo: Max Muster <max@c.example>\n",
}

func TestQuotedHeadersInPlainText(t *testing.T) {
	for name, text := range plainBlocks {
		t.Run(name, func(t *testing.T) {
			c := body(t, "text/plain", "See below.\n\n"+text)
			got := strings.Join(told(c.Parties), "; ")
			// The order is that of the lines.
			if !strings.Contains(got, eva) || !strings.Contains(got, "quoted-to Max Muster <max@c.example>") || len(c.Parties) != 2 {
				t.Errorf("parties %q", got)
			}
			if !c.Reply {
				t.Error("no reply")
			}
		})
	}
}

func TestQuotedHeadersInHTML(t *testing.T) {
	for name, html := range map[string]string{
		"Outlook": `<html><head><style>p {margin:0}</style></head><body><p class=MsoNormal>See below.<o:p></o:p></p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>
<p class=MsoNormal><b><span lang=EN-US>From:</span></b><span lang=EN-US> Eva Beispiel &lt;eva@b.example&gt; <br><b>Sent:</b> Monday, March 3, 2025 10:00 AM<br><b>To:</b> Max Muster &lt;max@c.example&gt;<br><b>Subject:</b> Invoice</span></p></div></div><p>Hello</p></body></html>`,
		"Outlook on the web":        `<div>See below.</div><hr style="width:98%"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri"><b>Von:</b> Eva Beispiel &lt;eva@b.example&gt;<br><b>Gesendet:</b> Montag, 3. März 2025 10:00<br><b>An:</b> Max Muster &lt;max@c.example&gt;<br><b>Betreff:</b> Rechnung</font><div>&nbsp;</div></div>`,
		"links":                     `<p><b>From:</b> <a href="mailto:eva@b.example">Eva Beispiel</a><br><b>Date:</b> 3 March 2025<br><b>To:</b> <a href='mailto:max@c.example?subject=x'>Max Muster</a></p>`,
		"links that show addresses": `<p><b>De&nbsp;:</b> Eva Beispiel &lt;<a href="mailto:eva@b.example">eva@b.example</a>&gt;<br><b>Envoy&eacute;&nbsp;:</b> lundi<br><b>&Agrave;&nbsp;:</b> Max Muster &lt;<a href="mailto:max@c.example">max@c.example</a>&gt;</p>`,
		"a table":                   `<table class="moz-email-headers-table"><tbody><tr><th>Subject: </th><td>Invoice</td></tr><tr><th>Date: </th><td>Mon, 3 Mar 2025</td></tr><tr><th>From: </th><td>Eva Beispiel &lt;eva@b.example&gt;</td></tr><tr><th>To: </th><td>Max Muster &lt;max@c.example&gt;</td></tr></tbody></table>`,
		"Apple forward":             `<div><br><blockquote type="cite"><div>Begin forwarded message:</div><br><div><span><b>From: </b></span><span>Eva Beispiel &lt;<a href="mailto:eva@b.example">eva@b.example</a>&gt;<br></span></div><div><span><b>Subject: </b></span><span>Invoice<br></span></div><div><b>To: </b>Max Muster &lt;max@c.example&gt;</div></blockquote></div>`,
		"preformatted":              "<pre>From: Eva Beispiel &lt;eva@b.example&gt;\nSent: Monday\nTo: Max Muster &lt;max@c.example&gt;\n</pre>",
		"comments between":          `<p>Fr<!-- x -->om: Eva Beispiel &lt;eva<!-- > -->@b.example&gt;<br>Se<!---->nt: Monday<br>To: Max Muster &lt;max@c.example&gt;</p>`,
		"numeric entities":          `<p>From&#58; Eva Beispiel &#60;eva&#x40;b&#46;example&#62;<br>Sent: Monday<br>To: Max Muster &lt;max&commat;c.example&gt;</p>`,
		"for Outlook only":          `<!--[if mso]><p>From: Eva Beispiel &lt;eva@b.example&gt;<br>Sent: Monday<br>To: Max Muster &lt;max@c.example&gt;</p><![endif]-->`,
		"not displayed":             `<div style="display: none">From: Eva Beispiel &lt;eva@b.example&gt;<br>Sent: Monday<br>To: Max Muster &lt;max@c.example&gt;</div><p>Hello</p>`,
		"without end":               `<p>From: Eva Beispiel &lt;eva@b.example&gt;<br>Sent: Monday<br>To: Max Muster &lt;max@c.example&gt;<br`,
		"10,000 levels deep":        strings.Repeat("<div><blockquote>", 10000) + `From: Eva Beispiel &lt;eva@b.example&gt;<br>Sent: Monday<br>To: Max Muster &lt;max@c.example&gt;`,
	} {
		t.Run(name, func(t *testing.T) {
			c := body(t, "text/html", html)
			got := strings.Join(told(c.Parties), "; ")
			if !strings.Contains(got, eva) || !strings.Contains(got, "quoted-to Max Muster <max@c.example>") || len(c.Parties) != 2 {
				t.Errorf("parties %q", got)
			}
			if !c.Reply {
				t.Error("no reply")
			}
		})
	}
}

// Lines above a quotation, each naming Eva.
var attributions = map[string]string{
	"Gmail en":             "On Mon, 3 Mar 2025 at 10:00, Eva Beispiel <eva@b.example> wrote:",
	"Gmail en US":          "On Mon, Mar 3, 2025 at 10:00 AM Eva Beispiel <eva@b.example> wrote:",
	"Gmail de":             "Am Mo., 3. März 2025 um 10:00 Uhr schrieb Eva Beispiel <eva@b.example>:",
	"Gmail fr":             "Le lun. 3 mars 2025 à 10:00, Eva Beispiel <eva@b.example> a écrit :",
	"Gmail no":             "man. 3. mars 2025 kl. 10:00 skrev Eva Beispiel <eva@b.example>:",
	"Gmail da":             "Den man. 3. mar. 2025 kl. 10.00 skrev Eva Beispiel <eva@b.example>:",
	"Gmail sv":             "Den mån 3 mars 2025 kl 10:00 skrev Eva Beispiel <eva@b.example>:",
	"Gmail es":             "El lun, 3 mar 2025 a las 10:00, Eva Beispiel (<eva@b.example>) escribió:",
	"Gmail it":             "Il giorno lun 3 mar 2025 alle ore 10:00 Eva Beispiel <eva@b.example> ha scritto:",
	"Gmail nl":             "Op ma 3 mrt 2025 om 10:00 schreef Eva Beispiel <eva@b.example>:",
	"Gmail pt":             "Em seg., 3 de mar. de 2025 às 10:00, Eva Beispiel <eva@b.example> escreveu:",
	"Gmail ja":             "2025年3月3日(月) 10:00 Eva Beispiel <eva@b.example>:",
	"Gmail zh":             "Eva Beispiel <eva@b.example> 于2025年3月3日周一 10:00写道：",
	"Apple en":             "On 3 Mar 2025, at 10:00, Eva Beispiel <eva@b.example> wrote:",
	"Apple de":             "Am 03.03.2025 um 10:00 schrieb Eva Beispiel <eva@b.example>:",
	"Apple fr":             "Le 3 mars 2025 à 10:00, Eva Beispiel <eva@b.example> a écrit\u00a0:",
	"Apple no":             "3. mars 2025 kl. 10:00 skrev Eva Beispiel <eva@b.example>:",
	"Apple nl":             "Op 3 mrt 2025, om 10:00 heeft Eva Beispiel <eva@b.example> het volgende geschreven:",
	"Thunderbird en":       "On 3/3/25 10:00, Eva Beispiel <eva@b.example> wrote:",
	"wrapped before verb":  "On Mon, 3 Mar 2025 at 10:00, Eva Beispiel <eva@b.example>\nwrote:",
	"wrapped before name":  "On Mon, 3 Mar 2025 at 10:00,\nEva Beispiel <eva@b.example> wrote:",
	"wrapped in the name":  "On Mon, 3 Mar 2025 at 10:00, Eva\nBeispiel <eva@b.example> wrote:",
	"over three lines":     "Am Montag, den 3. März 2025\num 10:00 Uhr schrieb\nEva Beispiel <eva@b.example>:",
	"a link written twice": "On 3 Mar 2025, at 10:00, Eva Beispiel <eva@b.example<mailto:eva@b.example>> wrote:",
	"mailto":               "On 3 Mar 2025, at 10:00, Eva Beispiel <mailto:eva@b.example> wrote:",
	"old Gmail":            "2025-03-03 10:00 GMT+01:00 Eva Beispiel <eva@b.example>:",
	"bare":                 "Eva Beispiel <eva@b.example> writes:",
	"news":                 ">>>>> \"E\" == Eva Beispiel <eva@b.example> writes:",
	"dashes":               "--- Eva Beispiel <eva@b.example> wrote:",
	"name in quotes":       "On 3 Mar 2025, \"Eva Beispiel\" <eva@b.example> wrote:",
}

func TestLinesAboveAQuotationNameItsAuthor(t *testing.T) {
	for name, line := range attributions {
		for form, text := range map[string]string{
			"marked":   "Answer\n\n" + line + "\n\n> Hello\n> there\n",
			"unmarked": "Answer\n\n" + line + "\n\nHello\nthere\n",
			"nested":   "Answer\n\nOn 4 Mar 2025 X wrote:\n> Hello\n>\n> " + strings.ReplaceAll(line, "\n", "\n> ") + "\n>> Hello\n",
		} {
			t.Run(name+", "+form, func(t *testing.T) {
				c := body(t, "text/plain", text)
				checkParties(t, c, eva)
				if !c.Reply {
					t.Error("no reply")
				}
			})
		}
	}
	for name, html := range map[string]string{
		"Gmail":                           `<div dir="ltr">Answer</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, 3 Mar 2025 at 10:00, Eva Beispiel &lt;<a href="mailto:eva@b.example">eva@b.example</a>&gt; wrote:<br></div><blockquote class="gmail_quote">Hello</blockquote></div>`,
		"Gmail in a language we have not": `<div class="gmail_quote"><div class="gmail_attr">2025 m. kovo 3 d., 10:00 Eva Beispiel &lt;eva@b.example&gt; rašė<br></div><blockquote>Hello</blockquote></div>`,
		"Thunderbird":                     `<div class="moz-cite-prefix">Am 03.03.25 um 10:00 schrieb Eva Beispiel &lt;<a class="x" href="mailto:eva@b.example">eva@b.example</a>&gt;:<br></div><blockquote type="cite">Hello</blockquote>`,
		"Apple":                           `<div>Answer<br><div><br><blockquote type="cite"><div>On 3 Mar 2025, at 10:00, Eva Beispiel &lt;<a href="mailto:eva@b.example">eva@b.example</a>&gt; wrote:</div><br><div>Hello</div></blockquote></div></div>`,
	} {
		t.Run(name+", HTML", func(t *testing.T) { checkParties(t, body(t, "text/html", html), eva) })
	}
}

func TestOrdinaryTextQuotesNobody(t *testing.T) {
	for name, text := range map[string]string{
		"a signature":    "Regards\nEva Beispiel\nE-Mail: eva@b.example\nPhone: 123456789\nWeb: www.b.example\n",
		"from alone":     "The train leaves\nFrom: Paris\nand returns.\n",
		"a request":      "Please write to eva@b.example:\nthe invoice number\n",
		"to and date":    "To: max@c.example\nDate: 3 March\n",
		"another's line": "> x@y.example wrote in 2025\nand:\n",
		"somebody said":  "As he wrote:\nnothing.\n",
		"far apart":      "From: eva@b.example\n\nA text.\n\nSubject: something else\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := body(t, "text/plain", text)
			checkParties(t, c)
			if c.Reply {
				t.Error("it is a reply")
			}
		})
	}
}

func TestADateMayStandOnTwoLines(t *testing.T) {
	if c := body(t, "text/plain", "Answer\n\nAm 3.3.\num 10 Uhr schrieb Eva:\n> Hello\n"); !c.Reply {
		t.Error("no reply")
	}
}

func TestASeparatorMakesOneLineAHeader(t *testing.T) {
	c := body(t, "text/plain", "Hi\n\n----- Original Message -----\nFrom: \"A\" <a@b.example>\n\nIBAN NO9386011117947\n")
	checkParties(t, c, "quoted-from A <a@b.example>")
	if !c.Reply || len(c.QuotedAccounts) != 1 {
		t.Errorf("%+v", c)
	}
	checkParties(t, body(t, "text/plain", "----- Original Message -----\n\nText\n\nFrom: a@b.example\n"))
}

func TestOtherFieldsBelongToAHeaderAndNoAddressToThem(t *testing.T) {
	c := body(t, "text/plain", "From: A <a@b.example>\nList-Id: <x@list.example>\nTo: c@d.example\nX-Any: y@z.example\nSubject: x\n\nText\n")
	checkParties(t, c, "quoted-from A <a@b.example>", "quoted-to <c@d.example>")
}

func TestIDsInAttributionsAreNobody(t *testing.T) {
	checkParties(t, body(t, "text/plain", "In message <1234.5@host.example> Eva writes:\n> x\n"))
}

func TestNamesWithoutAddressesAreNoParties(t *testing.T) {
	c := body(t, "text/plain", "Von: Beispiel, Eva\nGesendet: Montag, 3. März 2025 10:00\nAn: Muster, Max; C <c@d.example>\nBetreff: x\n\nText\n\nAm 03.03.25 um 10:00 schrieb Eva Beispiel:\n> x\n")
	checkParties(t, c, "quoted-to C <c@d.example>")
	if !c.Reply {
		t.Error("no reply")
	}
}

func TestEveryMessageOfAThreadIsRead(t *testing.T) {
	c := body(t, "text/plain", "Hi\n\nFrom: A <a@a.example>\nSent: 1\nTo: B <b@b.example>; C <c@c.example>\nCc: D <d@d.example>\nSubject: x\n\nHello B\n\nFrom: B <b@b.example>\nSent: 1\nTo: A <a@a.example>\nSubject: x\n\nOn 1 Jan 2025, E <e@e.example> wrote:\n\nHello\n")
	checkParties(t, c, "quoted-from A <a@a.example>", "quoted-to B <b@b.example>", "quoted-to C <c@c.example>", "quoted-cc D <d@d.example>",
		"quoted-from B <b@b.example>", "quoted-to A <a@a.example>", "quoted-from E <e@e.example>")
}
