//go:build !faults

package fault

// Enabled says that the program was built with the tag faults.
const Enabled = false

// At dies here if MXGATE_FAULT says so.
func At(Point) {}

// Err is like At, and returns the error that MXGATE_FAULT wants the step to
// fail with; nil lets it be done.
func Err(Point) error { return nil }
