package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"mxgate/gateway/store"
)

// strangerLine is one line of `mxgate strangers -json`. Its names are a contract.
type strangerLine struct {
	Hour    time.Time `json:"hour"`    // its begin, UTC
	Network string    `json:"network"` // "" for all that came in too great numbers to be told apart
	Count   int64     `json:"count"`
	Helo    string    `json:"helo"` // the last one offered
}

func runStrangers(ctx context.Context, args []string, out, errOut io.Writer) int {
	f := flags("strangers", errOut)
	config := f.String("config", "", "configuration `FILE`")
	since := span(7 * 24 * time.Hour)
	f.Var(&since, "since", "look back this `LONG`, in whole hours: 12h, 7d")
	asJSON := f.Bool("json", false, "one JSON object on a line for each network and hour")
	if code, ok := parseOnly(f, args); !ok {
		return code
	}
	return withStore(*config, errOut, func(st *store.Store) error {
		rows, err := st.Strangers(ctx, time.Now().Add(-time.Duration(since)))
		if err != nil {
			return err
		}
		// Newest last, where a terminal ends; within an hour the most frequent first.
		slices.SortStableFunc(rows, func(a, b store.StrangerRow) int { return a.Hour.Compare(b.Hour) })
		if *asJSON {
			return printStrangersJSON(out, rows)
		}
		return printStrangers(out, rows, since)
	})
}

func printStrangersJSON(out io.Writer, rows []store.StrangerRow) error {
	encoder := json.NewEncoder(out)
	for _, r := range rows {
		line := strangerLine{Hour: r.Hour, Count: r.Count, Helo: r.Helo}
		if r.Network.IsValid() {
			line.Network = r.Network.String()
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

func printStrangers(out io.Writer, rows []store.StrangerRow, since span) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintf(out, "nobody in the last %s\n", &since)
		return err
	}
	t := table{}
	t.add("", "HOUR", "NETWORK", "COUNT", "LAST HELO")
	total, networks := int64(0), map[string]bool{}
	for _, r := range rows {
		network := "all others"
		if r.Network.IsValid() {
			network = r.Network.String()
			if r.Network.IsSingleIP() {
				network = r.Network.Addr().String()
			}
		}
		total += r.Count
		networks[network] = true
		t.add("", r.Hour.Local().Format("2006-01-02 15:04 MST"), network, fmt.Sprintf("%5d", r.Count), shown(r.Helo, 60))
	}
	if err := t.print(out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s from %s in the last %s, all refused (hosts of a near miss: deferred)\n", counted(total, "connection"), counted(int64(len(networks)), "network"), &since)
	return err
}

// counted is "1 network", "2 networks".
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
