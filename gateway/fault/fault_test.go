package fault

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestPointsAreManyAndDistinct(t *testing.T) {
	if len(Points) < 16 {
		t.Errorf("%d points", len(Points))
	}
	sorted := slices.Sorted(slices.Values(Points))
	if n := len(slices.Compact(sorted)); n != len(Points) {
		t.Errorf("%d points, %d names", len(Points), n)
	}
}

// What ships has no fault points: the compiler removes calls of empty functions
// that it can inline.
func TestOutsideTheFaultsBuildNothingIsLeft(t *testing.T) {
	said, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for _, want := range []string{"can inline At", "can inline Err"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the compiler does not say %q:\n%s", want, said)
		}
	}
}
