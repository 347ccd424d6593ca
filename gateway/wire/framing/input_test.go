package framing

import (
	"errors"
	"slices"
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

// Whoever waits for the client may give up and ask again: the rest of a line never
// becomes one of its own, and what is discarded of it counts on.
func TestALineIsOneHoweverOftenItsReaderGivesUp(t *testing.T) {
	pause := errors.New("no more for now")
	for _, tc := range []struct {
		name   string
		pieces []string // a pause after each
		want   []string
	}{
		{"short", []string{"NO", "OP", "\r\n"}, []string{"NOOP"}},
		{"as long as may be", []string{strings.Repeat("x", 500), "xxxxxxxxxx\r\nNOOP\r\n"}, []string{strings.Repeat("x", 510), "NOOP"}},
		{"too long", []string{strings.Repeat("x", 600), "QUIT\r\nNOOP\r\n"}, []string{"too long", "NOOP"}},
		{"too long, between CR and LF", []string{strings.Repeat("x", 600) + "\r", "\nQUIT\r\n"}, []string{"too long", "QUIT"}},
		{"too long, and twice", []string{strings.Repeat("x", 3000), "QUIT", "\r\nNOOP\r\n" + strings.Repeat("y", 600), "NOOP\r\nRSET\r\n"}, []string{"too long", "NOOP", "too long", "RSET"}},
		{"without an end", slices.Repeat([]string{strings.Repeat("x", 8000)}, maxSkipOctets/8000+1), []string{"endless"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var in Input
			var got []string
			for _, piece := range tc.pieces {
				src := strings.NewReader(piece)
				more := func() error {
					if src.Len() == 0 {
						return pause
					}
					in.Shrink()
					_, err := in.Fill(src)
					return err
				}
				for goesOn := true; goesOn; {
					switch line, err := in.Line(more); err {
					case nil:
						got = append(got, string(line))
					case ErrLineTooLong:
						got = append(got, "too long")
					case ErrEndlessLine:
						got, goesOn = append(got, "endless"), false
					default:
						goesOn = false
					}
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("%.100q", got)
			}
		})
	}
}
