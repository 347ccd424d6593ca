// Package memory keeps what the site remembers of the mail it took: with whom it
// corresponds, in which table.Conversations, and what administrators decided. It
// implements policy.Memory; LOOKALIKE section 6 is its design.
//
// Everything a message asks is answered from RAM. The durable form is a SQLite
// database of its own, written in batches by one goroutine: an observation is
// never waited for, and is dropped, and counted, when the queue is full.
//
// Layout in the directory:
//
//	memory.db    SQLite in WAL mode
//	memory.key   the site key, 32 random octets
//	memory.lock  locked by the process that serves from the memory
//
// The key is a file of its own so that a copy of the database alone, in a backup
// or a support case, does not tell which ids and mailboxes it has seen. Losing it
// loses the ids, edges and names, not the domains or the decisions, and no mail.
//
// Clear text are the names of domains, and the decisions, which are the
// administrators' own words. Ids, mailboxes, display names and accounts are kept
// as truncated HMAC-SHA256 under the site key; subjects and bodies not at all.
//
// A State is judged under the name that a message shows (lookalike.Registrable
// alone does not show what a dot does), and in the eyes of those who have to do
// with the message: see twins.go and kin.go. Deviation from LOOKALIKE 6, where each look-alike
// of an older domain is a Shadow to all: three of four of those were honest twins
// that differ in the public suffix alone.
//
// One process serves; others work beside it (Config.Beside) and meet it in the
// database: decisions in a table that the server reads again, observations,
// imports and forgetting as requests that it takes over. The server looks for
// them each half second.
//
// What is lost by kill -9 is the last second of learning. A decision is on disk
// when Allow returns.
package memory
