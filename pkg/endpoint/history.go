package endpoint

// History is one reading of EKS's own list of a cluster's updates. The list is in
// no order, names ids only, may lack the newest for a moment, and may be longer
// than there is time to read.
// Source: EKS API reference, ListUpdates; aws/containers-roadmap#1439 (random order).
type History struct {
	// Listed are the ids on the list, as far as it was read.
	Listed []string
	// Read are the listed updates that were described now.
	Read []Update
	// Whole is set when the whole list was read, and every update on it that was
	// not known to be over was described.
	Whole bool
}
