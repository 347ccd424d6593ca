//go:build !unix

package disk

// Owner is a user to whom files belong.
type Owner struct{ Path string }

func (Owner) String() string { return "another user" }

// Sudo is how to run a command as that user.
func (Owner) Sudo() string { return "as that user:" }

// Cures says what to do for who is to serve from what belongs to another user.
func (Owner) Cures() string { return "run this as that user" }

// Denied cannot be told here.
func Denied(string, error) (Owner, bool) { return Owner{}, false }
