package providers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"mxgate/policy/dns"
	"mxgate/policy/provider/ranges"
)

// Bounds of fetching a document.
const (
	fetchTimeout = 20 * time.Second
	maxRedirects = 3
)

// Errors of Fetch.
var (
	ErrNoPlace = errors.New("providers: it is not known where ranges are published (-published SOURCE=PLACE)")
	ErrOffline = errors.New("providers: not asked, because offline")
)

// Fetcher reads what is published.
type Fetcher struct {
	Resolver dns.Resolver // nil: DNS is not asked
	Client   *http.Client // nil: no URL is fetched
}

// NewClient returns the client for documents: https only, also behind redirects.
func NewClient() *http.Client {
	return &http.Client{Timeout: fetchTimeout, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Scheme != "https" || len(via) > maxRedirects {
			return fmt.Errorf("redirected to %.200q: expected at most %d redirects, to https", r.URL, maxRedirects)
		}
		return nil
	}}
}

// Fetch returns the list of the first kind of places that can be read. Places of
// one kind belong together: of a provider with two SPF names, both count. Its
// error tells what was wrong with each; without a place it is ErrNoPlace.
func (f Fetcher) Fetch(ctx context.Context, places []ranges.Place) (ranges.List, error) {
	var faults []error
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].Kind == places[0].Kind {
			n++
		}
		list, err := f.group(ctx, places[:n])
		if err == nil {
			return list, nil
		}
		faults = append(faults, fmt.Errorf("%s: %w", places[0], err))
		places = places[n:]
	}
	if faults == nil {
		return ranges.List{}, ErrNoPlace
	}
	return ranges.List{}, errors.Join(faults...)
}

// group reads places of one kind.
func (f Fetcher) group(ctx context.Context, places []ranges.Place) (ranges.List, error) {
	var names []string
	for _, p := range places {
		names = append(names, p.Name)
	}
	switch kind := places[0].Kind; {
	case kind == ranges.KindFile || kind == ranges.KindURL && f.Client != nil:
		return f.documents(ctx, places)
	case kind == ranges.KindSPF && f.Resolver != nil:
		return ranges.SPF(ctx, f.Resolver, names...)
	case kind == ranges.KindHosts && f.Resolver != nil:
		return ranges.Hosts(ctx, f.Resolver, names...)
	}
	return ranges.List{}, ErrOffline
}

func (f Fetcher) documents(ctx context.Context, places []ranges.Place) (ranges.List, error) {
	var all ranges.List
	for _, p := range places {
		read := readFile
		if p.Kind == ranges.KindURL {
			read = f.get
		}
		text, err := read(ctx, p.Name)
		if err != nil {
			return ranges.List{}, err
		}
		list, err := ranges.Document(text)
		if err != nil {
			return ranges.List{}, err
		}
		all.Ranges = append(all.Ranges, list.Ranges...)
	}
	all.Ranges, all.From = ranges.Join(all.Ranges), places
	return all, nil
}

func readFile(_ context.Context, name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, ranges.MaxDocumentOctets+1))
}

// get fetches a document. "<random-guid>" in a URL stands for one: Microsoft
// wants to know how many ask.
func (f Fetcher) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.ReplaceAll(url, "<random-guid>", guid()), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "mxgate")
	response, err := f.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %.80q: expected 200", response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, ranges.MaxDocumentOctets+1))
}

// guid is a random UUID: RFC 9562, Section 5.4.
func guid() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
