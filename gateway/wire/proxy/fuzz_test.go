package proxy

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzHeader looks for a header that is read beyond its end or its limit, that
// depends on how it arrives, or that names what no client has.
func FuzzHeader(f *testing.F) {
	for _, seed := range []string{
		"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\nEHLO client.example\r\n",
		"PROXY TCP6 2001:db8::7 2001:db8::1 56324 25\r\n",
		"PROXY UNKNOWN\r\n",
		"PROXY UNKNOWN " + strings.Repeat("x", maxLine),
		signature + "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x00\x19more",
		signature + "\x21\x11\x00\x13\xc0\x00\x02\x07\xc6\x33\x64\x01\xdc\x04\x00\x19\x03\x00\x04\x0b\xc9\xf7\x04",
		signature + "\x21\x21\x00\x24" + strings.Repeat("\x20", octetsOfTCP6),
		signature + "\x20\x00\x00\x00",
		signature + "\x21\x00\xff\xff",
		"EHLO client.example\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole := bytes.NewReader(in)
		ends, err := ReadHeader(whole)
		addr, at := ends.Client, ends.Listener
		taken := len(in) - whole.Len()
		slow := bytes.NewReader(in)
		if again, errAgain := ReadHeader(oneByOne{slow}); again != ends || (errAgain == nil) != (err == nil) || slow.Len() != whole.Len() {
			t.Fatalf("octet by octet: %v, %v after %d; at once %v, %v after %d", again, errAgain, len(in)-slow.Len(), ends, err, taken)
		}
		limit, text := maxLine, !bytes.HasPrefix(in, []byte(signature))
		if !text {
			limit = maxOctets
		}
		switch {
		case taken > limit:
			t.Fatalf("%d octets were read", taken)
		case err != nil:
			if !errors.Is(err, ErrHeader) || addr.IsValid() {
				t.Fatalf("%v, %v", addr, err)
			}
			return
		case text && bytes.Index(in, []byte("\r\n")) != taken-2, !text && int(in[14])<<8+int(in[15]) != taken-fixedOctets:
			t.Fatalf("%d octets of %q were read", taken, in)
		case addr.Zone() != "" || addr.Is4In6() || at.Addr().Zone() != "" || at.Addr().Is4In6() || at.IsValid() != addr.IsValid():
			t.Fatalf("client %v at %v", addr, at)
		}
	})
}

// oneByOne gives one octet at a time.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }
