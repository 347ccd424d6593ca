package systemd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain is also the child that is started by socket activation: it greets one
// connection on each socket, and says on stdout what it has.
func TestMain(m *testing.M) {
	if os.Getenv("SYSTEMD_TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	sockets, err := Sockets()
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	left := os.Getenv("LISTEN_PID") + os.Getenv("LISTEN_FDS") + os.Getenv("LISTEN_FDNAMES")
	again, err := Sockets()
	fmt.Printf("sockets %d, again %d %v, left %q\n", len(sockets), len(again), err, left)
	for _, s := range sockets {
		conn, err := s.Accept()
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		fmt.Fprintf(conn, "hello from %s\n", s.Name)
		_ = conn.Close()
	}
}

// child starts this binary with files from descriptor 3 on. env may use $$ for
// the process ID, as systemd knows it.
func child(t *testing.T, env string, files ...*os.File) *bufio.Reader {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", env+` exec "$0"`, os.Args[0])
	cmd.Env = append(os.Environ(), "SYSTEMD_TEST_CHILD=1")
	cmd.ExtraFiles = files
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.Process.Kill() == nil {
			_ = cmd.Wait() // killed, or ended with an error that it wrote
		}
	})
	return bufio.NewReader(out)
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", text, err)
	}
	return strings.TrimSuffix(text, "\n")
}

// listening opens a socket as systemd would.
func listening(t *testing.T, network, address string) (string, *os.File) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close(); l.Close() })
	return l.Addr().String(), f
}

func greeting(t *testing.T, network, address string) string {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSocketsAreTakenOnce(t *testing.T) {
	tcp, tcpFile := listening(t, "tcp", "127.0.0.1:0")
	unix, unixFile := listening(t, "unix", filepath.Join(t.TempDir(), "s"))
	out := child(t, "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=mail:local", tcpFile, unixFile)
	if got, want := line(t, out), `sockets 2, again 0 <nil>, left ""`; got != want {
		t.Errorf("child says %q, want %q", got, want)
	}
	if got := greeting(t, "tcp", tcp); got != "hello from mail\n" {
		t.Errorf("got %q", got)
	}
	if got := greeting(t, "unix", unix); got != "hello from local\n" {
		t.Errorf("got %q", got)
	}
}

func TestSocketsWithoutNames(t *testing.T) {
	address, f := listening(t, "tcp", "127.0.0.1:0")
	line(t, child(t, "LISTEN_PID=$$ LISTEN_FDS=1", f))
	if got := greeting(t, "tcp", address); got != "hello from \n" {
		t.Errorf("got %q", got)
	}
}

func TestSocketsThatAreNotOurs(t *testing.T) {
	_, f := listening(t, "tcp", "127.0.0.1:0")
	for _, env := range []string{"", "LISTEN_PID=1 LISTEN_FDS=1", "LISTEN_FDS=1", "LISTEN_PID=x LISTEN_FDS=1", "LISTEN_PID=$$ LISTEN_FDS=0"} {
		if got, want := line(t, child(t, env, f)), `sockets 0, again 0 <nil>, left ""`; got != want {
			t.Errorf("%s: child says %q, want %q", env, got, want)
		}
	}
}

func TestSocketsThatCannotBe(t *testing.T) {
	_, f := listening(t, "tcp", "127.0.0.1:0")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	udp, err := datagrams.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for _, test := range []struct {
		env, want string
		file      *os.File
	}{
		{"LISTEN_PID=$$ LISTEN_FDS=-1", `error: systemd: LISTEN_FDS="-1": expected a number up to 128`, f},
		{"LISTEN_PID=$$ LISTEN_FDS=129", `error: systemd: LISTEN_FDS="129": expected a number up to 128`, f},
		{"LISTEN_PID=$$", `error: systemd: LISTEN_FDS="": expected a number up to 128`, f},
		{"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mail", `error: systemd: descriptor 3 ("mail"): getsockopt: `, null},
		{"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mail", `error: systemd: descriptor 3 ("mail"): not a listening socket`, udp},
	} {
		if got := line(t, child(t, test.env, test.file)); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: child says %q, want %q", test.env, got, test.want)
		}
	}
}

// told opens a socket for notifications.
func told(t *testing.T, name string) func() string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return func() string {
		t.Helper()
		buf := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		return string(buf[:n])
	}
}

func TestNotify(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), "@mxgate-test-" + strconv.Itoa(os.Getpid())} {
		next := told(t, name)
		for _, test := range []struct {
			tell func() error
			want string
		}{
			{Ready, "READY=1"},
			{Stopping, "STOPPING=1"},
			{func() error { return Status("12 sessions\nREADY=1") }, "STATUS=12 sessions READY=1"},
		} {
			if err := test.tell(); err != nil {
				t.Fatal(err)
			}
			if got := next(); got != test.want {
				t.Errorf("told %q, want %q", got, test.want)
			}
		}
	}
}

func TestReloadingCarriesTheTime(t *testing.T) {
	next := told(t, filepath.Join(t.TempDir(), "notify"))
	var before, usec int64
	for range 2 {
		if err := Reloading(); err != nil {
			t.Fatal(err)
		}
		before = usec
		if _, err := fmt.Sscanf(next(), "RELOADING=1\nMONOTONIC_USEC=%d", &usec); err != nil {
			t.Fatal(err)
		}
	}
	if usec <= before || before <= 0 {
		t.Errorf("the clock went from %d to %d", before, usec)
	}
}

func TestNotifyTellsNobodyWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Ready(); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", "vsock:2:1234")
	if err := Ready(); err == nil || !strings.Contains(err.Error(), "vsock:2:1234") {
		t.Errorf("got %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	if err := Ready(); err == nil {
		t.Error("nobody heard it")
	}
}

func TestWatchdog(t *testing.T) {
	next := told(t, filepath.Join(t.TempDir(), "notify"))
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	var ill atomic.Bool
	var well atomic.Int32 // so often it was well
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- Watchdog(ctx, func(ctx context.Context) error {
			if _, limited := ctx.Deadline(); !limited {
				t.Error("no limit")
			}
			if ill.Load() {
				return errors.New("disk full")
			}
			well.Add(1)
			return nil
		})
	}()
	told := int32(0)
	for ; told < 3; told++ {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("told %q", got)
		}
	}
	ill.Store(true)
	got := next()
	for ; got == "WATCHDOG=1" && told < well.Load(); told++ { // it was on its way
		got = next()
	}
	if got != "STATUS=not well: disk full" {
		t.Errorf("told %q", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWatchdogThatNobodyAskedFor(t *testing.T) {
	for _, test := range []struct {
		usec, pid string
		bad       bool
	}{{"", "", false}, {"20000", "1", false}, {"x", "", true}, {"0", "", true}, {"-5", "", true}, {"99999999999999999999", "", true}} {
		t.Setenv("WATCHDOG_USEC", test.usec)
		t.Setenv("WATCHDOG_PID", test.pid)
		err := Watchdog(t.Context(), func(context.Context) error { t.Error("asked"); return nil })
		if (err != nil) != test.bad {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
