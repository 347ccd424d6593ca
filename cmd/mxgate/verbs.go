package main

import (
	"context"
	"fmt"
	"io"
)

// verb is one command of a group such as quarantine; T is what the commands of the
// group share.
type verb[T any] struct {
	command
	declare func(*T)
	do      func(*T, context.Context, []string) int
}

// group is commands under one name.
type group[T any] struct {
	name, does, args string
	verbs            []verb[T]
}

// commands lists the verbs under their full names, for help.
func (g group[T]) commands() []command {
	var all []command
	for _, v := range g.verbs {
		v.name = g.name + " " + v.name
		all = append(all, v.command)
	}
	return all
}

func (g group[T]) usage(w io.Writer) {
	fmt.Fprintf(w, "mxgate %s: %s\n\nusage: mxgate %s %s\n\n", g.name, g.does, g.name, g.args)
	for _, v := range g.verbs {
		fmt.Fprintf(w, "  %-8s %s\n  %-8s   mxgate %s %s %s\n", v.name, v.does, "", g.name, v.name, v.args)
	}
}

// run gives the arguments behind the verb that the first of them names to f.
func (g group[T]) run(args []string, out, errOut io.Writer, f func(v verb[T], args []string) int) int {
	if len(args) > 0 && isHelp(args[0]) {
		g.usage(out)
		return exitFine
	}
	for _, v := range g.verbs {
		if len(args) > 0 && v.name == args[0] {
			return f(v, args[1:])
		}
	}
	if len(args) > 0 {
		fmt.Fprintf(errOut, "mxgate %s: unknown command %q\n\n", g.name, args[0])
	}
	g.usage(errOut)
	return exitUsage
}
