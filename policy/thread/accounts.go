package thread

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"
)

// accounts finds the IBANs in a text whose quotations are in r.segs. What it
// cannot read as it stands is folded first, all of it: no mail has that often.
func (r *reader) accounts(b []byte) {
	if !r.accountsIn(b, r.segs) {
		r.accountsIn(r.fold(b))
	}
}

// accountsIn goes from number to number, for there are few, and looks at the
// letters before each. It returns false as soon as the answer hangs on a
// character that is not ASCII: b must be folded to know it.
func (r *reader) accountsIn(b []byte, segs []segment) (sure bool) {
	from := 0 // behind the last account
	for at := 0; ; {
		n := indexNumber(b[at:])
		if n < 0 {
			return true
		}
		at += n
		switch start, plain := opening(b[from:at]); {
		case start < 0:
		case !plain:
			return false
		default:
			iban, end, sure := readIBAN(b[from+start:])
			if !sure {
				return false
			}
			if end > 0 {
				r.account(iban, quotedAt(&segs, from+start))
				from += start + end
				at = from
				continue
			}
		}
		at = behindNumber(b, at)
	}
}

// behindNumber returns where what goes on with the number at b[at] ends: digits,
// and letters, too, unless it is one of the signs that set a number apart, "⒈".
// No account begins in there.
func behindNumber(b []byte, at int) int {
	plain := b[at] < utf8.RuneSelf
	_, size := utf8.DecodeRune(b[at:])
	for at += size; at < len(b); at += size {
		r, n := utf8.DecodeRune(b[at:])
		if r < utf8.RuneSelf && (class[r] == none || class[r] == letter && !plain) || r >= utf8.RuneSelf && !unicode.Is(unicode.Nd, r) {
			break
		}
		size = n
	}
	return at
}

// indexNumber returns where the first character stands that may be a digit, or
// be taken for one; -1 if there is none. Eight octets at a time are looked at.
func indexNumber(b []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for n := 0; n < len(b); {
		if n+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[n:])
			// Without its high bit, does an octet differ from '0' by less than 10? Or is that set?
			found := ^((w^ones*'0')&^high+ones*(0x80-10))&high | w&high
			if found == 0 {
				n += 8
				continue
			}
			n += bits.TrailingZeros64(found) / 8
		}
		if class[b[n]] == number {
			return n
		}
		r, size := rune(b[n]), 1
		if r >= utf8.RuneSelf {
			if r, size = utf8.DecodeRune(b[n:]); mayBeNumber(r) {
				return n
			}
		}
		n += size
	}
	return -1
}

// maxGlued is "DEOI" before a digit.
const maxGlued = 4

// opening returns where in b, the text before a number, an IBAN may begin that
// this number belongs to: with letters that stand right before it, "IBAN" before
// them or not, or with two letters and one character between; -1 for nowhere.
// plain says that there is nothing but ASCII: else it is somewhere, and where is
// not known.
func opening(b []byte) (start int, plain bool) {
	var word [2 * maxGlued]byte // its end, in capitals
	n, gap := 0, false
	plain, start = true, len(b)
	for end := false; start > 0 && !end; {
		var buf [64]byte
		size, like := 1, b[start-1:start]
		if b[start-1] >= utf8.RuneSelf && b[start-1] != other {
			var r rune
			r, size = utf8.DecodeLastRune(b[:start])
			like, plain = appendLike(buf[:0], r, b[start-size:start]), false
		}
		for i := len(like) - 1; i >= 0 && !end; i-- {
			switch kind := class[like[i]]; {
			case kind == number, kind == letter && n == len(word):
				return -1, true
			case kind == letter:
				n++
				word[len(word)-n] = upper(like[i])
			case n == 0 && !gap:
				gap = true
			default:
				end = true
			}
		}
		if !end {
			start -= size
		}
	}
	letters := word[len(word)-n:]
	if n > maxGlued && !gap && string(letters[:4]) == "IBAN" { // "IBANDE89..."
		letters, start = letters[4:], start+4
	}
	if n = len(letters); n < 2 || n > maxGlued || gap && n != 2 || bbanOf(letters) == "" {
		return -1, true
	}
	return start, plain
}

// account keeps an account.
func (r *reader) account(iban string, quoted bool) {
	list := &r.c.Accounts
	if quoted {
		list = &r.c.QuotedAccounts
	}
	switch {
	case slices.Contains(*list, iban):
	case len(*list) < MaxAccounts:
		*list = append(*list, iban)
	default:
		r.met("more accounts than are kept")
	}
}
