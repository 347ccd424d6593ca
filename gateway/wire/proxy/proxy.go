// Package proxy reads the header with which a balancer names the client it
// speaks for: the PROXY protocol, versions 1 and 2, as haproxy's
// doc/proxy-protocol.txt has it, Sections 2.1 (version 1), 2.2 (version 2) and
// 2.2.3 (checksum). SMTP-DUTIES X3. Who may send one is not decided here.
package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Limits of a header, and its parts.
const (
	maxLine   = 107     // version 1, with CRLF
	maxOctets = 2 << 10 // version 2, whole; senders keep within 536

	signature   = "\r\n\r\n\x00\r\nQUIT\n"
	fixedOctets = len(signature) + 4 // version 2 without what its length counts
)

// What the octets after the signature may say.
const (
	local        = 0x20 // version 2, LOCAL
	onward       = 0x21 // version 2, PROXY
	unspec       = 0x00
	tcp4         = 0x11
	tcp6         = 0x21
	crc32C       = 0x03 // type of a TLV
	octetsOfTCP4 = 2*4 + 2*2
	octetsOfTCP6 = 2*16 + 2*2
)

// ErrHeader says that a connection does not begin with a valid header.
var ErrHeader = errors.New("proxy: no valid PROXY header")

// Ends is the connection that a balancer hands on: the address of its client, and
// the address and port to which that connected, all unmapped. The zero Ends says
// to use those of the balancer's own connection.
type Ends struct {
	Client   netip.Addr
	Listener netip.AddrPort
}

// ReadHeader reads a header, and not an octet more: what follows is the client's,
// who must not speak before our banner.
func ReadHeader(r io.Reader) (Ends, error) {
	header := make([]byte, len(signature), maxLine) // no header is shorter
	if _, err := io.ReadFull(r, header); err != nil {
		return Ends{}, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	switch {
	case string(header) == signature:
		return readBinary(r, header)
	case bytes.HasPrefix(header, []byte("PROXY ")):
		return readLine(r, header)
	}
	return Ends{}, ErrHeader
}

// readLine goes on with the line of version 1.
func readLine(r io.Reader, line []byte) (Ends, error) {
	for !bytes.HasSuffix(line, []byte("\r\n")) {
		n := len(line)
		if n == maxLine {
			return Ends{}, ErrHeader
		}
		// One octet at a time: its end is known only when it is there.
		line = line[:n+1]
		if _, err := io.ReadFull(r, line[n:]); err != nil {
			return Ends{}, fmt.Errorf("%w: %w", ErrHeader, err)
		}
	}
	return parseLine(string(line[:len(line)-2]))
}

// parseLine parses the line without its CRLF.
func parseLine(line string) (Ends, error) {
	fields := strings.Split(line, " ")
	if len(fields) > 1 && fields[1] == "UNKNOWN" {
		return Ends{}, nil // whatever else it says
	}
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" || !isPort(fields[4]) || !isPort(fields[5]) {
		return Ends{}, ErrHeader
	}
	var addrs [2]netip.Addr
	for i, text := range fields[2:4] {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" || addr.Is4() != (fields[1] == "TCP4") {
			return Ends{}, ErrHeader
		}
		addrs[i] = addr.Unmap()
	}
	port, _ := strconv.ParseUint(fields[5], 10, 16) // isPort
	return Ends{addrs[0], netip.AddrPortFrom(addrs[1], uint16(port))}, nil
}

// isPort reports whether s is a port without leading zeros.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == s
}

// readBinary goes on with the header of version 2, whose signature was read.
func readBinary(r io.Reader, first []byte) (Ends, error) {
	fixed := first[:fixedOctets]
	if _, err := io.ReadFull(r, fixed[len(signature):]); err != nil {
		return Ends{}, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	whole := fixedOctets + int(binary.BigEndian.Uint16(fixed[fixedOctets-2:]))
	if whole > maxOctets {
		return Ends{}, ErrHeader
	}
	header := slices.Grow(fixed, whole-fixedOctets)[:whole]
	if _, err := io.ReadFull(r, header[fixedOctets:]); err != nil {
		return Ends{}, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	return parseBinary(header)
}

// parseBinary parses a whole header whose length was found right. Its checksum
// is set to zero.
func parseBinary(header []byte) (Ends, error) {
	command, family, body := header[len(signature)], header[len(signature)+1], header[fixedOctets:]
	if command == local {
		return Ends{}, nil // nothing in it is used, so nothing in it is looked at
	}
	octets, ofAddr := 0, 0
	switch family {
	case unspec:
	case tcp4:
		octets, ofAddr = octetsOfTCP4, 4
	case tcp6:
		octets, ofAddr = octetsOfTCP6, 16
	default: // no TCP
		return Ends{}, ErrHeader
	}
	if command != onward || len(body) < octets || !validTLVs(header, body[octets:]) {
		return Ends{}, ErrHeader
	}
	if octets == 0 {
		return Ends{}, nil
	}
	client, _ := netip.AddrFromSlice(body[:ofAddr])
	to, _ := netip.AddrFromSlice(body[ofAddr : 2*ofAddr])
	return Ends{client.Unmap(), netip.AddrPortFrom(to.Unmap(), binary.BigEndian.Uint16(body[octets-2:]))}, nil
}

// validTLVs reports whether tlvs, the end of header, is well formed and the
// checksum in it, if there is one, is that of header.
func validTLVs(header, tlvs []byte) bool {
	for len(tlvs) > 0 {
		if len(tlvs) < 3 {
			return false
		}
		kind, n := tlvs[0], 3+int(binary.BigEndian.Uint16(tlvs[1:]))
		if len(tlvs) < n {
			return false
		}
		if kind == crc32C && (n != 3+crc32.Size || !validSum(header, tlvs[3:n])) {
			return false
		}
		tlvs = tlvs[n:]
	}
	return true
}

// validSum compares sum, which lies in header, with the CRC32c of header with
// zeros in its place, and leaves the zeros there.
func validSum(header, sum []byte) bool {
	want := binary.BigEndian.Uint32(sum)
	clear(sum)
	return crc32.Checksum(header, crc32.MakeTable(crc32.Castagnoli)) == want
}
