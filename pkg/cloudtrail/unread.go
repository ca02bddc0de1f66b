package cloudtrail

import (
	"fmt"
	"slices"
	"strings"
)

// Unread is a part of a record that could not be read.
type Unread struct {
	Field string `json:"field"` // where it stands, as requestParameters.resourcesVpcConfig.endpointPublicAccess
	Value string `json:"value"` // the JSON there, cut to 80 characters and cleaned like all foreign text
	Why   string `json:"why"`   // what is wrong with it: "is neither true nor false"
}

func (u Unread) String() string {
	return fmt.Sprintf("%s %s: %s", u.Field, u.Why, u.Value)
}

// What can be wrong with a part of a record.
const (
	leftOut       = "was left out of the record by CloudTrail"
	notAnObject   = "is not a JSON object"
	textColumn    = "is text and not JSON: export the records as JSON; CloudTrail Lake has them in the column eventJson"
	notAList      = "is not a list"
	notText       = "is not text"
	notABoolean   = "is neither true nor false"
	notCIDRs      = "is not a list of CIDRs"
	notAFamily    = "is neither ipv4 nor ipv6"
	contradiction = "contradicts another value"
	withoutType   = "has no type"
)

// leftOut reports whether CloudTrail left the part out, so that it may be anything
// or nothing, unlike one that says something that cannot be made out.
func (u Unread) leftOut() bool { return u.Why == leftOut }

func unread(field string, v value, why string) *Unread {
	return &Unread{Field: field, Value: excerpt(v), Why: why}
}

// omitted reports whether CloudTrail left out what stood here since the record was
// too large. Source: the CloudTrail user guide, record contents, "omitted".
func (o object) omitted() bool {
	is, _ := o["omitted"].boolean()
	return is
}

// unreadObject is what is wrong with a value that ought to be an object, and was
// parsed into o; nil if nothing is, or if there is none.
func unreadObject(field string, v value, o object) *Unread {
	switch {
	case v.absent():
		return nil
	case o == nil:
		return unread(field, v, notAnObject)
	case o.omitted():
		return unread(field, v, leftOut)
	default:
		return nil
	}
}

// unreadColumn is unreadObject for what tables have as a text, which can be empty.
func unreadColumn(field string, v value, o object) *Unread {
	text, isText := v.str()
	switch {
	case isText && strings.TrimSpace(text) == "":
		return nil
	case isText:
		return unread(field, v, textColumn)
	default:
		return unreadObject(field, v, o)
	}
}

// miss keeps what could not be read of the record, each field once.
func (r *reading) miss(parts ...*Unread) {
	for _, u := range parts {
		if u != nil && !slices.ContainsFunc(r.event.Unread, func(o Unread) bool { return o.Field == u.Field }) {
			r.event.Unread = append(r.event.Unread, *u)
		}
	}
}

// told is what the record tells of a cluster that is created: what EKS answered,
// else what the caller sent. What neither tells may have stood in a request that
// cannot be read.
func (r *reading) told(key string) (place, *Unread) {
	if v := r.cluster[key]; !v.absent() {
		return place{"responseElements.cluster." + key, v}, nil
	}
	if v := r.request[key]; !v.absent() {
		return place{"requestParameters." + key, v}, nil
	}
	return place{}, r.lostRequest
}

// toldObject is told for what must be an object.
func (r *reading) toldObject(key string) object {
	p, lost := r.told(key)
	o := p.value.object()
	r.miss(lost, unreadObject(p.name, p.value, o))
	return o
}

// readTagMap reads tags. A tag may be called omitted: its value is a text then.
func (r *reading) readTagMap(p place) map[string]string {
	tags := p.value.object()
	switch mark := tags["omitted"]; {
	case tags == nil:
		r.miss(unreadObject(p.name, p.value, tags))
	case !mark.isString() && tags.omitted():
		r.miss(unread(p.name, p.value, leftOut))
	default:
		for _, key := range tags.keys() {
			if v := tags[key]; !v.absent() && !v.isString() {
				r.miss(unread(p.name+"."+clean(key), v, notText))
				break
			}
		}
	}
	return p.value.stringMap()
}

// readTagKeys reads the keys of tags that are removed.
func (r *reading) readTagKeys(p place) []string {
	items, isList := p.value.array()
	switch {
	case p.value.absent() || isList:
	case p.value.object().omitted():
		r.miss(unread(p.name, p.value, leftOut))
	default:
		r.miss(unread(p.name, p.value, notAList))
	}
	for _, item := range items {
		if !item.isString() {
			r.miss(unread(p.name, item, notText))
		}
	}
	return p.value.strings()
}
