package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnlyMappingsThatTheFileHoldsAreForgotten(t *testing.T) {
	swapped := "0"
	entry := func(head, anonymous string) string {
		return head + "\nSize:                  4 kB\nPrivate_Dirty:         0 kB\nAnonymous:             " + anonymous + " kB\nSwap:                  " + swapped + " kB\nSwapPss:               0 kB\nVmFlags: rd ex mr mw me\n"
	}
	smaps := entry("00400000-00e00000 r-xp 00000000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("00e00000-01700000 r--p 00a00000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("01700000-01710000 r--p 01300000 08:01 17                         /opt/a b/mxgate", "8") + // written before it was locked
		entry("01710000-01720000 rw-p 01310000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("01720000-01730000 r--s 01310000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("7f00-7e00 r-xp 00000000 08:01 17                         /opt/a b/mxgate", "0") +
		entry("x-y r-xp 00000000 08:01 17                         /opt/a b/mxgate", "0")
	swapped = "4"
	smaps += entry("01730000-01740000 r-xp 01320000 08:01 17                         /opt/a b/mxgate", "0") // written, and not in RAM now
	swapped = "0"
	other := entry("01750000-01760000 r--p 01310000 08:01 17                         /opt/a b/mxgate.old", "0") +
		entry("c000000000-c000400000 rw-p 00000000 00:00 0", "100")
	smaps = other + smaps + other
	want := []mapping{{0x400000, 0xe00000}, {0xe00000, 0x1700000}}
	if got := cleanMappings(strings.NewReader(smaps), "/opt/a b/mxgate"); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	// What comes after the file is not read: to read of a heap takes long.
	rest := strings.NewReader(strings.Repeat(other, 1000))
	if got := cleanMappings(io.MultiReader(strings.NewReader(smaps), rest), "/opt/a b/mxgate"); !slices.Equal(got, want) || rest.Len() == 0 {
		t.Errorf("got %x, want %x; %d octets are unread", got, want, rest.Len())
	}
}

// A breakpoint that is set while the program runs stays.
func TestWhatADebuggerWritesIntoTheProgramStays(t *testing.T) {
	memory, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = memory.Close() }()
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		defer synctest.Wait()
		defer close(done)
		go keepUsedPages(done)
		synctest.Wait()
		all := programMappings()
		if len(all) == 0 {
			t.Fatal("no mapping of the program was found")
		}
		page := mapping{all[0].end - uintptr(os.Getpagesize()), all[0].end} // its end is no code
		at := func() (octet [1]byte) {
			t.Helper()
			if _, err := memory.ReadAt(octet[:], int64(page.end-1)); err != nil {
				t.Fatal(err)
			}
			return octet
		}
		was := at()
		if _, err := memory.WriteAt([]byte{was[0] ^ 0xcc}, int64(page.end-1)); err != nil {
			t.Skipf("this kernel lets nobody write to it: %v", err)
		}
		time.Sleep(25 * time.Second)
		synctest.Wait()
		if at() == was {
			t.Error("what was written is gone")
		}
		unmap([]mapping{page})
		if at() != was {
			t.Error("the system does not drop what was written: the test shows nothing")
		}
	})
}

// BenchmarkProgramMappings is what keepUsedPages costs each ten seconds, beside a heap.
func BenchmarkProgramMappings(b *testing.B) {
	heap := make([]byte, 256<<20)
	for i := 0; i < len(heap); i += 4096 {
		heap[i] = 1
	}
	for b.Loop() {
		programMappings()
	}
	runtime.KeepAlive(heap)
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
