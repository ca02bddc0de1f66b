package cloudtrail

// What comes with events, looks like one, and is none: kind is what it is and
// what to give instead.
type kind struct {
	what string
	is   func(o object) bool
}

func has(keys ...string) func(o object) bool {
	return func(o object) bool {
		for _, key := range keys {
			if o[key].absent() {
				return false
			}
		}
		return true
	}
}

// kinds are known by fields that nothing else has. Sources: the CloudTrail user
// guide (digest files, notifications), the EKS, S3 and CloudTrail API references,
// the Kubernetes audit API, the schemas of OCSF and of filebeat's aws module.
func kinds() []kind {
	return []kind{
		{"a CloudTrail digest file, which proves log files and holds no events: give the log files that it names", has("digestStartTime", "logFiles")},
		{"the answer of DescribeCluster, the state of a cluster and no event: endpointguard explain --access says what a policy makes of it", func(o object) bool {
			c := o.object("cluster")
			return c != nil && !c["resourcesVpcConfig"].absent()
		}},
		{"the answer of DescribeUpdate or UpdateClusterConfig, which names no cluster and no caller: give the CloudTrail record of the call", func(o object) bool {
			u := o.object("update")
			return u != nil && !u["params"].absent()
		}},
		{"CloudTrail's notification of a log file, not the file: give the object of the bucket", has("s3Bucket", "s3ObjectKey")},
		{"a notification of S3, not what was stored: give the object of the bucket", func(o object) bool {
			source, _ := o.str("eventSource")
			return source == s3Source
		}},
		{"the summary of an event: the record itself, CloudTrailEvent, was left out", has("EventId", "EventName")},
		{"a Kubernetes audit event, not one of CloudTrail", func(o object) bool { return !o["auditID"].absent() && !o["requestURI"].absent() }},
		{"an event in OCSF, as Security Lake keeps it, not as CloudTrail writes it: give the log file", has("class_uid", "metadata")},
		{"an Elastic document without event.original, the record itself: have the integration preserve it", func(o object) bool {
			return o.object("aws").object("cloudtrail") != nil || !o["aws.cloudtrail.event_version"].absent() ||
				!o.object("fields")["aws.cloudtrail.event_version"].absent()
		}},
	}
}

// other says what an object is that is no record, "" if that is not known.
func (o object) other() string {
	for _, k := range kinds() {
		if k.is(o) {
			return k.what
		}
	}
	return ""
}
