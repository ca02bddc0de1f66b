package eks

import (
	"maps"
	"net/http"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// tagged returns the cluster that a tagging call's ARN names.
func (s *Service) tagged(r *wire.Request) (*cluster, *wire.Error) {
	name, ok := strings.CutPrefix(r.Path[1], s.ARN(""))
	if !ok {
		return nil, wire.Refuse(http.StatusBadRequest, "BadRequestException",
			"The ARN "+r.Path[1]+" names no cluster of this account and region.")
	}
	c := s.find(name, r.Now)
	if c == nil || c.visibleAt.After(r.Now) {
		return nil, wire.Refuse(http.StatusNotFound, "NotFoundException", "No cluster found for name: "+name+".")
	}
	return c, nil
}

func (s *Service) tagResource(r *wire.Request) (any, *wire.Error) {
	c, e := s.tagged(r)
	if e != nil {
		return nil, e
	}
	var in clusterInput
	if e := r.Decode(&in); e != nil {
		return nil, e
	}
	if len(in.Tags) == 0 {
		return nil, wire.Refuse(http.StatusBadRequest, "BadRequestException", "There are no tags in the request.")
	}
	tags := maps.Clone(c.tags)
	maps.Copy(tags, in.Tags)
	if len(tags) > 50 {
		return nil, wire.Refuse(http.StatusBadRequest, "BadRequestException", "A cluster has at most 50 tags.")
	}
	c.retag(r.Now, tags)
	return map[string]any{}, nil
}

func (s *Service) untagResource(r *wire.Request) (any, *wire.Error) {
	c, e := s.tagged(r)
	if e != nil {
		return nil, e
	}
	tags := maps.Clone(c.tags)
	for _, key := range r.Query["tagKeys"] {
		delete(tags, key)
	}
	c.retag(r.Now, tags)
	return map[string]any{}, nil
}

func (s *Service) listTagsForResource(r *wire.Request) (any, *wire.Error) {
	c, e := s.tagged(r)
	if e != nil {
		return nil, e
	}
	return map[string]any{"tags": c.tags}, nil
}
