package policy

import "github.com/endpointguard/endpointguard/pkg/internal/document"

// Problem is one thing that is wrong with a document, and where.
type Problem = document.Problem

// Problems are all that is wrong with a document, in the order of the file.
type Problems = document.Problems

// Severity is how bad a problem is.
type Severity = document.Severity

// Kind names the problems that a program may want to treat in its own way.
type Kind = document.Kind

// The severities: an error makes the document unusable, a warning doesn't.
const (
	Error   = document.Error
	Warning = document.Warning
)

// What a document may be at most.
const (
	MaxBytes   = document.MaxBytes   // the size of the file
	MaxNesting = document.MaxNesting // lists and mappings inside each other
)

// The kinds. All other problems have none.
const (
	KindDocumentationRange Kind = "documentation-range" // addresses that only examples may use
	KindExemptionEnded     Kind = "exemption-ended"
	KindExemptionFar       Kind = "exemption-far"
	KindDisjoint           Kind = "disjoint"    // two enforcing rules that together admit no address
	KindSteppedOut         Kind = "stepped-out" // an enforcing rule that a tag or a name can leave
	KindWide               Kind = "wide"        // allowed CIDRs that take in most of the internet
	KindIdle               Kind = "idle"        // a rule or an exemption, or a part of it, that can never do anything
	KindUnknownRegion      Kind = "unknown-region"
	KindOverLimit          Kind = "over-limit" // rules that admit more blocks than EKS does for one cluster
	KindBlanket            Kind = "blanket"    // an exemption that leaves nothing of a rule
	KindNoGrace            Kind = "no-grace"   // enforcing rules that change a cluster as soon as it is created
	KindRepeated           Kind = "repeated"   // an item of a list that another one makes needless
)
