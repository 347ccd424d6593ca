package mail

import "strings"

// maxPlainOctets is what a From field seldom exceeds that can be read at a glance.
const maxPlainOctets = 200

// plainAuthor reads the From field of most mail, in which nothing can be read in
// two ways: an address, or words and an address in angle brackets, all of them of
// ASCII letters, digits and few other characters. It reports whether value is so.
func plainAuthor(value string) (Author, bool) {
	if len(value) > maxPlainOctets {
		return Author{}, false
	}
	display, address, bracketed := "", value, false
	for i := 0; i < len(value) && !bracketed; i++ {
		if value[i] == '<' {
			if i == 0 || value[i-1] != ' ' || value[len(value)-1] != '>' || !plainWords(value[:i-1]) {
				return Author{}, false
			}
			display, address, bracketed = value[:i-1], value[i+1:len(value)-1], true
		}
	}
	at := plainLocal(address)
	if at == 0 || at == len(address) || address[at] != '@' {
		return Author{}, false
	}
	domain := address[at+1:]
	if len(domain) > maxDomainOctets || !validLabels(domain) || strings.IndexByte(domain, '_') >= 0 { // some read a name up to that
		return Author{}, false
	}
	d := Domain(domain)
	return Author{Address: Address{Local: address[:at], Domain: d}, Display: display, Candidates: []Domain{d}}, true
}

func isAlphanumeric(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}

// plainWords reports whether s is words with one space between them.
func plainWords(s string) bool {
	word := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isAlphanumeric(c) || c == '-' || c == '\'' || c == '_':
			word = true
		case c == ' ' && word:
			word = false
		default:
			return false
		}
	}
	return word
}

// plainLocal returns how long the local part is at the start of s, in which dots
// stand between other characters; 0 if there is none.
func plainLocal(s string) int {
	dot := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isAlphanumeric(c) || c == '-' || c == '_' || c == '+':
			dot = false
		case c == '.' && !dot:
			dot = true
		case dot:
			return 0
		default:
			return i
		}
	}
	return 0
}
