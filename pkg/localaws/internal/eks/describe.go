package eks

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

func (s *Service) describeCluster(r *wire.Request) (any, *wire.Error) {
	c, e := s.visible(r)
	if e != nil {
		return nil, e
	}
	return map[string]any{"cluster": s.describe(c, r.Now, s.behind(r.Now))}, nil
}

// describe is a cluster as a read tells it.
func (s *Service) describe(c *cluster, now time.Time, seen asOf) map[string]any {
	out := map[string]any{
		"name":      c.name,
		"arn":       s.ARN(c.name),
		"createdAt": epoch(c.createdAt),
		"status":    c.status(seen.status, s.opts.StatusLag),
		"tags":      at(c.tagsWere, c.tags, seen.tags),
	}
	cfg := at(c.was, c.config, seen.values)
	maps.Copy(out, c.settings)
	if c.settings["connectorConfig"] != nil {
		delete(out, "kubernetesNetworkConfig")
		delete(out, "roleArn")
		return out
	}
	maps.Copy(out, cfg.settings)
	if network, ok := cfg.settings["kubernetesNetworkConfig"].(map[string]any); ok {
		merged := maps.Clone(c.settings["kubernetesNetworkConfig"].(map[string]any))
		maps.Copy(merged, network)
		out["kubernetesNetworkConfig"] = merged
	}
	vpc := map[string]any{
		"subnetIds":             nonNil(cfg.subnets),
		"securityGroupIds":      nonNil(cfg.groups),
		"vpcId":                 c.vpc,
		"endpointPublicAccess":  cfg.public,
		"endpointPrivateAccess": cfg.private,
		"publicAccessCidrs":     nonNil(s.account.Shuffled(cfg.cidrs)),
	}
	if mode := cfg.settings["controlPlaneEgressMode"]; mode != nil {
		delete(out, "controlPlaneEgressMode")
		vpc["controlPlaneEgressMode"] = mode
	}
	out["version"] = cfg.version
	out["platformVersion"] = c.platform
	out["certificateAuthority"] = map[string]any{}
	out["resourcesVpcConfig"] = vpc
	out["logging"] = loggingOutput(cfg.logging)
	if !c.activeAt.After(now) && c.fixed == "" {
		vpc["clusterSecurityGroupId"] = c.sg
		host := c.id + ".gr7." + s.account.Region + ".eks.amazonaws.com"
		if s.account.Partition == "aws-cn" {
			host += ".cn"
		}
		issuer := "https://oidc.eks." + s.account.Region + ".amazonaws.com/id/" + c.id
		if c.family == familyIPv6 {
			host = c.id + ".gr7.eks-cluster." + s.account.Region + ".api.aws"
		}
		out["endpoint"] = "https://" + host
		out["identity"] = map[string]any{"oidc": map[string]any{"issuer": issuer}}
		out["certificateAuthority"] = map[string]any{"data": wire.Token("certificate of " + c.name)}
	}
	return out
}

func (s *Service) listClusters(r *wire.Request) (any, *wire.Error) {
	size, e := pageSize(r)
	if e != nil {
		return nil, e
	}
	all := slices.Contains(r.Query["include"], "all")
	var names []string
	for _, name := range slices.Sorted(maps.Keys(s.clusters)) {
		c := s.find(name, r.Now)
		if c == nil || c.visibleAt.After(r.Now) || c.settings["connectorConfig"] != nil && !all {
			continue
		}
		names = append(names, name)
	}
	part, next := wire.Page(names, r.Query.Get("nextToken"), size)
	return paged("clusters", part, next), nil
}

func (s *Service) listUpdates(r *wire.Request) (any, *wire.Error) {
	c, e := s.visible(r)
	if e != nil {
		return nil, e
	}
	size, e := pageSize(r)
	if e != nil {
		return nil, e
	}
	var ids []string
	// Node groups, add-ons and capabilities have updates of their own; there
	// are none here.
	if !r.Query.Has("nodegroupName") && !r.Query.Has("addonName") && !r.Query.Has("capabilityName") {
		for _, u := range c.updates {
			if !u.createdAt.Add(s.opts.ListLag).After(r.Now) {
				ids = append(ids, u.id)
			}
		}
	}
	// The token carries the listing's order: whoever pages sees each id once,
	// also when an update begins between two pages.
	salt, token := strconv.FormatUint(s.account.Seed, 10), wire.Untoken(r.Query.Get("nextToken"))
	if s.opts.ListReorder {
		if token == "" {
			s.listings++
			salt += "-" + strconv.FormatUint(s.listings, 10)
		} else {
			salt, token, _ = strings.Cut(token, "/")
		}
	}
	if token != "" {
		token = wire.Token(token)
	}
	part, next := wire.Page(account.ShuffledBy(salt, ids), token, size)
	if next != "" && s.opts.ListReorder {
		next = wire.Token(salt + "/" + wire.Untoken(next))
	}
	return paged("updateIds", part, next), nil
}

func (s *Service) describeUpdate(r *wire.Request) (any, *wire.Error) {
	c, e := s.visible(r)
	if e != nil {
		return nil, e
	}
	for _, u := range c.updates {
		if u.id == r.Path[3] {
			return map[string]any{"update": updateOutput(u, r.Now, s.opts.UpdateLag)}, nil
		}
	}
	return nil, &wire.Error{
		Status:  http.StatusNotFound,
		Type:    wire.ResourceNotFound,
		Message: "No update found for ID: " + r.Path[3],
		Members: map[string]any{"clusterName": c.name},
	}
}

// updateOutput is an update as EKS tells it, its end late by the lag.
func updateOutput(u *update, now time.Time, lag time.Duration) map[string]any {
	params := []any{}
	for _, p := range u.params {
		params = append(params, map[string]any{"type": p.name, "value": p.value})
	}
	failures := []any{}
	status := u.status(now.Add(-lag))
	if status != updateInProgress {
		for _, f := range u.errors {
			failures = append(failures, map[string]any{
				"errorCode": f.Code, "errorMessage": f.Message, "resourceIds": nonNil(f.ResourceIDs),
			})
		}
	}
	return map[string]any{
		"id":        u.id,
		"type":      u.kind,
		"status":    status,
		"params":    params,
		"createdAt": epoch(u.createdAt),
		"errors":    failures,
	}
}

func paged(member string, part []string, next string) map[string]any {
	out := map[string]any{member: nonNil(part)}
	if next != "" {
		out["nextToken"] = next
	}
	return out
}

func pageSize(r *wire.Request) (int, *wire.Error) {
	text := r.Query.Get("maxResults")
	if text == "" {
		return 100, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil || size < 1 || size > 100 {
		return 0, badParameter(nil, "maxResults must lie between 1 and 100, not "+text)
	}
	return size, nil
}

func loggingOutput(on []string) map[string]any {
	var off []string
	for _, t := range []string{"api", "audit", "authenticator", "controllerManager", "scheduler"} {
		if !slices.Contains(on, t) {
			off = append(off, t)
		}
	}
	groups := []any{}
	if len(on) > 0 {
		groups = append(groups, map[string]any{"types": on, "enabled": true})
	}
	if len(off) > 0 {
		groups = append(groups, map[string]any{"types": off, "enabled": false})
	}
	return map[string]any{"clusterLogging": groups}
}

// epoch is a time as rest-json writes it: seconds, with milliseconds.
func epoch(t time.Time) json.Number {
	ms := t.UnixMilli()
	return json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
