package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/memory/bootstrap"
	"mxgate/cmd/mxgate/internal/trace/container"
	"mxgate/policy"
)

// How often the progress of an archive is told where no terminal shows it, and how
// many domains of a list are worth a word on what is being done.
const (
	tellMessages = 10_000
	tellEvery    = time.Minute
)

// telling is the progress of an archive: one line that changes on a terminal, now
// and then a line in a log.
type telling struct {
	r        *remembering
	terminal progress
	messages int
	last     time.Time
}

func (t *telling) show(messages int, at int64) {
	if t.terminal.w != nil {
		t.terminal.show(messages, at)
		return
	}
	if messages < t.messages+tellMessages && time.Since(t.last) < tellEvery {
		return
	}
	t.messages, t.last = messages, time.Now()
	share := ""
	if t.terminal.total > 0 {
		share = fmt.Sprintf(", %d %%", min((t.terminal.done+at)*100/t.terminal.total, 100))
	}
	fmt.Fprintf(t.r.errOut, "mxgate memory import: %s%s\n", count.Of(messages, "message"), share)
}

// importArchives teaches what stored mail says.
func (r *remembering) importArchives(ctx context.Context, paths []string) int {
	failed, empty := false, false
	trouble := func(err error) {
		failed = true
		fail(r.errOut, err)
	}
	var files []container.File
	for _, path := range paths {
		files = append(files, container.List(path, trouble)...)
	}
	config := bootstrap.Config{Own: r.cfg.Own, Sources: r.cfg.SourceSet.All(), AuthservIDs: r.cfg.AuthservIDs, Sent: r.sent, Vouch: r.vouch, Now: r.now, Learn: r.memory.Learn}
	if r.dry {
		config.Learn = func(policy.Observation) {}
	}
	archive := bootstrap.New(config)
	tell := telling{r: r, terminal: newProgress(r.errOut, files), last: time.Now()}
	for _, file := range files {
		before := archive.Counts
		err := file.Each(ctx, func(m container.Message) error {
			if m.Provenance == container.Attached { // whoever wrote the outer one wrote it, too
				return ctx.Err()
			}
			tell.show(archive.Messages, m.Offset)
			return archive.Message(ctx, m.Content)
		})
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			tell.terminal.clear()
			trouble(err)
		} else if n := archive.Messages - before.Messages; n > 0 && archive.Unread-before.Unread == n {
			empty = true
			tell.terminal.clear()
			fmt.Fprintf(r.errOut, "mxgate memory import: %s: is no mail: nothing in it has the header of one; -as says what it is: csv, vcard or mail\n", policy.Plain(called(file.Path), 400))
		}
		tell.terminal.add(file.SizeOctets)
	}
	tell.terminal.clear()
	interrupted := ctx.Err() != nil
	if err := r.memory.Flush(context.WithoutCancel(ctx)); err != nil {
		return fail(r.errOut, err)
	}
	found, err := r.archiveSummary(context.WithoutCancel(ctx), archive)
	switch {
	case err != nil:
		return fail(r.errOut, err)
	case interrupted:
		fmt.Fprintln(r.errOut, "mxgate memory import: interrupted; what was read is learned. Reading it again counts that mail twice, as mail from or to a domain, and does no other harm")
		return exitCouldNot
	case failed:
		return exitCouldNot
	case found, empty:
		return exitFindings
	}
	return exitFine
}

// archiveSummary says what was learned, on whose word, and whom it resembles.
func (r *remembering) archiveSummary(ctx context.Context, a *bootstrap.Archive) (found bool, err error) {
	verb := "learned from"
	if r.dry {
		verb = "would be learned from"
	}
	s, err := r.memory.Stats(ctx)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(r.out, "%s read, %d %s\n%s", count.Of(a.Messages, "message"), a.Learned(), verb, r.underWay(!r.dry && a.Learned() > 0 && s.Waiting > 0))
	for _, line := range []struct {
		n   int
		why string
	}{
		{a.Sent, "sent by you: it is known to whom"},
		{a.Proven, "with an author who was proven on arrival, as the provider noted: such mail teaches who writes, as new mail does"},
		{a.Vouched, "that you vouch for: such mail teaches who writes"},
		{a.Counts.Unproven, "with nothing that proves the author, for what is said below: such mail teaches conversations, and nothing on who writes (-vouch takes your word)"},
		{a.Ours, "left out, from your own domains: such mail may be forged (-sent, for a folder of sent mail)"},
		{a.NotOurs, "left out, not from your own domains, in what is called sent mail"},
		{a.Ambiguous, "left out, as it cannot be said who wrote"},
		{a.Dateless, "left out, as the day is not known or still to come"},
		{a.Unread, "left out, without a header of a mail"},
	} {
		tally(r.out, 7, line.n, line.why)
	}
	early := r.showDoubts(a)
	k, err := knownTo(ctx, r.memory)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(r.out, "%s vouched for by that; %s wrote without proof\n", count.Of(len(a.Taught), "domain"), count.Of(len(a.Unproven), "domain"))
	if a.Learned() > 0 && !r.dry && !early {
		r.wrapped("import it once: mail that is read again is counted again, as mail from or to a domain; conversations stay as they are")
	}
	likenesses := r.archiveLikenesses(a, k)
	if len(likenesses) > 0 {
		fmt.Fprintln(r.out)
		r.showArchivePairs(likenesses, a, k)
	}
	r.showArchiveKin(r.archiveKin(a, k, likenesses), a, k)
	return len(likenesses) > 0, nil
}

// doubts are the reasons for which an author is not believed, as they are told.
var doubts = []struct {
	doubt bootstrap.Doubt
	why   string
	key   bool // of a source may be what is missing
}{
	{bootstrap.NoResults, "no Authentication-Results: nobody noted who was proven", false},
	{bootstrap.NoSource, "no [[source]] is configured whose notes would count", true},
	{bootstrap.Elsewhere, "the Received lines of your own servers (below a [[domain]]) do not show that a [[source]] handed it over: `ranges`, `received_by`", true},
	{bootstrap.Borderless, "no Received line of a server of yours stands above the provider's, so anybody may have written those", false},
	{bootstrap.Unnoted, "the provider noted nothing on DMARC above its border under an id that is believed: `authserv_ids`", true},
	{bootstrap.Failed, "the provider noted that DMARC did not pass, or passed for another domain", false},
}

// showDoubts says why the authors of an archive were not believed, and what to do where a
// key of a source is missing. Who was not filed in a conversation then is not filed by
// reading it again: an id that is known proves nothing on who writes with it. It reports
// whether one is missing.
func (r *remembering) showDoubts(a *bootstrap.Archive) (missing bool) {
	for _, d := range doubts {
		tally(r.out, 15, a.Doubts[d.doubt], d.why)
		missing = missing || d.key && a.Doubts[d.doubt] > 0
	}
	if !missing {
		return false
	}
	then := "Set what is missing in the [[source]] before you import without -dry-run: a conversation keeps out whom the first import did not believe."
	if !r.dry {
		then = "Set what is missing in the [[source]], look with -dry-run, and import again: that teaches who writes; mail that was believed already is counted twice. But a conversation keeps out whom the first import did not believe. If nothing else was learned yet, forget all before (`" + r.command("memory forget", "-all -yes") + "`)."
	}
	r.wrapped(then)
	return true
}

func (r *remembering) wrapped(text string) {
	for _, line := range policy.Wrap(text, outWidth) {
		fmt.Fprintln(r.out, line)
	}
}

// outWidth is how wide a terminal is taken to be.
const outWidth = 80

// tally prints how many there are of what, wrapped beside a column for the number;
// nothing if there are none.
func tally(out io.Writer, column, n int, what string) {
	if n == 0 {
		return
	}
	number := strconv.Itoa(n)
	for _, line := range policy.Wrap(what, outWidth-column-1) {
		fmt.Fprintf(out, "%*s %s\n", column, number, line)
		number = ""
	}
}
