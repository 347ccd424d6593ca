package received

// Believes reports whether a field written by that host may be stepped over or
// stood on: the host has a role or a name of the provider.
func (b Boundary) Believes(by string) bool {
	key := hostKey(by)
	return key != "" && (matchAny(b.Ingress, key) || matchAny(b.Inner, key) || withinAny(b.ReceivedBy, key))
}
