package framing

import (
	"strings"
	"testing"
)

func TestAWaitingSessionHoldsWhatItsLineNeeds(t *testing.T) {
	for _, before := range []int{smallOctets, largeOctets} {
		for _, unread := range []int{0, 3, idleOctets, idleOctets + 1, smallOctets - 2} {
			var in Input
			in.Enlarge()
			if before == largeOctets {
				in.move(largest)
			}
			line := strings.Repeat("x", unread)
			in.w = copy(in.mem(), "\r\n"+line)
			in.Consume(in.w - unread)
			in.Shrink()
			want := idleOctets
			if unread > idleOctets {
				want = smallOctets
			}
			if len(in.mem()) != want || string(in.Unread()) != line {
				t.Errorf("%d octets of %d: %d are held, %d unread", unread, before, len(in.mem()), len(in.Unread()))
			}
		}
	}
}

func TestALongLineIsReadWhole(t *testing.T) {
	for _, octets := range []int{idleOctets - 1, idleOctets, idleOctets + 1, 1038} {
		line := strings.Repeat("x", octets-2)
		src := strings.NewReader(line + "\r\n" + line + "\r\nNOOP\r\n")
		in := Input{Limit: 1038}
		more := func() error {
			in.Shrink()
			_, err := in.Fill(src)
			return err
		}
		for _, want := range []string{line, line, "NOOP"} {
			if got, err := in.Line(more); err != nil || string(got) != want {
				t.Errorf("%d octets: %d came, %v", octets, len(got), err)
			}
		}
		if in.Shrink(); in.lent != nil {
			t.Errorf("%d octets: a block is held", octets)
		}
	}
}

func TestALargerBlockIsForAClientThatFillsTheOneBefore(t *testing.T) {
	var in Input
	in.Enlarge()
	sent := 0
	for _, step := range []struct{ octets, room int }{
		{10, 8 << 10}, {8<<10 - 1, 8 << 10}, {8 << 10, 8 << 10}, {1, 16 << 10}, {16 << 10, 16 << 10},
		{32 << 10, 32 << 10}, {64 << 10, 64 << 10}, {64 << 10, 64 << 10}, {1, 64 << 10},
	} {
		if n, err := in.Fill(strings.NewReader(strings.Repeat("x", step.octets))); n != step.octets || err != nil {
			t.Fatalf("%d octets, %v, of %d", n, err, step.octets)
		}
		if room := len(in.mem()); room != step.room || room > smallOctets+2*sent {
			t.Errorf("%d octets came into %d after %d, want %d", step.octets, room, sent, step.room)
		}
		sent += step.octets
		in.Consume(step.octets)
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
