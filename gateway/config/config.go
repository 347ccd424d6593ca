// Package config reads the operator's configuration: one TOML file in which every
// key is checked before anything starts, and every fault is told with its file,
// line, key and value, what was expected and what to do. It builds what the rooms
// work with (sources, routes, rules, the certificate), so that nothing is read
// twice and no room meets a value that was not checked.
//
// It opens the files the configuration names and nothing else: no socket, no
// data directory, no resolver.
package config

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/gateway/config/strict"
	"mxgate/gateway/relay"
	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// Config is the configuration as the operator writes it, and what it means.
// config.example.toml explains every key.
type Config struct {
	Hostname   string      `toml:"hostname"`
	DataDir    string      `toml:"data_dir"`
	Mode       string      `toml:"mode"`
	Log        Log         `toml:"log"`
	Listeners  []Listener  `toml:"listener"`
	TLS        TLS         `toml:"tls"`
	Sources    []Source    `toml:"source"`
	NextHops   []NextHop   `toml:"next_hop"`
	Domains    []Domain    `toml:"domain"`
	Protect    Protect     `toml:"protect"`
	Groups     []Group     `toml:"group"`
	Memory     Memory      `toml:"memory"`
	DNS        DNS         `toml:"dns"`
	Policy     Policy      `toml:"policy"`
	Exceptions []Exception `toml:"exception"`
	Forwarders []Forwarder `toml:"forwarder"`
	Limits     Limits      `toml:"limits"`
	Retention  Retention   `toml:"retention"`
	Metrics    Metrics     `toml:"metrics"`

	File  string                  // where it was read, for errors
	text  strict.File             // where its keys stand there
	sum   [sha256.Size]byte       // of what stood there
	named map[string]*relay.Route // by name of the [[next_hop]], or HOST:PORT
	Built
}

// Built is what the text means, made by Load and Parse. It is shared and must not
// be changed. The zero Built, as Default has it, admits nobody and knows no domain.
type Built struct {
	Certificate *tls.Certificate // nil: STARTTLS is not offered
	ClientCAs   *x509.CertPool   // who vouch for certificates of clients; nil: none is asked for
	Sockets     []Socket         // to listen on, as many as there are [[listener]]
	SourceSet   *provider.Set    // nil only in a Config that was never checked
	Grants      map[string]Grant // by name of the source
	// AuthservIDs are the names under which a source states its results, by name
	// of the source; without an entry the catalogue knows them.
	AuthservIDs map[string][]string
	// Routes has the way for each of our domains. Ways that are the same are
	// the same pointer: one for each [[next_hop]] and each HOST:PORT.
	Routes  map[mail.Domain]*relay.Route
	Used    []*relay.Route     // those of Routes, each once, in the order of the file
	Own     []mail.Domain      // our domains in the order of the file
	Targets []lookalike.Target // own and protected domains, to find look-alikes of
	People  []policy.Person    // whose names on foreign addresses are worth a warning
	Owners  [][]mail.Domain    // of each [[group]] its domains, registrable ones
	Rules   policy.Rules       // the operator's, over the defaults
}

// The modes: Observe decides and records everything and relays all of it.
const (
	Enforce = "enforce"
	Observe = "observe"
)

// Log says how the log is written to standard error.
type Log struct {
	Format string `toml:"format"`
	Level  string `toml:"level"`
}

// Listener is one address to listen on.
type Listener struct {
	Address       string   `toml:"address"`
	ProxyProtocol []string `toml:"proxy_protocol"`
}

// TLS names the certificate for STARTTLS.
type TLS struct {
	CertFile string `toml:"cert_file"`
	KeyFile  string `toml:"key_file"`
	Require  bool   `toml:"require"`

	ClientCAFile string `toml:"client_ca_file"`
}

// Source is one provider or partner that may deliver to us.
type Source struct {
	Name       string          `toml:"name"`
	Provider   string          `toml:"provider"`
	Ranges     []string        `toml:"ranges"`
	ReceivedBy []string        `toml:"received_by"`
	ValidFrom  *toml.LocalDate `toml:"valid_from"`
	ValidUntil *toml.LocalDate `toml:"valid_until"`
	Origin     string          `toml:"origin"`
	Published  []string        `toml:"published"` // nil: as the catalogue says

	Tenant          string     `toml:"tenant"`
	BindHeader      BindHeader `toml:"bind_header"`
	BindCertificate []string   `toml:"bind_certificate"`
	BindTenant      []string   `toml:"bind_tenant"`
	BindListener    []string   `toml:"bind_listener"`

	Xclient              bool     `toml:"xclient"`
	ConnectionsPerMinute int      `toml:"connections_per_minute"`
	NearMiss             []string `toml:"near_miss"`    // nil: as the catalogue says; empty: off
	AuthservIDs          []string `toml:"authserv_ids"` // likewise; "" stands for fields that name nobody
}

// NextHop is a way to the operator's mail servers.
type NextHop struct {
	Name     string   `toml:"name"`
	Hosts    []string `toml:"hosts"`
	Protocol string   `toml:"protocol"`
	TLS      string   `toml:"tls"`
	TLSName  string   `toml:"tls_name"`
	CAFile   string   `toml:"ca_file"`
	Pins     []string `toml:"pins"`
	Client   string   `toml:"client"`
}

// Domain is one domain of ours.
type Domain struct {
	Name    string `toml:"name"`
	NextHop string `toml:"next_hop"`
}

// Protect names whom attackers may pretend to be.
type Protect struct {
	Domains []string `toml:"domains"`
	People  []Person `toml:"people"`
}

// Person is one protected person.
type Person struct {
	Name      string   `toml:"name"`
	Addresses []string `toml:"addresses"`
}

// DNS names the resolvers.
type DNS struct {
	Servers      []string        `toml:"servers"`
	Timeout      strict.Duration `toml:"timeout"`
	CacheEntries int             `toml:"cache_entries"`
	TrustAD      bool            `toml:"trust_ad"`
}

// Policy is how evidence is judged.
type Policy struct {
	TimeBudget   strict.Duration   `toml:"time_budget"`
	DeferAtMost  strict.Duration   `toml:"defer_at_most"`
	RefuseNullMX bool              `toml:"refuse_null_mx"`
	Dispositions map[string]string `toml:"dispositions"`
	Conversation map[string]int    `toml:"conversation"` // points; score.Rows names them

	AsReject           []string `toml:"as_reject"`
	Sealers            []string `toml:"sealers"`
	ProviderSealer     bool     `toml:"provider_sealer"`
	ShowSPFExplanation bool     `toml:"show_spf_explanation"`
}

// Exception is one narrow exception.
type Exception struct {
	Author    string          `toml:"author"`
	Require   string          `toml:"require"`
	Recipient string          `toml:"recipient"`
	Reasons   []string        `toml:"reasons"`
	Owner     string          `toml:"owner"`
	Why       string          `toml:"why"`
	Expires   *toml.LocalDate `toml:"expires"`
}

// Forwarder is one mailing list or forwarding service that is believed.
type Forwarder struct {
	Name      string          `toml:"name"`
	DKIM      []string        `toml:"dkim"`
	Sealers   []string        `toml:"sealers"`
	Authors   []string        `toml:"authors"`
	Recipient string          `toml:"recipient"`
	Reasons   []string        `toml:"reasons"`
	Owner     string          `toml:"owner"`
	Why       string          `toml:"why"`
	Expires   *toml.LocalDate `toml:"expires"`
}

// Limits bounds what peers can make us hold.
type Limits struct {
	MessageOctets        int64           `toml:"message_octets"`
	MemoryOctets         int64           `toml:"memory_octets"`
	MemoryOctetsTotal    int64           `toml:"memory_octets_total"`
	Recipients           int             `toml:"recipients"`
	Connections          int             `toml:"connections"`
	ConnectionsPerSource int             `toml:"connections_per_source"`
	StrangerConnections  int             `toml:"stranger_connections"`
	CommandTimeout       strict.Duration `toml:"command_timeout"`
	ContentTimeout       strict.Duration `toml:"content_timeout"`
	DrainTimeout         strict.Duration `toml:"drain_timeout"`
	MessagesPerSender    int             `toml:"messages_per_sender"` // in a minute; 0: no limit
}

// Retention says how long records are kept.
type Retention struct {
	JournalDays    int `toml:"journal_days"`
	QuarantineDays int `toml:"quarantine_days"`

	QuarantineOctets int64 `toml:"quarantine_octets"`
}

// Metrics is the listener of /metrics, /healthz and /readyz.
type Metrics struct {
	Address string `toml:"address"`
}

// Default returns the values of all keys that have a default.
func Default() *Config {
	return &Config{
		DataDir:   "/var/lib/mxgate",
		Mode:      Enforce,
		Log:       Log{Format: "json", Level: "info"},
		Listeners: []Listener{{Address: ":25"}},
		Memory:    Memory{Enabled: true, MessageIDs: 5_000_000, ConversationDays: 180, ContactDays: 400},
		DNS:       DNS{Timeout: strict.Duration(5 * time.Second), CacheEntries: 50000},
		Policy:    Policy{TimeBudget: strict.Duration(30 * time.Second), DeferAtMost: strict.Duration(time.Hour), ProviderSealer: true},
		Limits: Limits{
			MessageOctets: 50 << 20, MemoryOctets: 8 << 20, MemoryOctetsTotal: 32 << 20, Recipients: 100,
			Connections: 1000, ConnectionsPerSource: 200, StrangerConnections: 100,
			CommandTimeout: strict.Duration(5 * time.Minute), ContentTimeout: strict.Duration(3 * time.Minute), DrainTimeout: strict.Duration(time.Minute),
		},
		Retention: Retention{JournalDays: 180, QuarantineDays: 30, QuarantineOctets: 10 << 30},
	}
}

// Problem is one fault of a configuration file.
type Problem = strict.Problem

// Error holds everything that is wrong with a file.
type Error struct {
	File     string
	Problems []Problem
}

// maxTold is how many faults of a file are told at once.
const maxTold = 100

func (e *Error) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxTold {
			fmt.Fprintf(&b, "%s: and %d more", e.File, len(e.Problems)-i)
			break
		}
		b.WriteString(e.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		if p.Key != "" {
			fmt.Fprintf(&b, ": %s", p.Key)
		}
		if p.Value != "" {
			fmt.Fprintf(&b, " = %.200s", p.Value)
		}
		fmt.Fprintf(&b, ": %s", p.Expected)
	}
	return b.String()
}

// Load reads and checks a configuration file, and reads the certificates it names: all
// that is needed to serve. A *Error lists every fault found in it, not just the first;
// any other error says why it cannot be read.
func Load(file string) (*Config, error) { return load(file, true) }

// LoadForTool is Load for a command that does not listen: it needs neither certificate
// nor key of the listeners, nor the rights to read them.
func LoadForTool(file string) (*Config, error) { return load(file, false) }

func load(file string, listens bool) (*Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		expected := "expected a TOML file; config.example.toml is one"
		if errors.Is(err, fs.ErrPermission) {
			expected = "expected a file that whoever runs mxgate may read"
		}
		return nil, fmt.Errorf("%s: cannot be read (%w): %s", file, rootCause(err), expected)
	}
	return parse(file, text, listens)
}

// Parse is Load for text that is already there; file is named in errors.
func Parse(file string, text []byte) (*Config, error) { return parse(file, text, true) }

func parse(file string, text []byte, listens bool) (*Config, error) {
	c := Default()
	c.File, c.sum = file, sha256.Sum256(text)
	var ok bool
	var faults strict.Problems
	if c.text, ok = strict.Decode(text, c); ok {
		faults = c.check()
		if listens {
			c.readTLS(&faults)
		}
	}
	if faults = c.text.Problems(faults); len(faults) > 0 {
		return nil, &Error{file, faults}
	}
	return c, nil
}

// Outdated reports whether the file holds something else by now. The error says why
// what it holds cannot be used. A pipe cannot be read again.
func (c *Config) Outdated() (bool, error) {
	if info, err := os.Stat(c.File); err == nil && !info.Mode().IsRegular() {
		return false, nil
	}
	again, err := Load(c.File)
	return err != nil || again.sum != c.sum, err
}

// Locate fills in where problems with c stand in its file, and sorts by that.
func (c *Config) Locate(problems []Problem) []Problem { return c.text.Locate(problems) }
