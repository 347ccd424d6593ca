package thread

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// label is a kind of line in the header of a quoted message.
type label uint8

const (
	fromLabel label = 1 << iota
	toLabel
	ccLabel
	dateLabel
	subjectLabel
	otherLabel
)

// labels are the words before the colon, folded, by what mail programs write in
// each language: Outlook, Apple Mail, Thunderbird, Gmail. English, German,
// French, Norwegian, Danish, Swedish, Spanish, Italian, Portuguese, Dutch,
// Finnish, Polish, Czech, Russian, Chinese, Japanese.
var labels = table(map[label]string{
	fromLabel:    "from|von|de|fra|från|van|da|od|lähettäjä|от|feladó|kimden|发件人|寄件者|差出人|expéditeur|mittente|remitente|afsender|avsender|avsändare|absender",
	toLabel:      "to|an|à|a|til|till|aan|para|do|komu|vastaanottaja|кому|címzett|kime|收件人|收件者|宛先|destinataire|destinatario|destinatário|mottaker|modtager|empfänger",
	ccLabel:      "cc|bcc|kopie|kopi|kopia|copie|copia|cópia|copie à|kopie (cc)|dw|kopio|копия|másolat|bilgi|抄送|副本|copia per conoscenza|kopi til|kopia till|kopie an",
	dateLabel:    "sent|date|gesendet|gesendet am|datum|envoyé|envoyé le|date d'envoi|sendt|dato|skickat|enviado|enviado el|enviado em|enviada em|fecha|inviato|data|verzonden|verzonden op|lähetetty|päivämäärä|wysłano|odesláno|отправлено|дата|elküldve|dátum|gönderildi|tarih|发送时间|日期|送信日時|sent on|date sent",
	subjectLabel: "subject|betreff|betrifft|betr.|betr|objet|sujet|emne|ämne|asunto|oggetto|onderwerp|assunto|aihe|temat|předmět|тема|tárgy|konu|主题|主旨|件名",
	otherLabel:   "reply-to|antwort an|répondre à|svar til|svara till|importance|priority|priorität|wichtigkeit|prioritet|prioritert|viktighet|priorité|importancia|prioridad|priorità|prioriteit|urgentie|attachments|anlagen|anhang|anlage|pièces jointes|vedlegg|bijlagen|adjuntos|allegati|anexos|bilagor|vedhæftede filer|resent-from|organization|organisation|sender|message-id|x-mailer|categories|kategorien|sensitivity|vertraulichkeit|to|resent-to",
})

// table turns words into the labels they are.
func table(words map[label]string) map[string]label {
	m := map[string]label{}
	for _, kind := range []label{fromLabel, toLabel, ccLabel, dateLabel, subjectLabel, otherLabel} {
		for word := range strings.SplitSeq(words[kind], "|") {
			var buf [maxLabel]byte
			folded := string(foldWord(buf[:0], []byte(word)))
			if m[folded] == 0 { // "a" is one kind only
				m[folded] = kind
			}
		}
	}
	return m
}

// maxLabel is what is looked at for a label, in octets.
const maxLabel = 40

// foldWord appends a word in lower case, Latin letters without marks. Other
// scripts keep their letters: they are compared, not looked at.
func foldWord(out, word []byte) []byte {
	for i := 0; i < len(word); {
		c := word[i]
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			out = append(out, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(word[i:])
		if r < endLatin {
			at := len(out)
			out = appendLike(out, r, word[i:i+n])
			for ; at < len(out); at++ {
				if c := out[at]; c >= 'A' && c <= 'Z' {
					out[at] = c + 'a' - 'A'
				}
			}
		} else {
			out = append(out, word[i:i+n]...)
		}
		i += n
	}
	return out
}

// labelOf reads the label that line begins with and returns what stands behind
// its colon, which may be a wide one.
func labelOf(line []byte) (kind label, value []byte) {
	head := line[:min(len(line), maxLabel)]
	end := bytes.IndexByte(head, ':')
	behind := end + 1
	if end < 0 {
		if end = bytes.IndexByte(head, wideColon[0]); end < 0 || !bytes.HasPrefix(line[end:], []byte(wideColon)) {
			return 0, nil
		}
		behind = end + len(wideColon)
	}
	word := trim(line[:end])
	if len(word) == 0 {
		return 0, nil
	}
	var buf [maxLabel]byte
	return labels[string(foldWord(buf[:0], word))], trim(line[behind:])
}

const wideColon = "\uff1a"

// trim takes off white space and the marks that plain text uses for bold.
func trim(b []byte) []byte {
	for len(b) > 0 && isMargin(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isMargin(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isMargin(c byte) bool { return c == ' ' || c == '\t' || c == '*' || c == '_' || c == '|' }

// separators are what mail programs write above the header of a quoted message,
// folded, without the dashes around them.
var separators = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.SplitSeq("original message|originalnachricht|ursprüngliche nachricht|original-nachricht|weitergeleitete nachricht|forwarded message|forwarded by|message d'origine|message original|message transféré|message réexpédié|courriel original|"+
		"opprinnelig melding|videresendt melding|oprindelig meddelelse|opprindelig meddelelse|videresendt meddelelse|videresendt besked|originalmeddelande|ursprungligt meddelande|vidarebefordrat meddelande|vidarebefordrat brev|mensaje original|mensaje reenviado|forwarded mail|"+
		"messaggio originale|messaggio inoltrato|oorspronkelijk bericht|doorgestuurd bericht|mensagem original|mensagem encaminhada|mensagem reencaminhada|alkuperäinen viesti|wiadomość oryginalna|původní zpráva|"+
		"begin forwarded message|anfang der weitergeleiteten nachricht|anfang der weitergeleiteten e-mail|début du message réexpédié|début du message transféré|start på videresendt besked|start på videresendt melding|inizio messaggio inoltrato|inicio del mensaje reenviado|begin doorgestuurd bericht|início da mensagem encaminhada|início da mensagem reencaminhada", "|") {
		m[string(foldWord(nil, []byte(word)))] = true
	}
	return m
}()

const maxSeparator = 120

// isSeparator reports whether line announces a quoted message.
func isSeparator(line []byte) bool {
	if len(line) > maxSeparator {
		return false
	}
	for len(line) > 0 && (isMargin(line[0]) || line[0] == '-' || line[0] == '=') {
		line = line[1:]
	}
	for len(line) > 0 && (isMargin(line[len(line)-1]) || strings.IndexByte("-=:", line[len(line)-1]) >= 0) {
		line = line[:len(line)-1]
	}
	var buf [maxSeparator]byte
	return separators[string(foldWord(buf[:0], line))]
}
