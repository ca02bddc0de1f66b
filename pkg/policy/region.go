package policy

import (
	"fmt"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

// UnknownRegion says of a region, as validate does, that none is known by that
// name, "" of one that is known. AWS opens new ones, so that it is nothing to
// refuse.
func UnknownRegion(region string) string {
	if endpoint.KnownRegion(region) {
		return ""
	}
	hint := "regions are called like eu-west-1"
	if near := NearestRegion(region); near != "" && !strings.Contains(near, "*") {
		hint = fmt.Sprintf("did you mean %s?", near)
	}
	return fmt.Sprintf("no AWS region is called %q, as far as this version knows; %s", region, hint)
}
