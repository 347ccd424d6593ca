package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/memory/lot"
	"mxgate/gateway/memory"
	"mxgate/policy"
	"mxgate/policy/mail"
)

// Kinds of what is imported.
const (
	asCSV   = "csv"
	asVCard = "vcard"
	asMail  = "mail"
)

// maxPairsShown bounds what is told of one import.
const maxPairsShown = 200

// takes are the domains of -take.
type takes struct {
	all     bool
	domains []mail.Domain
}

func (t *takes) String() string { return "" }

func (t *takes) Set(text string) error {
	if text == "all" {
		t.all = true
		return nil
	}
	d, err := readDomain(text)
	if err != nil {
		return errors.New("expected a domain such as partner.example, or all")
	}
	t.domains = append(t.domains, d)
	return nil
}

func (t *takes) has(d mail.Domain) bool { return t.all || slices.Contains(t.domains, d) }

func (r *remembering) importFlags() {
	r.flags.Var(oneOf{&r.as, []string{asCSV, asVCard, asMail}}, "as", "what the files are: `KIND` csv, vcard or mail (default: told by their names and contents)")
	r.flags.Var(&r.take, "take", "of a list, take `DOMAIN` although it resembles another one; may be repeated; all takes all")
	r.flags.StringVar(&r.note, "note", "", "`TEXT` beside each domain of a list that has no name, such as where the list is from")
	r.flags.BoolVar(&r.sent, "sent", false, "of an archive: it is mail that you sent. Those you write to are known from then on.\nImport it once: mail that is read again is counted again. Without this, mail from your own domains is left out: it may be forged")
	r.flags.BoolVar(&r.vouch, "vouch", false, "of an archive: all of it is genuine, spam and fraud were taken out. Without this an author\nis believed only where the provider noted above its border that DMARC passed (as the gateway\nreads it); other mail teaches conversations, but not who writes")
	r.flags.BoolVar(&r.dry, "dry-run", false, "say what would be learned, and learn nothing")
}

// kindOf says what a file is, by its name or its beginning.
func (r *remembering) kindOf(path string) (string, error) {
	if r.as != "" {
		return r.as, nil
	}
	if path == "-" {
		return "", errors.New("standard input: expected -as csv, vcard or mail")
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", absent(path, err)
	}
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case info.IsDir(), ext == ".eml", ext == ".mbox":
		return asMail, nil
	case ext == ".csv", ext == ".tsv":
		return asCSV, nil
	case ext == ".vcf", ext == ".vcard":
		return asVCard, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	head, _ := bufio.NewReader(file).Peek(512)
	first, _, _ := strings.Cut(strings.TrimPrefix(string(head), "\ufeff"), "\n")
	name, _, isField := strings.Cut(first, ":")
	switch {
	case strings.EqualFold(strings.TrimSpace(first), "BEGIN:VCARD"):
		return asVCard, nil
	case strings.HasPrefix(first, `{"domain":`), strings.HasPrefix(first, `{"decision":`):
		return "", fmt.Errorf("%s: is what `mxgate memory export` writes, for people and other programs; to move a memory, stop the gateway and copy the whole directory memory/ of its data_dir: decisions are in it", path)
	case strings.HasPrefix(first, "From "), isField && name != "" && !strings.ContainsAny(name, " \t,;@.\""):
		return asMail, nil
	}
	return asCSV, nil
}

// absent says what was expected of a path that cannot be looked at.
func absent(path string, err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at.Err // which call it was nobody asked
	}
	return fmt.Errorf("%s: %w: expected a list, an address book or an archive", policy.Plain(path, 400), err)
}

func (r *remembering) importAll(ctx context.Context, paths []string) int {
	if len(paths) == 0 {
		return misused(r.flags, "expected FILE...: a list (CSV), an address book (vCard, CSV) or an archive (mbox, Maildir, .eml)")
	}
	var lists, archives []string
	kinds := map[string]string{}
	for _, path := range paths {
		kind, err := r.kindOf(path)
		if err == nil {
			err = r.notOwnData(path)
		}
		if err != nil {
			return fail(r.errOut, err)
		}
		kinds[path] = kind
		if kind == asMail {
			archives = append(archives, path)
		} else {
			lists = append(lists, path)
		}
	}
	switch {
	case len(archives) == 0 && (r.sent || r.vouch):
		return misused(r.flags, "-sent and -vouch are for archives, and there is none: expected mbox, Maildir or .eml")
	case r.sent && r.vouch:
		return misused(r.flags, "-sent and -vouch: expected one of them; what you sent needs nobody to vouch for it")
	case len(lists) == 0 && (r.take.all || len(r.take.domains) > 0):
		return misused(r.flags, "-take is for lists, and there is none: expected CSV or vCard")
	}
	code := exitFine
	if len(lists) > 0 {
		code = r.importLists(ctx, lists, kinds)
	}
	if len(archives) > 0 && ctx.Err() == nil {
		code = max(code, r.importArchives(ctx, archives))
	}
	return code
}

// notOwnData returns an error for what the gateway keeps itself: the frauds that it holds
// are there, and the other mail has taught the memory already.
func (r *remembering) notOwnData(path string) error {
	does := ""
	switch {
	case path == "-":
	case within(path, r.cfg.DataDir):
		does = "lies in"
	case within(r.cfg.DataDir, path):
		does = "has in it"
	}
	if does == "" {
		return nil
	}
	return fmt.Errorf("%s: %s the data_dir %s, where messages are that were held, frauds among them: expected mail from elsewhere; what is relayed teaches by itself", path, does, r.cfg.DataDir)
}

// within reports whether path is dir or lies in it, whatever links lead there.
func within(path, dir string) bool {
	own, err := os.Stat(dir)
	if err != nil {
		return false
	}
	at, err := filepath.EvalSymlinks(path)
	if err == nil {
		at, err = filepath.Abs(at)
	}
	for ; err == nil; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err == nil && os.SameFile(info, own) {
			return true
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	return false
}

// gathered is what lists have together.
type gathered struct {
	entries  []lot.Entry
	rows     int
	empty    int
	troubles int
}

func (r *remembering) importLists(ctx context.Context, paths []string, kinds map[string]string) int {
	g, err := r.gather(paths, kinds)
	if err != nil {
		return fail(r.errOut, err)
	}
	k, err := knownTo(ctx, r.memory)
	if err != nil {
		return fail(r.errOut, err)
	}
	kept, left := r.sift(g.entries, k)
	report := memory.ImportReport{Domains: len(kept)}
	if !r.dry && len(kept) > 0 {
		if len(kept) >= tellMessages {
			fmt.Fprintf(r.errOut, "mxgate memory import: taking %d domains\n", len(kept))
		}
		if report, err = r.memory.Import(ctx, kept); err != nil {
			return fail(r.errOut, err)
		}
	}
	verb := "taken"
	if r.dry {
		verb = "would be taken"
	}
	fmt.Fprintf(r.out, "%s in the %s: %s %s as known well\n%s", count.Of(len(g.entries), "domain"), count.Of(g.rows, "row"), count.Of(report.Domains, "domain"), verb, r.underWay(report.Waiting))
	for _, line := range []struct {
		n   int
		why string
	}{{left.ours, "yours: known by the configuration"}, {left.held, "left out, resembling others"},
		{len(left.shared), "left out, as everybody may have a mailbox there: " + named(left.shared)},
		{g.empty, "without an address"}, {g.troubles, "that cannot be read, told above"}} {
		tally(r.out, 7, line.n, line.why)
	}
	absent := slices.DeleteFunc(slices.Clone(r.take.domains), func(d mail.Domain) bool {
		return slices.ContainsFunc(g.entries, func(e lot.Entry) bool { return e.Domain == d })
	})
	if len(absent) > 0 {
		fmt.Fprintf(r.errOut, "mxgate memory import: -take %s: is in none of the lists, and not taken\n", named(absent))
	}
	if left.open+g.troubles+len(absent) > 0 {
		return exitFindings
	}
	return exitFine
}

// maxNamed bounds a list of domains within a line.
const maxNamed = 6

func named(domains []mail.Domain) string {
	var names []string
	for _, d := range domains[:min(len(domains), maxNamed)] {
		names = append(names, string(d))
	}
	if len(domains) > maxNamed {
		names = append(names, "and others")
	}
	return strings.Join(names, ", ")
}

// gather reads all lists; a domain that two have is taken once, since the earlier
// day.
func (r *remembering) gather(paths []string, kinds map[string]string) (g gathered, err error) {
	at := map[mail.Domain]int{}
	for _, path := range paths {
		list, err := r.readList(path, kinds[path])
		if err != nil {
			return g, err
		}
		g.rows, g.empty, g.troubles = g.rows+list.Rows, g.empty+list.Empty, g.troubles+len(list.Troubles)+list.More
		for _, t := range list.Troubles {
			fmt.Fprintf(r.errOut, "%s:%s\n", policy.Plain(called(path), 400), policy.Plain(t.String(), 600))
		}
		if list.More > 0 {
			fmt.Fprintf(r.errOut, "%s: and %d more that cannot be read\n", policy.Plain(called(path), 400), list.More)
		}
		for _, e := range list.Entries {
			if i, ok := at[e.Domain]; ok {
				if old := &g.entries[i]; old.Since.IsZero() || !e.Since.IsZero() && e.Since.Before(old.Since) {
					old.Since = e.Since
				}
				continue
			}
			at[e.Domain] = len(g.entries)
			g.entries = append(g.entries, e)
		}
	}
	return g, nil
}

func (r *remembering) readList(path, kind string) (*lot.List, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, absent(path, err)
		}
		defer file.Close()
		in = file
	}
	read := lot.ReadCSV
	if kind == asVCard {
		read = lot.ReadVCard
	}
	list, err := read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: read as %s: %s; -as says what it is: csv, vcard or mail", called(path), kind, policy.Plain(err.Error(), 600))
	}
	return list, nil
}
