package cloudtrail

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
)

const (
	eksSource   = "eks.amazonaws.com"
	s3Source    = "aws:s3" // of what S3 notifies of
	apiCall     = "AWS API Call via CloudTrail"
	insightType = "AwsCloudTrailInsight"
)

var (
	accountPattern   = endpoint.NewPattern(`^[0-9]{12}$`, 12)
	regionPattern    = endpoint.NewPattern(`^[a-z][a-z0-9-]*$`, 63)
	partitionPattern = endpoint.NewPattern(`^aws(-[a-z]+){0,3}$`, 32)
	updateIDPattern  = endpoint.NewPattern(`^[0-9A-Za-z][0-9A-Za-z-]*$`, 128)
)

// Decode reads one CloudTrail record, bare or in the "detail" of an EventBridge
// event. Its error is a NoConcern or an Unreadable, with what could be read of
// the event in it.
//
// Fields that it doesn't know or need may be anything. Those that it needs are
// never guessed: an endpoint setting that cannot be made out, or that CloudTrail
// left out of the record, sets Asked.Unreadable and is named in Unread; an update
// id or time that cannot is empty; and a name, account or region that cannot, or
// that contradicts another place in the record, is an Unreadable. Of duplicate
// keys the last counts.
//
// Foreign text (event id, error codes, all of Actor) is cut to 1 KiB, and
// control and invisible formatting characters in it become U+FFFD; tags are
// kept as they are, since rules match on them. Time and memory are linear in
// the length of data, and nesting deeper than 10,000 is an Unreadable.
func Decode(data []byte) (Event, error) {
	var r reading
	if why := r.open(data); why != "" {
		return Event{}, Unreadable{Event: r.event, Why: why}
	}
	r.read()
	if why := r.noConcern(); why != "" {
		return Event{}, NoConcern{Event: r.event, Why: why}
	}
	if why := r.unreadable(); why != "" {
		return Event{}, Unreadable{Event: r.event, Why: why}
	}
	return r.event, nil
}

// reading is one record while it is being read: its parts, the event that comes
// of them, and the first reasons found not to trust it.
type reading struct {
	envelope, record  object
	request, response object
	// cluster is responseElements.cluster, update is responseElements.update,
	// vpcConfig is requestParameters.resourcesVpcConfig.
	cluster, update, vpcConfig object
	// What is wrong with some of them, nil if nothing is; what stands in them can
	// then be anything.
	lostRequest, lostResponse *Unread

	event    Event
	resource arn      // the cluster's, from the answer or the tag call
	other    string   // what a tag call was about, if not a cluster
	broken   []string // why what was read cannot be relied on
}

func (r *reading) open(data []byte) (why string) {
	top, err := parseObject(data)
	if err != nil {
		return err.Error()
	}
	r.record = top
	if detail, ok := top["detail"]; ok && top["eventName"].absent() {
		r.envelope = top
		if r.record, err = parseObject(detail); err != nil {
			return "detail: " + err.Error()
		}
	}
	if source, _ := r.record.str("eventSource"); r.record["eventName"].absent() || source == s3Source {
		return r.record.other()
	}
	return ""
}

// fault keeps a reason.
func (r *reading) fault(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf(format, args...))
}

// read fills in all that the record tells; what is missing stays empty.
func (r *reading) read() {
	r.request = r.record.object("requestParameters")
	r.response = r.record.object("responseElements")
	r.cluster = r.response.object("cluster")
	r.update = r.response.object("update")
	r.vpcConfig = r.request.object("resourcesVpcConfig")
	r.lostRequest = unreadColumn("requestParameters", r.record["requestParameters"], r.request)
	r.lostResponse = unreadColumn("responseElements", r.record["responseElements"], r.response)

	e := &r.event
	e.ID = r.record.text("eventID")
	e.Name = r.record.text("eventName")
	e.Actor = readActor(r.record)
	if t, ok := parseTime(r.record["eventTime"]); ok {
		e.Time = t
	} else if t, ok := parseTime(r.envelope["time"]); ok {
		e.Time = t
	}
	e.Account = r.agreed("account", accountPattern,
		place{"account", r.envelope["account"]}, place{"recipientAccountId", r.record["recipientAccountId"]})
	if e.Account == "" {
		e.Account = r.agreed("account", accountPattern,
			place{"userIdentity.accountId", r.record.object("userIdentity")["accountId"]})
	}
	e.Region = r.agreed("region", regionPattern,
		place{"region", r.envelope["region"]}, place{"awsRegion", r.record["awsRegion"]})

	switch e.Name {
	case CreateCluster:
		r.readCreate()
	case UpdateClusterConfig:
		r.readName()
		if id, ok := r.update.str("id"); ok && updateIDPattern.MatchString(id) {
			e.UpdateID = id
		}
		within := cmp.Or(r.lostResponse, unreadObject("responseElements.update", r.response["update"], r.update))
		asked, parts := readParams(r.update["params"], within).over(r.sent())
		e.Asked = asked
		r.miss(parts...)
	case DeleteCluster:
		r.readName()
	case TagResource, UntagResource:
		r.readTags()
	}
	e.Partition = r.partition()
}

// agreed returns the value that the places tell, if they tell one that matches
// and do not contradict each other.
func (r *reading) agreed(what string, pattern endpoint.Pattern, places ...place) string {
	var found place
	var value string
	for _, p := range places {
		if p.value.absent() {
			continue
		}
		s, ok := p.value.str()
		switch {
		case ok && s == "":
		case !ok || !pattern.MatchString(s):
			r.fault("%s is no %s: %s", p.name, what, excerpt(p.value))
		case value == "":
			found, value = p, s
		case s != value:
			r.fault("%s says %s, %s says %s", found.name, value, p.name, s)
		}
	}
	return value
}

// place is a value of the record and what it is called there.
type place struct {
	name  string
	value value
}

// readName reads the cluster's name: requestParameters.name, clusterName in
// AWS's sample of 2018, else what EKS answered.
func (r *reading) readName() {
	places := []place{
		{"requestParameters.name", r.request["name"]},
		{"requestParameters.clusterName", r.request["clusterName"]},
	}
	if arn, ok := r.cluster.str("arn"); ok && arn != "" {
		r.readARN("responseElements.cluster.arn", arn)
		if r.resource.resource != "" {
			places = append(places, place{"responseElements.cluster.arn", quoted(r.resource.resource)})
		}
	}
	r.event.Cluster = r.agreed("cluster name", endpoint.NamePattern, places...)
	if r.event.Cluster == "" {
		r.event.Cluster = r.agreed("cluster name", endpoint.NamePattern,
			place{"responseElements.cluster.name", r.cluster["name"]},
			place{"responseElements.cluster.clusterName", r.cluster["clusterName"]})
	}
}

// readARN reads the ARN of a cluster, and holds it against the account and the
// region that are known.
func (r *reading) readARN(where, text string) {
	a, ok := parseARN(text)
	name, isCluster := strings.CutPrefix(a.resource, "cluster/")
	if !ok || a.service != "eks" || !isCluster {
		r.fault("%s is no cluster's ARN: %s", where, excerpt(quoted(text)))
		return
	}
	a.resource = name
	r.resource = a
	r.event.Account = r.agreed("account", accountPattern,
		place{"the record", quoted(r.event.Account)}, place{where, quoted(a.account)})
	r.event.Region = r.agreed("region", regionPattern,
		place{"the record", quoted(r.event.Region)}, place{where, quoted(a.region)})
}

func (r *reading) readCreate() {
	r.readName()
	e := &r.event
	vpc := r.cluster.object("resourcesVpcConfig")
	e.CreatedAt, _ = parseTime(r.cluster["createdAt"])
	e.Family = r.family()
	within := cmp.Or(r.lostResponse, unreadObject("responseElements.cluster", r.response["cluster"], r.cluster))
	asked, parts := readConfig("responseElements.cluster.resourcesVpcConfig", r.cluster["resourcesVpcConfig"], within).over(r.sent())
	e.Asked, e.Defaults = withDefaults(asked, e.Family)
	r.miss(parts...)
	tags, lost := r.told("tags")
	r.miss(lost)
	e.Tags = r.readTagMap(tags)
	e.VPC, _ = vpc.str("vpcId")
	e.SecurityGroups = vpc["securityGroupIds"].strings()
	if vpc["securityGroupIds"].absent() {
		e.SecurityGroups = r.vpcConfig["securityGroupIds"].strings()
	}
	e.OutpostsLocal = len(r.toldObject("outpostConfig")) > 0
	e.HybridNodes = len(r.toldObject("remoteNetworkConfig")) > 0
	logging, _ := r.told("logging")
	e.AuditLogs = auditLogs(logging.value.object())
}

// family is the IP family of a cluster that is created: IPv4 unless the answer or
// the request says otherwise.
func (r *reading) family() endpoint.Family {
	const key = "kubernetesNetworkConfig"
	var lost *Unread
	for _, p := range []place{
		{"responseElements.cluster." + key, r.cluster[key]},
		{"requestParameters." + key, r.request[key]},
	} {
		config := p.value.object()
		if lost = cmp.Or(lost, unreadObject(p.name, p.value, config)); config["ipFamily"].absent() {
			continue
		}
		name, _ := config.str("ipFamily")
		switch {
		case strings.EqualFold(name, string(endpoint.IPv4)):
			return endpoint.IPv4
		case strings.EqualFold(name, string(endpoint.IPv6)):
			return endpoint.IPv6
		default:
			lost = cmp.Or(lost, unread(p.name+".ipFamily", config["ipFamily"], notAFamily))
		}
	}
	r.miss(cmp.Or(lost, r.lostRequest))
	return endpoint.IPv4
}

// sent is what the caller sent of the endpoint access.
func (r *reading) sent() settings {
	return readConfig("requestParameters.resourcesVpcConfig", r.request["resourcesVpcConfig"], r.lostRequest)
}

// auditLogs reports whether a cluster's logging sends the audit log somewhere.
func auditLogs(logging object) bool {
	setups, _ := logging["clusterLogging"].array()
	for _, v := range setups {
		setup := v.object()
		if on, ok := setup["enabled"].boolean(); !ok || !on {
			continue
		}
		if slices.Contains(setup["types"].strings(), "audit") {
			return true
		}
	}
	return false
}

func (r *reading) readTags() {
	e := &r.event
	text, ok := r.request.str("resourceArn")
	if !ok {
		return
	}
	// The ARN is a part of the call's path, where it may stay escaped.
	if strings.HasPrefix(strings.ToLower(text), "arn%3a") {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
	}
	if a, ok := parseARN(text); ok && a.service == "eks" {
		if kind, _, _ := strings.Cut(a.resource, "/"); kind != "cluster" {
			r.other = clean(kind)
			return
		}
	}
	r.readARN("requestParameters.resourceArn", text)
	e.Cluster = r.agreed("cluster name", endpoint.NamePattern, place{"requestParameters.resourceArn", quoted(r.resource.resource)})
	if e.Name == TagResource {
		e.ChangedTags = r.readTagMap(place{"requestParameters.tags", r.request["tags"]})
	} else {
		e.RemovedTags = r.readTagKeys(place{"requestParameters.tagKeys", r.request["tagKeys"]})
	}
}

// partition is the cluster ARN's, else the caller's, else the region's.
func (r *reading) partition() string {
	caller, _ := parseARN(r.event.Actor.ARN)
	for _, p := range []string{r.resource.partition, caller.partition} {
		if partitionPattern.MatchString(p) {
			return p
		}
	}
	for _, p := range []struct{ prefix, partition string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"us-iso-", "aws-iso"},
		{"us-isob-", "aws-iso-b"},
		{"us-isof-", "aws-iso-f"},
		{"eu-isoe-", "aws-iso-e"},
		{"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(r.event.Region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// noConcern tells why the record is no concern, or nothing if it is one.
func (r *reading) noConcern() string {
	if v := r.envelope["detail-type"]; !v.absent() {
		if s, ok := v.str(); !ok || s != apiCall {
			return fmt.Sprintf("not a CloudTrail call but %s", excerpt(v))
		}
	}
	if t, _ := r.record.str("eventType"); t == insightType {
		return "a CloudTrail insight, not a call"
	}
	source := r.record.text("eventSource")
	if source != "" && source != eksSource {
		return "a call of " + source
	}
	switch r.event.Name {
	case CreateCluster, UpdateClusterConfig, DeleteCluster, TagResource, UntagResource:
	case "":
		return ""
	default:
		return "a call that changes no endpoint access and no tags, and deletes no cluster"
	}
	if source == "" {
		return ""
	}
	if code := r.record.text("errorCode"); code != "" {
		return "the call failed with " + code
	}
	switch r.event.Name {
	case UpdateClusterConfig:
		return r.otherUpdate()
	case TagResource, UntagResource:
		if r.other != "" {
			return "the tags of another resource, " + r.other
		}
	}
	return ""
}

// otherUpdate tells which kind of update it is, if it is plainly not one of the
// endpoint access. Source for the types: the EKS API reference, Update.type.
func (r *reading) otherUpdate() string {
	asked := r.event.Asked
	garbled := slices.ContainsFunc(r.event.Unread, func(u Unread) bool { return !u.leftOut() })
	if garbled || asked.Public != nil || asked.Private != nil || asked.CIDRs != nil {
		return ""
	}
	kind, _ := r.update.str("type")
	switch {
	case kind != "" && !strings.EqualFold(kind, endpoint.EndpointAccessUpdate):
		return fmt.Sprintf("an update of another kind, %s", clean(kind))
	case kind == "" && len(r.request) > 0 && r.lostRequest == nil && r.request["resourcesVpcConfig"].absent():
		return "an update without resourcesVpcConfig"
	default:
		return ""
	}
}

// unreadable tells all that is lacking, or nothing if nothing is.
func (r *reading) unreadable() string {
	e := r.event
	var lacks []string
	switch source := r.record.text("eventSource"); {
	case e.Name == "" && source == "":
		return "not a CloudTrail record: no eventName, no eventSource"
	case e.Name == "":
		lacks = append(lacks, "not a CloudTrail record: no eventName")
	case source == "":
		lacks = append(lacks, "not a CloudTrail record: no eventSource")
	}
	if code := r.record["errorCode"]; !code.absent() && !code.isString() {
		lacks = append(lacks, "errorCode is not a string: "+excerpt(code))
	}
	lacks = append(lacks, r.broken...)
	if e.Cluster == "" && e.Name != "" && !r.faulty("cluster name", "cluster's ARN") {
		missing := "no cluster name in requestParameters"
		if e.Name == TagResource || e.Name == UntagResource {
			missing = "no resourceArn in requestParameters"
		}
		switch {
		case r.request.omitted():
			missing += ", which CloudTrail left out of the record (omitted)"
		case r.record["requestParameters"].isString():
			missing += ", which " + textColumn
		}
		lacks = append(lacks, missing)
	}
	if e.Account == "" && !r.faulty("account") {
		lacks = append(lacks, "no account: neither account, recipientAccountId nor userIdentity.accountId")
	}
	if e.Region == "" && !r.faulty("region") {
		lacks = append(lacks, "no region: neither region nor awsRegion")
	}
	return strings.Join(lacks, "; ")
}

// faulty reports whether one of these was there and is none.
func (r *reading) faulty(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(r.broken, func(reason string) bool { return strings.Contains(reason, "is no "+name+":") })
	})
}

// arn is an ARN in its parts.
type arn struct {
	partition, service, region, account, resource string
}

func parseARN(s string) (arn, bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[5] == "" {
		return arn{}, false
	}
	return arn{parts[1], parts[2], parts[3], parts[4], parts[5]}, true
}

// parseTime reads the time formats that records come with: RFC 3339, the same
// with a blank and without a zone (UTC, as exports of CloudTrail write it), and
// epoch seconds, which it cuts to the millisecond as the AWS SDK does, so that a
// creation time is the same from here and from DescribeCluster.
func parseTime(v value) (time.Time, bool) {
	var t time.Time
	if s, ok := v.str(); ok {
		var err error
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05", "2006-01-02T15:04:05"} {
			if t, err = time.Parse(layout, s); err == nil {
				break
			}
		}
		if err != nil {
			return time.Time{}, false
		}
	} else if seconds, ok := v.number(); ok && seconds > 0 && seconds < 1e11 {
		t = time.UnixMilli(int64(seconds * 1000))
	} else {
		return time.Time{}, false
	}
	if t = t.UTC(); t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, false
	}
	return t, true
}
