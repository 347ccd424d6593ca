// Package count says how many of what there are, for people. Whoever reads "1
// messages" wonders what else was not looked at.
package count

import (
	"fmt"
	"strings"
)

// Integer is what things are counted in.
type Integer interface {
	~int | ~int64 | ~uint32
}

// Of is "1 network", "2 networks", "0 addresses". what is the word for one.
func Of[N Integer](n N, what string) string { return fmt.Sprintf("%d %s", n, Word(n, what)) }

// Word is what n of them are called: "network" or "networks".
func Word[N Integer](n N, what string) string {
	switch {
	case n == 1:
		return what
	case strings.HasSuffix(what, "s"):
		return what + "es"
	}
	return what + "s"
}

// Size is a number of octets as people read it: "712 octets", "4.1 KB", "1.5 MB".
func Size(octets int64) string {
	switch {
	case octets < 1000:
		return Of(octets, "octet")
	case octets < 999_950: // which would round to 1000.0
		return fmt.Sprintf("%.1f KB", float64(octets)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(octets)/1e6)
}
