package thread

import (
	"strings"
	"unicode/utf8"

	"mxgate/policy/mail"
)

// maxSubject is what is read of a Subject: prefixes stand at its beginning.
const maxSubject = 1 << 10

// maxTags is how many "[list]" tags may stand before a prefix.
const maxTags = 3

// prefixes are what mail programs put before the subject of an answer or of a
// forwarded message, in lower case.
var prefixes = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(`re aw sv svar vs tr rv fw fwd wg antw antwort ant rif ref res enc r i odp pd ynt ilt vb vl vá fs bls trs
		doorst rép yml továbbí doorgestuurd wtr ha na πρθ απ σχετ hub sb tmb bsl nouv réf отв пд fyw
		回复 答复 转发 回覆 轉寄 轉發 답장 전달 返信 転送`) {
		m[word] = true
	}
	return m
}()

// subject returns the first Subject, decoded.
func subject(fields []mail.Field) string {
	for _, f := range fields {
		if f.Is("Subject") {
			return mail.DecodeWords(f.Value())
		}
	}
	return ""
}

// isReply reports whether a decoded subject begins like that of an answer or a
// forwarded message: "Re:", "AW: ", "RE[2]:", "Re :", "[list] SV:", "(Re: x)".
func isReply(subject string) bool {
	subject = strings.Map(shown, subject[:min(len(subject), maxSubject)])
	for range maxTags {
		subject = strings.TrimSpace(subject)
		if !strings.HasPrefix(subject, "[") {
			break
		}
		_, after, ok := strings.Cut(subject, "]")
		if !ok {
			return false
		}
		subject = after
	}
	if kind, value := labelOf([]byte(subject)); kind == subjectLabel { // "Betr.: AW: x", of programs that write the label, too
		subject = string(value)
	}
	subject = strings.TrimLeft(subject, "( ") // "(Re: x)"
	end := strings.IndexAny(subject, ":：")
	if end <= 0 || end > maxPrefix {
		return false
	}
	word := strings.TrimSpace(subject[:end])
	if open := strings.IndexAny(word, "[(*^"); open > 0 {
		if strings.Trim(word[open:], "[](*^) 0123456789") != "" {
			return false
		}
		word = strings.TrimSpace(word[:open])
	}
	return prefixes[strings.ToLower(word)]
}

// maxPrefix is longer than any prefix with a counter.
const maxPrefix = 32

func shown(r rune) rune {
	if mail.Invisible(r) || r == utf8.RuneError {
		return -1
	}
	return r
}
