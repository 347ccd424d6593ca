// Command ledgercheck reads books of mail from a file and says what is wrong:
// what was lost, doubled, mixed up or altered.
//
//	go run ./gateway/ledger/ledgercheck FILE
//
// FILE has the JSON lines of ledger.Read; "-" is the standard input. It prints a
// line for each fault and ends with 1 if there is one, with 2 if the books
// cannot be read, else with 0.
package main

import (
	"fmt"
	"io"
	"os"

	"mxgate/gateway/ledger"
)

func main() { os.Exit(check(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func check(args []string, in io.Reader, out, errOut io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(errOut, "usage: ledgercheck FILE")
		return 2
	}
	if args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			fmt.Fprintln(errOut, err)
			return 2
		}
		defer f.Close()
		in = f
	}
	books, err := ledger.Read(in)
	if err != nil {
		fmt.Fprintln(errOut, err)
		return 2
	}
	faults := ledger.Check(books)
	for _, fault := range faults {
		fmt.Fprintln(out, fault)
	}
	if len(faults) > 0 {
		return 1
	}
	fmt.Fprintf(out, "nothing is wrong: %d attempts, %d copies, %d rows\n", len(books.Attempts), len(books.Copies), len(books.Rows))
	return 0
}
