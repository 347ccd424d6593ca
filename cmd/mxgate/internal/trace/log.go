package trace

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"strings"
)

// Limits of a log.
const (
	maxLogLine    = 64 << 10
	maxLogEntries = 5_000_000
	minQueueID    = 5 // shorter words are no queue ids
)

// Log is what a log of our mail servers says about who handed in what: the
// client's addresses by queue id. It is the strongest proof, because no client
// writes it. A nil Log knows nothing.
type Log struct {
	clients map[string][]netip.Addr
	entries int
}

// ErrLogTooLarge says that a log has more than five million messages.
var ErrLogTooLarge = errors.New("trace: too many messages in the log: expected one of the time in question only")

// ReadLog reads a log of Postfix ("QUEUEID: client=name[ip]"), Exim
// ("QUEUEID <= ... [ip]") or Sendmail ("QUEUEID: ... relay=name [ip]"). Other
// lines are passed over.
func (l *Log) ReadLog(r io.Reader) error {
	if l.clients == nil {
		l.clients = map[string][]netip.Addr{}
	}
	br := bufio.NewReaderSize(r, maxLogLine)
	for {
		line, err := br.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) { // no line of a mail server is so long
			continue
		}
		if id, ip, ok := logEntry(string(line)); ok {
			if l.entries++; l.entries > maxLogEntries {
				return ErrLogTooLarge
			}
			l.clients[id] = append(l.clients[id], ip)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// logEntry reads a line that tells of a message that came in.
func logEntry(line string) (id string, ip netip.Addr, ok bool) {
	before, after, exim := strings.Cut(line, " <= ")
	if !exim {
		mark := ": client="
		if !strings.Contains(line, mark) {
			mark = ", relay="
		}
		if before, after, ok = strings.Cut(line, mark); !ok || strings.Contains(line, " stat=") {
			return "", ip, false
		}
		// Sendmail: "sendmail[1]: QUEUEID: from=<a>, size=1, ..., relay=x [ip]"
		before, _, _ = strings.Cut(before, ": from=")
	}
	words := strings.Fields(before)
	if len(words) == 0 {
		return "", ip, false
	}
	id = strings.Trim(words[len(words)-1], ":")
	for literal := range strings.SplitSeq(after, "[") {
		inner, _, closed := strings.Cut(literal, "]")
		if addr, err := netip.ParseAddr(strings.TrimPrefix(inner, "IPv6:")); closed && err == nil {
			return id, addr.Unmap(), len(id) >= minQueueID
		}
	}
	return "", ip, false
}

// has reports whether the log has that queue id with that client.
func (l *Log) has(id string, ip netip.Addr) bool {
	if l == nil || len(id) < minQueueID {
		return false
	}
	for _, known := range l.clients[id] {
		if known == ip {
			return true
		}
	}
	return false
}
