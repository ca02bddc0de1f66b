package scp

import (
	"slices"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/policy"
)

// piece is a part of a rule's reach that one statement can express. A rule
// without exceptions is one piece; "not these accounts in these regions" is
// two: other accounts, and other regions.
type piece struct {
	accounts, notAccounts []string
	regions, notRegions   []string
	clusters, notClusters []string

	create, update bool // whether the call can be told apart in this piece
	unmatched      bool // names are both matched and excepted here
}

// pieces takes a rule's reach apart: its match without what except and the
// exemptions take out. Each of these can multiply the pieces; coarse says that
// there would have been more than the writer's most, and that less is refused.
func (w *writer) pieces(r *policy.Rule) (out []piece, coarse bool) {
	whole := piece{create: true, update: true}
	if m := r.Match; m != nil {
		whole.accounts, whole.regions, whole.clusters = m.Accounts, m.Regions, m.Clusters
		if everything(m.Clusters) {
			whole.clusters = nil
		}
	}
	out = []piece{whole}
	take := func(m policy.Match) {
		var fine, rough []piece
		for _, p := range out {
			left := p.without(m)
			fine = append(fine, left...)
			// One of them is refused less than all of them, and the first
			// keeps CreateCluster where any does.
			rough = append(rough, left[:min(len(left), 1)]...)
		}
		out = fine
		if len(fine) > w.most {
			out, coarse = rough, true
		}
	}
	if r.Except != nil {
		take(*r.Except)
	}
	for i := range w.policy.Exemptions {
		e := &w.policy.Exemptions[i]
		if !slices.Contains(e.Rules, r.Name) || !w.options.Now.Before(e.Until) {
			continue
		}
		// Tags of an exemption only make it narrower: without them more is left
		// out, and nothing is refused that it waives.
		take(e.Match)
	}
	for i := range out {
		p := &out[i]
		if len(p.clusters) > 0 || len(p.notClusters) > 0 {
			// CreateCluster names no resource. Source: the Service
			// Authorization Reference, Amazon EKS.
			p.create = false
		}
		if len(p.clusters) > 0 && len(p.notClusters) > 0 {
			p.update, p.unmatched = false, true
		}
	}
	return out, coarse
}

// without returns what the exception leaves of the piece: a piece for each thing
// that can keep a call out of the exception.
func (p piece) without(m policy.Match) []piece {
	var out []piece
	if len(m.Accounts) > 0 {
		q := p
		q.notAccounts = slices.Concat(p.notAccounts, m.Accounts)
		if len(q.accounts) > 0 {
			q.accounts = slices.DeleteFunc(slices.Clone(q.accounts), func(a string) bool { return slices.Contains(q.notAccounts, a) })
			q.notAccounts = nil
			if len(q.accounts) > 0 {
				out = append(out, q)
			}
		} else {
			out = append(out, q)
		}
	}
	if len(m.Regions) > 0 && !everything(m.Regions) {
		q := p
		q.notRegions = slices.Concat(p.notRegions, m.Regions)
		out = append(out, q)
	}
	if len(m.Clusters) > 0 && !everything(m.Clusters) {
		q := p
		q.notClusters = slices.Concat(p.notClusters, m.Clusters)
		out = append(out, q)
	}
	return out
}

// everything tells whether a pattern of the list matches every text.
func everything(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return strings.Trim(p, "*") == "" })
}
