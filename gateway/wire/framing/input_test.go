package framing

import (
	"strings"
	"testing"
)

func TestAWaitingSessionHoldsNoBlock(t *testing.T) {
	for _, unread := range []string{"", "MAI", strings.Repeat("x", idleOctets)} {
		var in Input
		in.Enlarge()
		in.w = copy(in.mem(), "content\r\n.\r\n"+unread)
		in.Consume(len("content\r\n.\r\n"))
		in.Shrink()
		if in.lent != nil || string(in.Unread()) != unread {
			t.Errorf("after %.10q: block %t, unread %.10q", unread, in.lent != nil, in.Unread())
		}
	}
	var in Input
	in.Enlarge()
	in.w = copy(in.mem(), strings.Repeat("x", idleOctets+1))
	if in.Shrink(); len(in.Unread()) != idleOctets+1 {
		t.Error("unread input was lost")
	}
}

func TestALargeBlockIsForAClientThatFillsTheSmallOne(t *testing.T) {
	var in Input
	in.Enlarge()
	for _, step := range []struct{ sent, room int }{{10, smallOctets}, {smallOctets - 1, smallOctets}, {smallOctets, smallOctets}, {1, largeOctets}, {largeOctets, largeOctets}} {
		if n, err := in.Fill(strings.NewReader(strings.Repeat("x", step.sent))); n != step.sent || err != nil {
			t.Fatalf("%d octets, %v, of %d", n, err, step.sent)
		}
		if len(in.mem()) != step.room {
			t.Errorf("%d octets came into %d, want %d", step.sent, len(in.mem()), step.room)
		}
		in.Consume(step.sent)
	}
}

func TestInputIsKeptWhenTheBufferGrows(t *testing.T) {
	stream := strings.Repeat("0123456789\r\n", 3*largeOctets/12)
	src := strings.NewReader(stream)
	var in Input
	var got strings.Builder
	in.Enlarge()
	for got.Len() < len(stream)-2 {
		if _, err := in.Fill(src); err != nil {
			t.Fatal(err)
		}
		n := len(in.Unread()) - 2 // two octets are left, as Frame may
		got.Write(in.Unread()[:n])
		in.Consume(n)
	}
	if got.String()+string(in.Unread()) != stream {
		t.Error("the stream was changed")
	}
}
