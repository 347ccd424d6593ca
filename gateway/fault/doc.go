// Package fault names the moments at which a test may kill the gateway or take
// its disk away: the steps between which a message could be lost or doubled.
//
// It is there for `go build -tags faults` alone. Every other build has empty
// functions that the compiler removes, and reads no variable. With the tag, the
// environment variable MXGATE_FAULT arms points:
//
//	MXGATE_FAULT=kill:spool-write:3        kill -9 of ourselves at the third passing
//	MXGATE_FAULT=eio:blob-fsync:1          the first passing fails with EIO
//	MXGATE_FAULT=enospc:blob-write:2+      all from the second on fail with ENOSPC
//
// Several are separated by commas. What cannot be understood ends the program at
// its start: a fault that is not armed would prove nothing.
//
// A point stands in the code as one line, before the step it is named for unless
// the name says "done", "committed" or "written".
package fault

// Point is a named moment.
type Point string

// The points, in the order in which a message meets them.
const (
	SpoolWrite Point = "spool-write" // wire: before octets of content go to the spool file
	SpoolDone  Point = "spool-done"  // wire: the content is whole, nobody has judged it

	NextHopConnect Point = "nexthop-connect" // relay: before a connection is made
	NextHopMail    Point = "nexthop-mail"    // relay: before MAIL and RCPT are written
	NextHopData    Point = "nexthop-data"    // relay: before DATA is written
	NextHopContent Point = "nexthop-content" // relay: before a block of content is written
	NextHopDot     Point = "nexthop-dot"     // relay: content and dot are written, no reply is read
	NextHopReply   Point = "nexthop-reply"   // relay: the final reply is read, nobody has been told

	BlobCreate  Point = "blob-create"  // store: before the file is made
	BlobWrite   Point = "blob-write"   // store: before octets are written
	BlobFsync   Point = "blob-fsync"   // store: before the file is fsynced
	BlobRename  Point = "blob-rename"  // store: before the file gets its name
	BlobDirsync Point = "blob-dirsync" // store: before a directory is fsynced

	RowBegin     Point = "row-begin"     // store: before the transaction of a quarantine row
	RowCommit    Point = "row-commit"    // store: before it is committed
	RowCommitted Point = "row-committed" // store: it is durable, nobody has been told

	JournalCommit Point = "journal-commit" // store: before journal entries are committed

	ReplyWrite   Point = "reply-write"   // wire: before the answer to content is written
	ReplyWritten Point = "reply-written" // wire: it is written
)

// Points lists all of them in the same order.
var Points = []Point{
	SpoolWrite, SpoolDone,
	NextHopConnect, NextHopMail, NextHopData, NextHopContent, NextHopDot, NextHopReply,
	BlobCreate, BlobWrite, BlobFsync, BlobRename, BlobDirsync,
	RowBegin, RowCommit, RowCommitted, JournalCommit,
	ReplyWrite, ReplyWritten,
}
