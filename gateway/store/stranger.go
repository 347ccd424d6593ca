package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Bounds of what strangers can make us keep: an attacker has as many addresses
// as he likes.
const (
	maxTallies      = 4096    // networks counted in memory between two commits
	maxStrangerRows = 100_000 // rows of the table
	keepStrangers   = 90_000  // rows left when the table is cut, so that it is cut seldom
	maxHeloOctets   = 255
	ipv6Bits        = 64 // one customer has a /64 at least
)

// StrangerRow counts the connections of one network in one hour.
type StrangerRow struct {
	Hour    time.Time    // its begin, UTC
	Network netip.Prefix // an IPv4 address or an IPv6 /64; the zero Prefix: all that found the memory or the table full
	Count   int64
	Helo    string // the last one offered, "" if none was
	// NearCount is how many of Count were near misses: told to wait, not refused.
	// NearSource is the source that the last of them most likely is, "" without any.
	NearCount  int64
	NearSource string
}

type strangerKey struct {
	hour    int64 // nanoseconds, as stored
	network netip.Prefix
}

type tally struct {
	count      int64
	helo       string
	nearCount  int64
	nearSource string
}

// strangers counts in memory until the next commit.
type strangers struct {
	mu      sync.Mutex
	tallies map[strangerKey]tally
	rows    int // at most so many rows are in the table, -1: not known; of the writer goroutine alone
}

// Stranger counts a connection from an address that belongs to no source. helo
// is what it offered, "" if nothing. It never blocks on the database; counts are
// durable within about 100 ms.
func (s *Store) Stranger(at time.Time, addr netip.Addr, helo string) {
	s.tell(at, addr, tally{count: 1, helo: cleanHelo(helo)})
}

// NearMiss is Stranger for an address that most likely belongs to source and is in
// none of its ranges: its mail was told to wait.
func (s *Store) NearMiss(at time.Time, addr netip.Addr, helo, source string) {
	s.tell(at, addr, tally{1, cleanHelo(helo), 1, source})
}

func (s *Store) tell(at time.Time, addr netip.Addr, t tally) {
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6Bits
	}
	network, _ := addr.Prefix(bits) // the zero Addr gives the zero Prefix
	s.strangers.add(strangerKey{nanos(at.UTC().Truncate(time.Hour)), network}, t)
	s.call()
}

// cleanHelo bounds a stranger's word and keeps printable ASCII only.
func cleanHelo(helo string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, helo[:min(len(helo), maxHeloOctets)])
}

func (m *strangers) add(k strangerKey, t tally) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.tallies[k]; !known && len(m.tallies) >= maxTallies {
		k.network, t.helo, t.nearSource = netip.Prefix{}, "", ""
	}
	sum := m.tallies[k]
	sum.count += t.count
	if t.helo != "" {
		sum.helo = t.helo
	}
	sum.nearCount += t.nearCount
	if t.nearSource != "" {
		sum.nearSource = t.nearSource
	}
	m.tallies[k] = sum
}

func (m *strangers) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.tallies) == 0
}

// take empties the memory for a commit; giveBack returns what was not committed.
func (m *strangers) take() map[strangerKey]tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tallies) == 0 {
		return nil
	}
	taken := m.tallies
	m.tallies = make(map[strangerKey]tally)
	return taken
}

func (m *strangers) giveBack(taken map[strangerKey]tally) {
	m.rows = -1
	for k, t := range taken {
		m.add(k, t)
	}
}

// insertStrangers adds tallies to the table and keeps it within its bound.
func (s *Store) insertStrangers(tx *sql.Tx, tallies map[strangerKey]tally) error {
	if len(tallies) == 0 {
		return nil
	}
	if err := addStrangers(tx, tallies); err != nil {
		return err
	}
	return s.cutStrangers(tx, len(tallies))
}

func addStrangers(tx *sql.Tx, tallies map[strangerKey]tally) error {
	upsert, err := tx.Prepare(`INSERT INTO strangers (hour, network, count, helo, near_count, near_source) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET count = count + excluded.count, helo = CASE excluded.helo WHEN '' THEN helo ELSE excluded.helo END,
		near_count = near_count + excluded.near_count, near_source = CASE excluded.near_source WHEN '' THEN near_source ELSE excluded.near_source END`)
	if err != nil {
		return fault("strangers", err)
	}
	defer upsert.Close()
	for k, t := range tallies {
		network := ""
		if k.network.IsValid() {
			network = k.network.String()
		}
		if _, err := upsert.Exec(k.hour, network, t.count, t.helo, t.nearCount, t.nearSource); err != nil {
			return fault("strangers", err)
		}
	}
	return nil
}

// cutStrangers folds rows into those of all others when added new ones may have
// passed the bound: in the fullest hours those who came least. A flood takes room
// only from its own hour as long as that has more than others, and no count is lost.
func (s *Store) cutStrangers(tx *sql.Tx, added int) error {
	if known := s.strangers.rows; known >= 0 && known+added <= maxStrangerRows {
		s.strangers.rows += added
		return nil
	}
	var rows int // counting them is dear, so it is done only here
	if err := tx.QueryRow("SELECT count(*) FROM strangers").Scan(&rows); err != nil {
		return fault("strangers", err)
	}
	if rows > maxStrangerRows {
		others, err := dropStrangers(tx, rows-keepStrangers)
		if err == nil {
			err = addStrangers(tx, others)
		}
		if err != nil {
			return err
		}
		rows = keepStrangers + len(others)
	}
	s.strangers.rows = rows
	return nil
}

// dropStrangers drops as many rows and returns their sums, by hour.
func dropStrangers(tx *sql.Tx, drop int) (map[strangerKey]tally, error) {
	// The last of each hour goes before the last but one of any.
	rows, err := tx.Query(`DELETE FROM strangers WHERE (hour, network) IN (SELECT hour, network FROM
		(SELECT hour, network, row_number() OVER (PARTITION BY hour ORDER BY count DESC, network) AS place FROM strangers)
		ORDER BY place DESC, hour LIMIT ?) RETURNING hour, count, near_count`, drop)
	if err != nil {
		return nil, fault("strangers", err)
	}
	defer rows.Close()
	others := make(map[strangerKey]tally)
	for rows.Next() {
		var k strangerKey
		var t tally
		if err := rows.Scan(&k.hour, &t.count, &t.nearCount); err != nil {
			return nil, fault("strangers", err)
		}
		sum := others[k]
		others[k] = tally{count: sum.count + t.count, nearCount: sum.nearCount + t.nearCount}
	}
	if err := rows.Err(); err != nil {
		return nil, fault("strangers", err)
	}
	return others, nil
}

// Strangers lists the hours from since on, newest first, the most frequent
// networks of an hour first.
func (s *Store) Strangers(ctx context.Context, since time.Time) ([]StrangerRow, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT hour, network, count, helo, near_count, near_source FROM strangers WHERE hour >= ? ORDER BY hour DESC, count DESC, network",
		nanos(since.UTC().Truncate(time.Hour)))
	return collect(rows, err, func(row interface{ Scan(...any) error }) (StrangerRow, error) {
		var r StrangerRow
		var hour int64
		var network string
		if err := row.Scan(&hour, &network, &r.Count, &r.Helo, &r.NearCount, &r.NearSource); err != nil {
			return StrangerRow{}, err
		}
		r.Hour = fromNanos(hour)
		if network != "" {
			var err error
			if r.Network, err = netip.ParsePrefix(network); err != nil {
				return StrangerRow{}, fmt.Errorf("stranger: %w", err)
			}
		}
		return r, nil
	})
}
