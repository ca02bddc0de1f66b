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
// there would have been more than the writer's most, or longer ones than it
// writes, and that less is refused.
func (w *writer) pieces(r *policy.Rule) (out []piece, coarse bool) {
	whole := piece{create: true, update: true}
	if m := r.Match; m != nil {
		whole.accounts, whole.regions, whole.clusters = m.Accounts, m.Regions, m.Clusters
		if everything(m.Clusters) {
			whole.clusters = nil
		}
	}
	exceptions := w.exceptions(r)
	out = []piece{whole}
	for _, m := range exceptions {
		var fine, rough []piece
		for _, p := range out {
			left := p.without(m)
			fine = append(fine, left...)
			// One of them is refused less than all of them, and the first
			// keeps CreateCluster where any does.
			rough = append(rough, left[:min(len(left), 1)]...)
		}
		out = distinct(fine)
		if len(out) > w.most {
			out, coarse = distinct(rough), true
		}
	}
	switch {
	case coarse && w.short:
		out = whole.outside(exceptions)
	case coarse:
		out = distinct(append(out, whole.outside(exceptions)...))
	}
	if w.short {
		n := len(out)
		out = slices.DeleteFunc(out, func(p piece) bool { return len(p.notAccounts) > 0 })
		coarse = coarse || len(out) < n
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

// exceptions are what is taken out of the rule: its except, and the exemptions
// that waive it.
func (w *writer) exceptions(r *policy.Rule) []policy.Match {
	var out []policy.Match
	if r.Except != nil {
		out = append(out, *r.Except)
	}
	for i := range w.policy.Exemptions {
		e := &w.policy.Exemptions[i]
		// Tags of an exemption only make it narrower: without them more is left
		// out, and nothing is refused that it waives.
		if slices.Contains(e.Rules, r.Name) && w.options.Now.Before(e.Until) {
			out = append(out, e.Match)
		}
	}
	return out
}

// outside returns what lies outside all exceptions at once: other accounts than
// any of them has, other regions, other names. It is less than what they leave,
// in three pieces at most.
func (p piece) outside(exceptions []policy.Match) []piece {
	var accounts, regions, clusters policy.Match
	all := [3]bool{true, true, true}
	for _, m := range exceptions {
		accounts.Accounts = joined(accounts.Accounts, m.Accounts)
		regions.Regions = joined(regions.Regions, m.Regions)
		clusters.Clusters = joined(clusters.Clusters, m.Clusters)
		// One that says nothing of them is in every account, region or name.
		all[0], all[1], all[2] = all[0] && len(m.Accounts) > 0, all[1] && len(m.Regions) > 0, all[2] && len(m.Clusters) > 0
	}
	var out []piece
	for i, m := range []policy.Match{accounts, regions, clusters} {
		if all[i] {
			out = append(out, p.without(m)...)
		}
	}
	return out
}

// distinct leaves out each piece that lies within another.
func distinct(pieces []piece) []piece {
	var out []piece
	for i, p := range pieces {
		covered := false
		for k, q := range pieces {
			// Of two that are the same the first stays.
			if k != i && p.within(q) && (k < i || !q.within(p)) {
				covered = true
				break
			}
		}
		if !covered {
			out = append(out, p)
		}
	}
	return out
}

// within reports whether every call in p is in q as well. Both are pieces of one
// rule: what its match says of regions and names is the same.
func (p piece) within(q piece) bool {
	all := func(of, in []string) bool {
		return !slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(in, s) })
	}
	accounts := all(q.notAccounts, p.notAccounts)
	if len(q.accounts) > 0 {
		accounts = len(p.accounts) > 0 && all(p.accounts, q.accounts)
	}
	return accounts && all(q.notRegions, p.notRegions) && all(q.notClusters, p.notClusters)
}

// joined is a list with what another adds to it.
func joined(list, more []string) []string {
	out := slices.Clone(list)
	for _, s := range more {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// without returns what the exception leaves of the piece: a piece for each thing
// that can keep a call out of the exception.
func (p piece) without(m policy.Match) []piece {
	var out []piece
	if len(m.Accounts) > 0 {
		q := p
		q.notAccounts = joined(p.notAccounts, m.Accounts)
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
		q.notRegions = joined(p.notRegions, m.Regions)
		out = append(out, q)
	}
	if len(m.Clusters) > 0 && !everything(m.Clusters) {
		q := p
		q.notClusters = joined(p.notClusters, m.Clusters)
		out = append(out, q)
	}
	return out
}

// everything reports whether a pattern of the list matches every text.
func everything(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return strings.Trim(p, "*") == "" })
}
