package mail

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mxgate/policy/corpustest"
)

// Odd and broken messages of eleven mail programs' own tests: none is refused,
// every octet of each is in its place, and all that reads fields survives them.
func TestOddMessagesAreSplitWithoutLoss(t *testing.T) {
	passed, of := 0, 0
	err := filepath.WalkDir(corpustest.Path(t, "mime"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) == "from-header-fuzz" {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		of++
		if t.Run(filepath.Base(filepath.Dir(path))+"/"+d.Name(), func(t *testing.T) { checkOdd(t, string(raw)) }) {
			passed++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("suite: MIME, odd messages: split without loss | passed %d | of %d | argued 0", passed, of)
}

func checkOdd(t *testing.T, content string) {
	m := parsed(t, content)
	checkMessage(t, m, content)
	a := ParseAuthor(m)
	if other := otherReading(content[:m.HeaderOctets], a); other != "" {
		t.Errorf("author %q, candidates %q; %s", a.Address, a.Candidates, other)
	}
	for _, name := range []string{"To", "Cc", "Reply-To"} {
		HeaderDomains(m, name, maxCandidates)
	}
	if _, err := WalkMIME(m); err != nil && !errors.Is(err, ErrUnscannable) {
		t.Error(err)
	}
	// Cut anywhere, the fields are still the header section.
	for cut := 0; cut < min(m.HeaderOctets, 4<<10); cut += 7 {
		checkMessage(t, parsed(t, content[:cut]), content[:cut])
	}
	var header bytes.Buffer
	for _, f := range m.Fields {
		header.Write(f.Raw)
	}
	if rest := content[header.Len():]; !strings.HasPrefix(content, header.String()) || len(content) != header.Len()+len(rest) {
		t.Error("octets are lost")
	}
}
