package mail

import (
	"regexp"
	"strings"
)

// What may stand in a command or a link without quotes.
var (
	regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	vpcID      = regexp.MustCompile(`^vpc-[0-9a-f]{8,17}$`)
	groupID    = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
	optionsID  = regexp.MustCompile(`^dopt-[0-9a-f]{8,17}$`)
	eventID    = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// console is the host of the AWS console of each partition.
var console = map[string]string{
	"aws":        "console.aws.amazon.com",
	"aws-cn":     "console.amazonaws.cn",
	"aws-us-gov": "console.amazonaws-us-gov.com",
}

// partition is the second word of an ARN.
func partition(arn string) string {
	_, rest, _ := strings.Cut(arn, ":")
	p, _, _ := strings.Cut(rest, ":")
	return p
}

// history is the address of CloudTrail's event history, "" where it is not
// known. With "#/events/" and an event's id behind it, it is that of the event;
// both together are longer than a line may be.
func history(arn, region string) string {
	host, ok := console[partition(arn)]
	if !ok || !regionName.MatchString(region) {
		return ""
	}
	return "https://" + host + "/cloudtrailv2/home?region=" + region
}

// eventLink is the address of one event in the console of its region, for what
// has no columns.
func eventLink(arn, region, id string) string {
	base := history(arn, region)
	if base == "" || !eventID.MatchString(id) {
		return ""
	}
	return strings.Replace(base, "https://", "https://"+region+".", 1) + "#/events/" + id
}
