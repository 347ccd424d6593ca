package relay

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func parseReply(s string) (Reply, error) {
	return readReply(bufio.NewReaderSize(strings.NewReader(s), maxReplyLine), nil)
}

func TestDuty_T2_Relay(t *testing.T) {
	long := strings.Repeat("x", 508)
	tests := []struct {
		in   string
		want Reply
	}{
		{"250 ok\r\n", Reply{250, "", "ok"}},
		{"250 2.0.0 ok\r\n", Reply{250, "2.0.0", "ok"}},
		{"250 2.0.0\r\n", Reply{250, "2.0.0", ""}},
		{"451\r\n", Reply{451, "", ""}},
		{"451 \r\n", Reply{451, "", ""}},
		{"550-5.1.1 one\r\n550-5.1.1 two\r\n550 5.1.1 three\r\n", Reply{550, "5.1.1", "one two three"}},
		{"550-see below\r\n550 5.1.1 unknown\r\n", Reply{550, "5.1.1", "see below unknown"}},
		{"550-\r\n550-x\r\n550\r\n", Reply{550, "", "x"}},
		{"571 5.7.1 no\r\n", Reply{571, "5.7.1", "no"}},
		{"550 5.123.456 x\r\n", Reply{550, "5.123.456", "x"}},
		{"550 4.7.1 of another class\r\n", Reply{550, "", "4.7.1 of another class"}},
		{"550 5.07.1 x\r\n", Reply{550, "", "5.07.1 x"}},
		{"550 5.1.1234 x\r\n", Reply{550, "", "5.1.1234 x"}},
		{"550 5.1 x\r\n", Reply{550, "", "5.1 x"}},
		{"550 5.1.1.1 x\r\n", Reply{550, "", "5.1.1.1 x"}},
		{"500 5.0.0\xd1\r\n", Reply{500, "5.0.0", ""}},
		{"354 3.0.0 x\r\n", Reply{354, "", "3.0.0 x"}},
		{"550 a\x00b\x1b[31m\tc\rd\r\n", Reply{550, "", "a b [31m c d"}},
		{"550 Gr\xc3\xbc\xc3\x9fe\r\n", Reply{550, "", "Gr    e"}},
		{"550 " + long[:506] + "\r\n", Reply{550, "", long[:400]}},
		{"550-" + long[:399] + "\r\n550 " + long + "", Reply{}},
		{"550-" + long[:398] + "\r\n550 yz\r\n", Reply{550, "", long[:398] + " y"}},
		{"550-" + long[:399] + "\r\n550 yz\r\n", Reply{550, "", long[:399]}},
	}
	for _, tt := range tests {
		got, err := parseReply(tt.in)
		if got != tt.want || (err != nil) != (tt.want == Reply{}) {
			t.Errorf("%.60q: %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestReply_garbage_is_told_from_a_lost_connection(t *testing.T) {
	tests := []struct {
		in      string
		garbage bool
	}{
		{"", false},
		{"250", false},
		{"250 ok", false},
		{"250-ok\r\n", false},
		{"\r\n", true},
		{"25\r\n", true},
		{"250 ok\n", true},
		{"250_ok\r\n", true},
		{"150 ok\r\n", true},
		{"600 ok\r\n", true},
		{"2x0 ok\r\n", true},
		{"250-ok\r\n\r\n", true},
		{"250-ok\r\n550 no\r\n", true},
		{"250 " + strings.Repeat("x", 507) + "\r\n", true},
		{strings.Repeat("x", 512), true},
		{strings.Repeat("250-x\r\n", 50), true},
	}
	for _, tt := range tests {
		_, err := parseReply(tt.in)
		if err == nil || errors.Is(err, errGarbage) != tt.garbage {
			t.Errorf("%.60q: %v, want garbage %v", tt.in, err, tt.garbage)
		}
	}
}

func TestReply_limits_are_the_largest_that_pass(t *testing.T) {
	if _, err := parseReply("250 " + strings.Repeat("x", 506) + "\r\n"); err != nil {
		t.Errorf("512 octets: %v", err)
	}
	if _, err := parseReply(strings.Repeat("250-x\r\n", 49) + "250 x\r\n"); err != nil {
		t.Errorf("50 lines: %v", err)
	}
}

// A reply must mean the same however it is cut into packets, and nothing in it
// may reach our own client, a header or a log as it was sent.
func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "550-5.1.1 a\r\n550 5.1.1 b\r\n", "451\r\n", "250-x\r\n251 y\r\n", "250 a\x00\xff\r\n", "220-\r\n220 \r\nx"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		r := strings.NewReader(in)
		reply, err := readReply(bufio.NewReaderSize(r, maxReplyLine), func(line string) { mustBePrintable(t, line, maxReplyLine) })
		again, err2 := readReply(bufio.NewReaderSize(iotest.OneByteReader(strings.NewReader(in)), maxReplyLine), nil)
		if reply != again || (err == nil) != (err2 == nil) {
			t.Fatalf("%q: %+v %v, in pieces %+v %v", in, reply, err, again, err2)
		}
		if err != nil {
			if !errors.Is(err, errGarbage) && !errors.Is(err, io.EOF) || reply != (Reply{}) {
				t.Fatalf("%q: %+v, %v", in, reply, err)
			}
			return
		}
		if reply.Code < 200 || reply.Code > 599 || reply.Enhanced != "" && int(reply.Enhanced[0]-'0') != reply.Code/100 {
			t.Fatalf("%q: %+v", in, reply)
		}
		mustBePrintable(t, reply.Text, maxReplyText)
		mustBePrintable(t, reply.Enhanced, len("5.999.999"))
		refusesUs(reply)
	})
}

func mustBePrintable(t *testing.T, s string, limit int) {
	t.Helper()
	if len(s) > limit {
		t.Fatalf("%d octets: %q", len(s), s)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			t.Fatalf("unprintable: %q", s)
		}
	}
}
