// Package policy is the judgement of mxgate as a library: Collect turns a
// transaction into Evidence, Decide turns Evidence into a Verdict, and Explain
// says both in plain words.
//
// It gets a transaction, a resolver, a memory and the operator's rules. It opens
// nothing, logs nothing and reads no clock, so that live mail, `explain`, observe
// mode and a second look at the journal are the same code. One package below it
// for each protocol or thing; they do not know each other, policy joins them.
package policy
