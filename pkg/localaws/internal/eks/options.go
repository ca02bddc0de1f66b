package eks

import "time"

// Options are how EKS behaves. The fields are those of the same names of
// localaws.Options, which says what each means.
type Options struct {
	Durations           Durations
	StatusLag           time.Duration
	StaleReads          time.Duration
	ReadSkew            bool
	TagLag              time.Duration
	ListLag             time.Duration
	ListReorder         bool
	UpdateLag           time.Duration
	NotFoundAfterCreate time.Duration
	CreatingError       string
	RepeatedToken       RepeatedToken
	TokenMemory         time.Duration
	RefuseEmptyCIDRs    bool
}

// Durations says how long EKS takes. Defaults are in parentheses; a negative
// duration means at once.
type Durations struct {
	Create         time.Duration // CREATING to ACTIVE (14 minutes)
	EndpointUpdate time.Duration // an EndpointAccessUpdate (4 minutes)
	VersionUpdate  time.Duration // a VersionUpdate (25 minutes)
	OtherUpdate    time.Duration // any other update (2 minutes)
	Delete         time.Duration // DELETING to gone (8 minutes)
}

func (d Durations) withDefaults() Durations {
	set := func(v *time.Duration, def time.Duration) {
		switch {
		case *v == 0:
			*v = def
		case *v < 0:
			*v = 0
		}
	}
	set(&d.Create, 14*time.Minute)
	set(&d.EndpointUpdate, 4*time.Minute)
	set(&d.VersionUpdate, 25*time.Minute)
	set(&d.OtherUpdate, 2*time.Minute)
	set(&d.Delete, 8*time.Minute)
	return d
}

// RepeatedToken is what EKS makes of a client request token that it has seen.
type RepeatedToken int

// SameUpdate answers a repeated call with the update that the first began.
// InUse asks first whether the cluster could be changed at all: the call is
// refused while that update is in progress, with its id, and as at the desired
// configuration afterwards.
const (
	SameUpdate RepeatedToken = iota
	InUse
)
