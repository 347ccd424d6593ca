//go:build interop

package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Who is who in the interop tests.
const (
	providerHost = "mx.provider.example"
	gateHost     = "gate.example.com"
	storeHost    = "mail.example.com" // the second Postfix
)

// missing ends a test for want of something. In CI that is a failure: there the
// servers are installed, and a test that never runs proves nothing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("MXGATE_CI") == "1" {
		t.Fatalf("%s (MXGATE_CI=1: may not be skipped)", what)
	}
	t.Skip(what)
}

// needServers ends the test, before anything has been started, where the servers
// cannot run.
func needServers(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "Postfix can be started by root only")
	}
	if _, err := user.Lookup("postfix"); err != nil {
		missing(t, "Postfix is not installed: there is no user postfix")
	}
	for _, name := range []string{"postfix", "postqueue", "unbound"} {
		program(t, name)
	}
}

// program finds a server's program, also where a user's PATH does not look.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	path := "/usr/sbin/" + name
	if _, err := os.Stat(path); err != nil {
		missing(t, name+" is not installed")
	}
	return path
}

// workDir is a directory that other users may enter, unlike t.TempDir.
func workDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "mxgate-interop-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freePort returns a port of 127.0.0.1 that nobody listens on at the moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// poll asks done until it is true or the budget is over. What it asks are other
// processes, which cannot tell us by themselves.
func poll(t *testing.T, what string, budget time.Duration, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), budget)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s", what, budget)
		case <-tick.C:
		}
	}
}

// selfSigned writes a certificate and its key in one PEM file.
func selfSigned(t *testing.T, dir, host string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, host+".pem")
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))+
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})))
	return file
}

// postfix is a running Postfix instance that shares nothing with the system's.
type postfix struct {
	t    *testing.T
	dir  string
	conf string
	addr string
}

// quietly are settings that let a message through as it came: no size limits in
// the way, no rewriting, no conversion. What Postfix changes nevertheless it does
// before the tap, so no ledger depends on them; they keep hostile input hostile.
const quietly = `
compatibility_level = 3.6
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
default_transport = discard:
local_transport = discard:
notify_classes =
local_header_rewrite_clients =
disable_mime_input_processing = yes
disable_mime_output_conversion = yes
smtputf8_enable = no
cleanup_replace_stray_cr_lf = no
message_drop_headers =
smtp_line_length_limit = 0
header_size_limit = 8388608
message_size_limit = 52428800
mailbox_size_limit = 0
hopcount_limit = 500
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_error_sleep_time = 0
in_flow_delay = 0
initial_destination_concurrency = 5
default_destination_concurrency_limit = 10
queue_run_delay = 3s
minimal_backoff_time = 3s
maximal_backoff_time = 6s
`

const masterServices = `%s inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
showq unix n - n - - showq
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix runs an instance with further lines of main.cf.
func startPostfix(t *testing.T, host, settings string) *postfix {
	t.Helper()
	path := program(t, "postfix")
	account, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	dir := workDir(t)
	p := &postfix{t: t, dir: dir, conf: filepath.Join(dir, "etc"), addr: local(freePort(t))}
	for _, name := range []string{"etc", "spool", "data", "log"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	uid, _ := strconv.Atoi(account.Uid)
	if err := os.Chown(filepath.Join(dir, "data"), uid, -1); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.conf, "main.cf"), fmt.Sprintf("myhostname = %s\nqueue_directory = %s/spool\ndata_directory = %s/data\n"+
		"maillog_file = %s\nmaillog_file_prefixes = %s\n%s%s\n", host, dir, dir, p.logFile(), dir, without(quietly, settings), settings))
	write(t, filepath.Join(p.conf, "master.cf"), fmt.Sprintf(masterServices, p.addr))
	t.Cleanup(func() {
		if t.Failed() {
			p.showLog()
		}
		_ = exec.Command(path, "-c", p.conf, "abort").Run() // not running is fine
	})
	if out, err := exec.CommandContext(t.Context(), path, "-c", p.conf, "start").CombinedOutput(); err != nil {
		t.Fatalf("postfix start: %v\n%s", err, out)
	}
	awaitBanner(t, p.addr, host)
	return p
}

// without returns the lines of main.cf whose parameters others do not set: Postfix
// warns of a second value.
func without(lines, others string) (kept string) {
	for line := range strings.Lines(lines) {
		if name, _, _ := strings.Cut(line, " = "); !strings.Contains("\n"+others, "\n"+name+" = ") {
			kept += line
		}
	}
	return kept
}

func (p *postfix) logFile() string { return filepath.Join(p.dir, "log", "mail.log") }

// log is what the instance has logged so far.
func (p *postfix) log() string {
	text, err := os.ReadFile(p.logFile())
	if err != nil {
		p.t.Error(err)
	}
	return string(text)
}

// showLog prints what Postfix complained about, the last lines of it.
func (p *postfix) showLog() {
	var told []string
	for line := range strings.Lines(p.log()) {
		if strings.Contains(line, "warning:") || strings.Contains(line, "fatal:") || strings.Contains(line, "status=deferred") {
			told = append(told, line)
		}
	}
	p.t.Logf("Postfix says:\n%s", strings.Join(told[max(0, len(told)-20):], ""))
}

// queue returns what waits in the queue, one JSON object for each message.
func (p *postfix) queue() string {
	out, err := exec.CommandContext(p.t.Context(), program(p.t, "postqueue"), "-c", p.conf, "-j").Output()
	if err != nil {
		p.t.Fatalf("postqueue: %v", err)
	}
	return string(out)
}

// drained waits until the queue is empty: everything has had a final answer.
func (p *postfix) drained(budget time.Duration) {
	p.t.Helper()
	left := ""
	defer func() {
		if left != "" {
			p.t.Logf("left in the queue:\n%.4000s", left)
		}
	}()
	poll(p.t, "the queue of Postfix is empty", budget, func() bool { left = p.queue(); return left == "" })
}

// awaitBanner waits until an SMTP server greets.
func awaitBanner(t *testing.T, addr, host string) {
	t.Helper()
	poll(t, "greeting of "+host, 30*time.Second, func() bool {
		nc, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return false
		}
		defer nc.Close()
		if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(nc).ReadString('\n')
		fmt.Fprint(nc, "QUIT\r\n")
		return err == nil && strings.HasPrefix(line, "220 "+host)
	})
}

// startUnbound runs a real resolver for which no name exists.
func startUnbound(t *testing.T) netip.AddrPort {
	t.Helper()
	path := program(t, "unbound")
	addr := netip.MustParseAddrPort(local(freePort(t)))
	dir := t.TempDir()
	file := filepath.Join(dir, "unbound.conf")
	write(t, file, fmt.Sprintf("server:\n interface: 127.0.0.1@%d\n do-daemonize: no\n do-ip6: no\n username: \"\"\n chroot: \"\"\n directory: %q\n"+
		" pidfile: \"\"\n logfile: \"\"\n use-syslog: no\n module-config: \"iterator\"\n local-zone: \".\" static\nremote-control:\n control-enable: no\n", addr.Port(), dir))
	command := exec.CommandContext(t.Context(), path, "-d", "-c", file)
	var said bytes.Buffer // complete once Wait has returned
	command.Stderr = &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // t.Context is over by then: killed
		_ = command.Wait()
		if t.Failed() {
			t.Logf("unbound says:\n%.2000s", said.String())
		}
	})
	poll(t, "unbound answers", 20*time.Second, func() bool {
		nc, err := net.DialTimeout("tcp", addr.String(), time.Second)
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
	return addr
}

// gate is the mxgate program, running.
type gate struct {
	t       *testing.T
	binary  string
	config  string
	dataDir string
	addr    string
	log     string
	command *exec.Cmd
}

// startGate builds the program and runs it between a provider that writes its
// Received as providerHost and nextHop.
func startGate(t *testing.T, nextHop string, resolver netip.AddrPort, settings string) *gate {
	t.Helper()
	g := startGateFor(t, "ranges = [\"127.0.0.1/32\"]", "", nextHop, resolver, settings)
	awaitBanner(t, g.addr, gateHost)
	return g
}

// startGateFor is startGate for a provider at other addresses, and a listener
// with further keys. Whoever calls it waits until the gateway is there.
func startGateFor(t *testing.T, provider, listener, nextHop string, resolver netip.AddrPort, settings string) *gate {
	t.Helper()
	dir := t.TempDir()
	g := &gate{t: t, binary: filepath.Join(dir, "mxgate"), config: filepath.Join(dir, "mxgate.toml"),
		dataDir: filepath.Join(dir, "data"), addr: local(freePort(t)), log: filepath.Join(dir, "mxgate.log")}
	build := []string{"build", "-o", g.binary}
	if raceDetector() {
		build = append(build, "-race")
	}
	if out, err := exec.CommandContext(t.Context(), "go", append(build, "mxgate/cmd/mxgate")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	write(t, g.config, fmt.Sprintf("hostname = %q\ndata_dir = %q\n[[listener]]\naddress = %q\n%s\n[[source]]\nname = \"provider\"\n%s\n"+
		"received_by = [%q]\n[[domain]]\nname = \"example.com\"\nnext_hop = %q\n[dns]\nservers = [%q]\n%s",
		gateHost, g.dataDir, g.addr, listener, provider, providerHost, nextHop, resolver, settings))
	logFile, err := os.Create(g.log)
	if err != nil {
		t.Fatal(err)
	}
	defer logFile.Close()
	g.command = exec.Command(g.binary, "serve", "-config", g.config)
	g.command.Stderr = logFile
	if err := g.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if g.command.ProcessState == nil {
			_ = g.command.Process.Kill() // the test ended early
			_ = g.command.Wait()
		}
	})
	return g
}

// raceDetector reports whether this test is built with -race; the program under
// test then is, too.
func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// stop asks the gateway to end as an operator would, and checks that it ended well.
func (g *gate) stop() {
	g.t.Helper()
	if err := g.command.Process.Signal(syscall.SIGTERM); err != nil {
		g.t.Fatal(err)
	}
	if err := g.command.Wait(); err != nil {
		g.t.Errorf("mxgate did not end well: %v", err)
	}
	text, err := os.ReadFile(g.log)
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "DATA RACE") || strings.Contains(line, "panic") {
			g.t.Errorf("mxgate says: %.500s", line)
		}
	}
}
