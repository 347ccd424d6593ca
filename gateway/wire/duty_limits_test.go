package wire_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"mxgate/gateway/wire"
)

// TestDuty_C1_EachExtensionLetsALineGrow goes to the limit of a line and over.
func TestDuty_C1_EachExtensionLetsALineGrow(t *testing.T) {
	for _, tc := range []struct {
		name  string
		offer wire.Offer
		hello string
		limit int
	}{
		{"before EHLO", wire.Offer{DSN: true}, "", 512},
		{"HELO", wire.Offer{DSN: true}, "HELO client.example\r\n", 512},
		{"SIZE", wire.Offer{}, "EHLO client.example\r\n", 512 + 26},
		{"8BITMIME", wire.Offer{EightBitMIME: true}, "EHLO client.example\r\n", 512 + 26 + 17},
		{"SMTPUTF8", wire.Offer{EightBitMIME: true, SMTPUTF8: true}, "EHLO client.example\r\n", 512 + 26 + 17 + 10},
		{"REQUIRETLS in clear", wire.Offer{RequireTLS: true}, "EHLO client.example\r\n", 512 + 26},
		{"DSN", wire.Offer{EightBitMIME: true, SMTPUTF8: true, DSN: true}, "EHLO client.example\r\n", 512 + 500},
		{"DSN and then HELO", wire.Offer{DSN: true}, "EHLO client.example\r\nHELO client.example\r\n", 512},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := start(t, func(cfg *wire.Config) { cfg.Offer = func() wire.Offer { return tc.offer } }).dial(t)
			c.expect("220")
			for line := range strings.Lines(tc.hello) {
				c.send(line)
				for reply := "250-"; strings.HasPrefix(reply, "250-"); {
					reply = c.line()
				}
			}
			c.send("NOOP " + strings.Repeat("x", tc.limit-len("NOOP \r\n")) + "\r\n")
			c.expect("250 2.0.0")
			c.send("NOOP " + strings.Repeat("x", tc.limit+1-len("NOOP \r\n")) + "\r\n")
			c.expect("500 5.5.2")
			c.send("NOOP\r\n")
			c.expect("250 2.0.0")
		})
	}
}

// TestDuty_F6_Wire_NoLineIsHeld sends 20 MB without a line end: it passes
// through a block at a time, and the memory of the process does not see it.
func TestDuty_F6_Wire_NoLineIsHeld(t *testing.T) {
	const octets, mayAllocate = 20 << 20, 4 << 20
	s := start(t, func(cfg *wire.Config) { cfg.MemoryOctets = 64 << 10 })
	var before, after runtime.MemStats
	s.handling = func(context.Context) { runtime.ReadMemStats(&after) }
	piece := []byte(strings.Repeat("x", 64<<10))
	c := s.open(t)
	c.mail()
	runtime.ReadMemStats(&before)
	for range octets / len(piece) {
		if _, err := c.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	c.send("\r\n.\r\n")
	c.expect("250 2.0.0 Taken")
	if n := after.TotalAlloc - before.TotalAlloc; n > mayAllocate {
		t.Errorf("%d octets were allocated for a line of %d", n, octets)
	}
}

// TestDuty_M4_Wire looks for what takes the monotonic reading from a time: a
// limit of such a time moves with the wall clock.
func TestDuty_M4_Wire(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	// The deadline that is always over needs no clock.
	allowed := []string{"time.Unix(1, 0)"}
	looked := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		src, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, f.Name(), src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			looked++
			strips := []string{"Round", "Truncate", "UTC", "Local", "In", "Unix", "UnixMilli", "UnixNano", "AddDate", "Date", "Parse"}
			text := string(src[fset.Position(call.Pos()).Offset:fset.Position(call.End()).Offset])
			if slices.Contains(strips, sel.Sel.Name) && !slices.Contains(allowed, text) {
				t.Errorf("%s: %s", fset.Position(call.Pos()), text)
			}
			return true
		})
	}
	if looked < 100 {
		t.Errorf("only %d calls were looked at", looked)
	}
}

// TestDuty_T1_Wire has a Gate that says too much.
func TestDuty_T1_Wire(t *testing.T) {
	c := start(t, nil).open(t)
	c.send("MAIL FROM:<long@client.example>\r\n")
	got := c.line()
	if !strings.HasPrefix(got, "550 5.7.1 xxx") || len(got) > 512-2 {
		t.Errorf("%d octets: %.40q", len(got), got)
	}
}
