package main

import (
	"fmt"
	"io"
	"time"

	"mxgate/cmd/mxgate/internal/count"
	"mxgate/cmd/mxgate/internal/terminal"
	"mxgate/cmd/mxgate/internal/trace/container"
)

// progress tells on a terminal how far a long archive is read.
type progress struct {
	w           io.Writer // nil: nobody looks
	done, total int64     // octets
	last        time.Time
	shown       bool
}

// progressEvery is how often a terminal is written to.
const progressEvery = 200 * time.Millisecond

func newProgress(w io.Writer, files []container.File) progress {
	p := progress{last: time.Now()}
	if terminal.Is(w) {
		p.w = w
	}
	for _, f := range files {
		p.total += f.SizeOctets
	}
	return p
}

func (p *progress) add(octets int64) { p.done += octets }

// show tells the number of messages, and at which part of all octets they end;
// at is how far the file that is being read was.
func (p *progress) show(messages int, at int64) {
	if p.w == nil || time.Since(p.last) < progressEvery {
		return
	}
	p.last, p.shown = time.Now(), true
	share := ""
	if p.total > 0 {
		share = fmt.Sprintf(", %d %%", min((p.done+at)*100/p.total, 100))
	}
	fmt.Fprintf(p.w, "\r%s%s\x1b[K", count.Of(messages, "message"), share)
}

// clear makes room for a line of output.
func (p *progress) clear() {
	if p.shown {
		p.shown = false
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
