package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestOnlyMappingsThatTheFileHoldsAreForgotten(t *testing.T) {
	entry := func(head, anonymous string) string {
		return head + "\nSize:                  4 kB\nPrivate_Dirty:         0 kB\nAnonymous:             " + anonymous + " kB\nVmFlags: rd ex mr mw me\n"
	}
	smaps := entry("00400000-00e00000 r-xp 00000000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("00e00000-01700000 r--p 00a00000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("01700000-01710000 r--p 01300000 08:01 17                         /opt/a b/mxgate", "8") + // written before it was locked
		entry("01710000-01720000 rw-p 01310000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("01720000-01730000 r--s 01310000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("01730000-01740000 r--p 01310000 08:01 17                         /opt/a b/mxgate.old", "0") +
		entry("c000000000-c000400000 rw-p 00000000 00:00 0", "100") +
		entry("7f00-7e00 r-xp 00000000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("x-y r-xp 00000000 08:01 17                         /opt/a b/mxgate", "0")
	got := cleanMappings(strings.NewReader(smaps), "/opt/a b/mxgate")
	if want := []mapping{{0x400000, 0xe00000}, {0xe00000, 0x1700000}}; !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// What is forgotten comes back when it is needed, and not all of it.
func TestAProgramGoesOnWithoutItsPages(t *testing.T) {
	all, before := programMappings(), fileOctets(t)
	unmap(all)
	after := fileOctets(t)
	if len(all) == 0 || after >= before {
		t.Errorf("of %x, %d kB are mapped, %d before", all, after, before)
	}
}

// fileOctets is how much of files is mapped, in kB: proc_pid_status(5).
func fileOctets(t *testing.T) (n int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "RssFile:")
	if _, err := fmt.Sscan(line, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
