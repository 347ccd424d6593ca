package ranges

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// Bounds of what Document reads. The largest known has 200 KiB and 100 entries.
const (
	MaxDocumentOctets = 2 << 20
	maxEntries        = 10_000
)

// maxLineOctets bounds what an error quotes of a line.
const maxLineOctets = 60

var (
	errNoArray = errors.New("it does not begin with [")
	errMore    = errors.New("more than one JSON value")
)

// Document reads a document with ranges: JSON as Microsoft publishes its
// endpoints, or plain text with one range on a line, with or without a comment
// behind a "#". From is not set.
//
// Of Microsoft's endpoints those count that deliver mail: service area Exchange,
// TCP port 25 and a URL below mail.protection.outlook.com. Others of its
// addresses are web servers, from which customers' programs send.
//
// Errors: ErrBadForm, ErrNothing, ErrBounds.
func Document(text []byte) (List, error) {
	if len(text) > MaxDocumentOctets {
		return List{}, fmt.Errorf("%w: a document of over %d octets", ErrBounds, MaxDocumentOctets)
	}
	read := plain
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) > 0 && (text[0] == '[' || text[0] == '{') {
		read = endpoints
	}
	list, err := read(text)
	if err != nil {
		return List{}, err
	}
	return finish(List{Ranges: list})
}

// plain reads one range on each line.
func plain(text []byte) ([]netip.Prefix, error) {
	var list []netip.Prefix
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		p, ok := stated(line)
		if !ok {
			return nil, fmt.Errorf("%w: line %d: %.*q: expected a range such as 192.0.2.0/24, or Microsoft's endpoints as JSON", ErrBadForm, number, maxLineOctets, line)
		}
		if list = append(list, p); len(list) > maxRanges {
			return nil, fmt.Errorf("%w: over %d ranges", ErrBounds, maxRanges)
		}
	}
	return list, nil
}

// endpoint is what counts of an entry in Microsoft's list.
type endpoint struct {
	ServiceArea string   `json:"serviceArea"`
	URLs        []string `json:"urls"`
	IPs         []string `json:"ips"`
	TCPPorts    string   `json:"tcpPorts"` // "25,443"
}

// mailHost is the host below which Microsoft's mail servers lie.
const mailHost = "mail.protection.outlook.com"

func (e endpoint) delivers() bool {
	port := func(p string) bool { return strings.TrimSpace(p) == "25" }
	below := func(u string) bool {
		u = strings.ToLower(strings.TrimPrefix(u, "*."))
		return u == mailHost || strings.HasSuffix(u, "."+mailHost)
	}
	return e.ServiceArea == "Exchange" && slices.ContainsFunc(strings.Split(e.TCPPorts, ","), port) && slices.ContainsFunc(e.URLs, below)
}

// endpoints reads Microsoft's list, one entry at a time: "{}" would become many
// times its size. A range in it that is none is an error, in whatever entry: half
// a list must not pass for a whole one.
func endpoints(text []byte) ([]netip.Prefix, error) {
	bad := func(err error) error {
		return fmt.Errorf("%w: expected Microsoft's endpoints, a JSON array: %w", ErrBadForm, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if begin, err := decoder.Token(); err != nil || begin != json.Delim('[') {
		return nil, bad(cmp.Or(err, errNoArray))
	}
	var list []netip.Prefix
	for i := 0; decoder.More(); i++ {
		if i == maxEntries {
			return nil, fmt.Errorf("%w: over %d entries", ErrBounds, maxEntries)
		}
		var e endpoint
		if err := decoder.Decode(&e); err != nil {
			return nil, bad(err)
		}
		for _, ip := range e.IPs {
			p, ok := stated(ip)
			if !ok {
				return nil, fmt.Errorf("%w: entry %d: %.*q: expected a range such as 192.0.2.0/24", ErrBadForm, i, maxLineOctets, ip)
			}
			if !e.delivers() {
				continue
			}
			if list = append(list, p); len(list) > maxRanges {
				return nil, fmt.Errorf("%w: over %d ranges", ErrBounds, maxRanges)
			}
		}
	}
	if _, err := decoder.Token(); err != nil { // the end of the array, or of half of it
		return nil, bad(err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, bad(errMore)
	}
	return list, nil
}

// stated reads a range as documents write it: host bits are an error, because
// nobody knows which range was meant.
func stated(text string) (netip.Prefix, bool) {
	p, ok := literal(text, !strings.Contains(text, ":"))
	return p, ok && p == p.Masked()
}
