package gateway

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"mxgate/policy"
	"mxgate/policy/lookalike"
	"mxgate/policy/mail"
	"mxgate/policy/provider"
)

// Config is the configuration as the operator writes it. config.example.toml
// explains every key; Load checks all of it before anything starts.
type Config struct {
	Hostname   string            `toml:"hostname"`
	DataDir    string            `toml:"data_dir"`
	Mode       string            `toml:"mode"`
	Log        LogConfig         `toml:"log"`
	Listeners  []ListenerConfig  `toml:"listener"`
	TLS        TLSConfig         `toml:"tls"`
	Sources    []SourceConfig    `toml:"source"`
	Domains    []DomainConfig    `toml:"domain"`
	Protect    ProtectConfig     `toml:"protect"`
	DNS        DNSConfig         `toml:"dns"`
	Policy     PolicyConfig      `toml:"policy"`
	Exceptions []ExceptionConfig `toml:"exception"`
	Limits     LimitsConfig      `toml:"limits"`
	Retention  RetentionConfig   `toml:"retention"`
	Metrics    MetricsConfig     `toml:"metrics"`

	file  string         // where it was read, for errors
	lines map[string]int // where its keys stand there
	built
}

// built is what check makes of the text.
type built struct {
	certificate *tls.Certificate
	sources     *provider.Set
	routes      map[mail.Domain]string // domain to next hop
	own         []mail.Domain
	targets     []lookalike.Target
	people      []policy.Person
	rules       policy.Rules
}

// The modes: observe decides and records everything and relays all of it.
const (
	enforce = "enforce"
	observe = "observe"
)

// LogConfig says how the log is written to standard error.
type LogConfig struct {
	Format string `toml:"format"`
	Level  string `toml:"level"`
}

// ListenerConfig is one address to listen on.
type ListenerConfig struct {
	Address string `toml:"address"`
}

// TLSConfig names the certificate for STARTTLS.
type TLSConfig struct {
	CertFile string `toml:"cert_file"`
	KeyFile  string `toml:"key_file"`
	Require  bool   `toml:"require"`
}

// SourceConfig is one provider or partner that may deliver to us.
type SourceConfig struct {
	Name       string          `toml:"name"`
	Provider   string          `toml:"provider"`
	Ranges     []string        `toml:"ranges"`
	ReceivedBy []string        `toml:"received_by"`
	ValidUntil *toml.LocalDate `toml:"valid_until"`
	Origin     string          `toml:"origin"`
}

// DomainConfig is one domain of ours.
type DomainConfig struct {
	Name    string `toml:"name"`
	NextHop string `toml:"next_hop"`
}

// ProtectConfig names whom attackers may pretend to be.
type ProtectConfig struct {
	Domains []string       `toml:"domains"`
	People  []PersonConfig `toml:"people"`
}

// PersonConfig is one protected person.
type PersonConfig struct {
	Name      string   `toml:"name"`
	Addresses []string `toml:"addresses"`
}

// DNSConfig names the resolvers.
type DNSConfig struct {
	Servers      []string `toml:"servers"`
	Timeout      Duration `toml:"timeout"`
	CacheEntries int      `toml:"cache_entries"`
	TrustAD      bool     `toml:"trust_ad"`
}

// PolicyConfig is how evidence is judged.
type PolicyConfig struct {
	TimeBudget   Duration          `toml:"time_budget"`
	DeferAtMost  Duration          `toml:"defer_at_most"`
	Dispositions map[string]string `toml:"dispositions"`
}

// ExceptionConfig is one narrow exception.
type ExceptionConfig struct {
	Author    string          `toml:"author"`
	Require   string          `toml:"require"`
	Recipient string          `toml:"recipient"`
	Reasons   []string        `toml:"reasons"`
	Owner     string          `toml:"owner"`
	Why       string          `toml:"why"`
	Expires   *toml.LocalDate `toml:"expires"`
}

// LimitsConfig bounds what peers can make us hold.
type LimitsConfig struct {
	MessageOctets        int64    `toml:"message_octets"`
	MemoryOctets         int64    `toml:"memory_octets"`
	Recipients           int      `toml:"recipients"`
	Connections          int      `toml:"connections"`
	ConnectionsPerSource int      `toml:"connections_per_source"`
	StrangerConnections  int      `toml:"stranger_connections"`
	CommandTimeout       Duration `toml:"command_timeout"`
	ContentTimeout       Duration `toml:"content_timeout"`
	DrainTimeout         Duration `toml:"drain_timeout"`
}

// RetentionConfig says how long records are kept.
type RetentionConfig struct {
	JournalDays    int `toml:"journal_days"`
	QuarantineDays int `toml:"quarantine_days"`

	QuarantineOctets int64 `toml:"quarantine_octets"`
}

// MetricsConfig is the listener of /metrics, /healthz and /readyz.
type MetricsConfig struct {
	Address string `toml:"address"`
}

// Duration is a time.Duration written as "30s". A number without a unit is
// refused: it would be taken for nanoseconds.
type Duration time.Duration

// UnmarshalText reads "30s", "5m", "1h30m"; it must be positive.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is not a duration: expected a positive one such as 30s, 5m or 1h", text)
	}
	*d = Duration(v)
	return nil
}

// DefaultConfig returns the values of all keys that have a default.
func DefaultConfig() *Config {
	return &Config{
		DataDir:   "/var/lib/mxgate",
		Mode:      enforce,
		Log:       LogConfig{Format: "json", Level: "info"},
		Listeners: []ListenerConfig{{Address: ":25"}},
		DNS:       DNSConfig{Timeout: Duration(5 * time.Second), CacheEntries: 50000},
		Policy:    PolicyConfig{TimeBudget: Duration(30 * time.Second), DeferAtMost: Duration(time.Hour)},
		Limits: LimitsConfig{
			MessageOctets: 50 << 20, MemoryOctets: 1 << 20, Recipients: 100,
			Connections: 1000, ConnectionsPerSource: 200, StrangerConnections: 100,
			CommandTimeout: Duration(5 * time.Minute), ContentTimeout: Duration(3 * time.Minute), DrainTimeout: Duration(time.Minute),
		},
		Retention: RetentionConfig{JournalDays: 180, QuarantineDays: 30, QuarantineOctets: 10 << 30},
	}
}

// Problem is one fault of a configuration file.
type Problem struct {
	Line     int    // 0 if it stands nowhere
	Key      string // "source[0].ranges[1]"
	Value    string
	Expected string // what was expected, and what to do
}

// ConfigError holds everything that is wrong with a file.
type ConfigError struct {
	File     string
	Problems []Problem
}

func (e *ConfigError) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
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

// Load reads and checks a configuration file. A *ConfigError lists every fault
// found in it, not just the first; any other error says why it cannot be read.
func Load(file string) (*Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w): expected a TOML file; config.example.toml is one", file, rootCause(err))
	}
	return Parse(file, text)
}

// Parse is Load for text that is already there; file is named in errors.
func Parse(file string, text []byte) (*Config, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors on Windows put it there
	var doc map[string]any
	if err := toml.Unmarshal(text, &doc); err != nil {
		return nil, &ConfigError{file, []Problem{syntaxProblem(text, err)}}
	}
	c := DefaultConfig()
	c.file, c.lines = file, keyLines(text)
	f := c.fill(doc)
	if problems := append(f.problems, f.untold(c.check())...); len(problems) > 0 {
		return nil, &ConfigError{file, c.Locate(problems)}
	}
	return c, nil
}
