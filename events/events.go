// Package events holds what passes between CloudTrail and the guardrail, as
// JSON files that stand for themselves: the patterns of the EventBridge rules,
// and sample events to try them on. It knows no other package.
package events

import (
	"embed"
	"io/fs"
)

// The files of Rules, one event pattern each.
const (
	// EndpointAccess picks the successful calls that create a cluster, change its
	// configuration or delete it.
	EndpointAccess = "endpoint-access.json"
	// ClusterTags picks the successful calls that set or remove tags of EKS
	// resources: a changed tag can take a cluster out of a rule.
	ClusterTags = "cluster-tags.json"
)

//go:embed rules/*.json
var rules embed.FS

//go:embed samples/*.json
var samples embed.FS

// Rules returns the event patterns of the EventBridge rules, one file each:
// EndpointAccess and ClusterTags.
func Rules() fs.FS { return sub(rules, "rules") }

// Samples returns sample events, one file each, as EventBridge delivers them.
// README.md beside this file says what each is.
func Samples() fs.FS { return sub(samples, "samples") }

func sub(files embed.FS, folder string) fs.FS {
	inner, err := fs.Sub(files, folder)
	if err != nil {
		// fs.Sub refuses only malformed names, and these are constants.
		panic(err)
	}
	return inner
}
