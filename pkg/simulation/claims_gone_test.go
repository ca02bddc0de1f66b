package simulation

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/endpointguard/endpointguard/pkg/digest"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// checkGone: nothing is kept for good about a cluster that is gone, and the
// digest does not tell of it.
func (w *world) checkGone() {
	w.t.Helper()
	var records []incident.Record
	for _, item := range w.aws.Items(tableName) {
		record, _ := item["record"].(map[string]any)
		text, _ := record["S"].(string)
		var r incident.Record
		if text == "" || json.Unmarshal([]byte(text), &r) != nil {
			continue
		}
		records = append(records, r)
		c, there := w.aws.Cluster(r.Name)
		if (!there || !c.CreatedAt.Equal(r.Cluster.CreatedAt)) && item["expires"] == nil {
			w.t.Errorf("gone: the record of %s, created at %s, never expires", r.Name, r.Cluster.CreatedAt.UTC().Format(time.TimeOnly))
		}
	}
	d, _ := digest.Of(records, 0, time.Now())
	for _, name := range namedBy(d) {
		if _, there := w.aws.Cluster(name); !there {
			w.t.Errorf("gone: the digest tells of %s", name)
		}
	}
}

// namedBy are the clusters that a digest tells of.
func namedBy(d digest.Digest) []string {
	var names []string
	for _, o := range d.Open {
		names = append(names, o.Cluster)
	}
	for _, s := range d.Standing {
		names = append(names, s.Cluster)
	}
	for _, t := range d.Tugs {
		names = append(names, t.Cluster)
	}
	for _, e := range slices.Concat(d.Exempt, d.Ending) {
		names = append(names, e.Clusters...)
	}
	for _, list := range d.Aside {
		names = append(names, list...)
	}
	return names
}
