// Command gen writes the table of characters that look like ASCII letters,
// digits or the hyphen, from the confusables data of UTS #39.
//
//	go run ./internal/gen -confusables confusables.txt -from "..." -o confusables_table.go
//
// It keeps what the product needs and no more: entries whose prototype, with
// marks dropped, is ASCII, and which compatibility decomposition does not give
// anyway. UTS #39 leaves out letters with hooks, strokes and bars and small
// capitals, because they are not *identical*; to a hurried reader they are the
// letter, so the Unicode names and a short list of our own add them.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/runenames"
)

// maxChain bounds how often a prototype is looked up again: в -> ʙ -> b.
const maxChain = 4

// ours are likenesses that neither UTS #39 nor the names have.
var ours = map[rune]string{
	'ĸ': "k", 'ʍ': "m", 'ß': "b", 'β': "b", 'п': "n", 'π': "n", 'и': "n", 'й': "n", 'ц': "u",
	'ш': "w", 'щ': "w", 'я': "r", 'з': "3", 'э': "3", 'ч': "4", 'θ': "o", 'ө': "o", 'τ': "t",
	'ω': "w", 'η': "n", 'ε': "e", 'є': "e", 'ð': "d", 'ŋ': "n", 'ʃ': "f", 'ɯ': "w", 'ɔ': "o",
	'ʌ': "v", 'λ': "a", 'ь': "b", 'ъ': "b", 'ђ': "h", 'ћ': "h", 'љ': "jb", 'ə': "e", 'ƿ': "p", 'þ': "p",
}

// letterName matches names that state their base letter.
var letterName = regexp.MustCompile(`^LATIN (?:SMALL|CAPITAL) LETTER (?:DOTLESS |SCRIPT |OPEN )?([A-Z]{1,2})(?: WITH .*)?$|^LATIN LETTER SMALL CAPITAL ([A-Z])(?: WITH .*)?$`)

func main() {
	confusables := flag.String("confusables", "", "confusables.txt of the Unicode security data")
	from := flag.String("from", "", "where that file was taken from, for the header")
	out := flag.String("o", "confusables_table.go", "file to write")
	flag.Parse()
	raw, version, err := read(*confusables)
	if err != nil {
		log.Fatal(err)
	}
	src, err := format.Source(render(table(raw), version, *from))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(*out, src, 0o644); err != nil {
		log.Fatal(err)
	}
}

// read returns the prototypes as the file gives them, and its version.
func read(path string) (map[rune]string, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	raw, version := map[rune]string{}, ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "# Version: "); ok {
			version = v
		}
		data, _, _ := strings.Cut(lines.Text(), "#")
		fields := strings.Split(data, ";")
		if len(fields) < 3 {
			continue
		}
		var prototype strings.Builder
		for code := range strings.FieldsSeq(fields[1]) {
			n, err := strconv.ParseUint(code, 16, 32)
			if err != nil {
				return nil, "", fmt.Errorf("%s: %q: %w", path, lines.Text(), err)
			}
			prototype.WriteRune(rune(n))
		}
		n, err := strconv.ParseUint(strings.Trim(fields[0], " \ufeff"), 16, 32)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %q: %w", path, lines.Text(), err)
		}
		raw[rune(n)] = prototype.String()
	}
	return raw, version, lines.Err()
}

// table returns, for each ASCII prototype, the characters that fold to it.
func table(raw map[rune]string) map[string][]rune {
	folded := map[string][]rune{}
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		if unicode.In(r, unicode.M, unicode.C) || unicode.ToLower(r) != r || ascii(decompose(string(r))) {
			continue
		}
		if p, ok := prototype(r, raw, maxChain); ok {
			folded[p] = append(folded[p], r)
		}
	}
	return folded
}

func prototype(r rune, raw map[rune]string, depth int) (string, bool) {
	if r < 0x80 {
		return string(r), nameChar(r)
	}
	if depth == 0 {
		return "", false
	}
	next := decompose(string(r))
	if next == string(r) {
		next = decompose(raw[r])
	}
	if p, ok := prototypes(next, raw, depth-1); ok {
		return p, true
	}
	if p, ok := ours[r]; ok {
		return p, true
	}
	if m := letterName.FindStringSubmatch(runenames.Name(r)); m != nil {
		return strings.ToLower(m[1] + m[2]), true
	}
	return "", false
}

func prototypes(s string, raw map[rune]string, depth int) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		p, ok := prototype(r, raw, depth)
		if !ok {
			return "", false
		}
		b.WriteString(p)
	}
	return b.String(), b.Len() > 0
}

// decompose drops marks from the compatibility decomposition, in lower case.
func decompose(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.M, unicode.Cf) {
			return -1
		}
		return r
	}, norm.NFKD.String(s)))
}

func ascii(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func nameChar(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-'
}

// render writes Go source. Characters are escaped: right-to-left letters would
// reorder the lines for whoever reads them.
func render(folded map[string][]rune, version, from string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `// Code generated by internal/gen; DO NOT EDIT.
//
// Source: confusables.txt, Unicode Security Mechanisms for UTS #39, version %s,
// from %s.
// Unicode data: Copyright 1991-2022 Unicode, Inc.; licence in LICENSE.unicode.
// Added to it: Latin letters whose Unicode name states a base letter, and the
// list "ours" of internal/gen.

package lookalike

// confusables lists, for each ASCII prototype, the characters that look like it.
var confusables = []struct{ prototype, chars string }{
`, version, from)
	keys := make([]string, 0, len(folded))
	for p := range folded {
		keys = append(keys, p)
	}
	slices.Sort(keys)
	for _, p := range keys {
		fmt.Fprintf(&b, "\t{%q, \"\" +\n", p)
		for chunk := range slices.Chunk(folded[p], 16) {
			fmt.Fprintf(&b, "\t\t%s +\n", strconv.QuoteToASCII(string(chunk)))
		}
		b.Truncate(b.Len() - len(" +\n"))
		b.WriteString("},\n")
	}
	b.WriteString("}\n")
	return b.Bytes()
}
