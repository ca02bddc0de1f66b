package mail

import (
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/incident"
)

// commands are what puts back what was there, or closes by hand what is not closed.
func (w *writer) commands() {
	if w.noCommand() {
		return
	}
	i := w.i
	switch stood := stands(w.n); {
	case stood && len(i.Attempts) > 0 && len(w.plan().Left) == 0 && (i.Final == nil || i.Final.Outcome != incident.PartlyEnforced):
		w.closeIt(i.Attempts[len(i.Attempts)-1].Desired)
	case (stood || admitted(w.n)) && i.Nearest != nil:
		w.closeIt(*i.Nearest)
	case stood:
		w.closeIt(endpoint.Access{Private: true}) // in a record from before the nearest was kept
	case len(i.Attempts) > 0 && i.Final.Outcome == incident.Enforced && i.Final.Tug == nil:
		w.putItBack(i.Attempts[0].From)
	}
}

// noCommand reports whether nothing is to be done by hand, or nothing that would help.
func (w *writer) noCommand() bool {
	i := w.i
	detected := w.n.Kind == incident.NoticeDetected
	switch {
	case ended(w.n), w.n.Late.Over() && w.n.Late.Matter == incident.MatterOther:
		return true // what is open by now, another mail tells
	case detected && len(w.plan().Missing) > 0, stands(w.n) && held(i):
		return true // it would cut the nodes off just the same
	case detected && !i.AlertOnly && i.HeldSince.IsZero() && len(w.plan().Left) == 0:
		return true // the guardrail is at it
	default:
		return admitted(w.n) && !world(i.Final.Now, i.Family)
	}
}

// closeIt writes the command that ends the violation.
func (w *writer) closeIt(a endpoint.Access) {
	heading, why := w.CloseIt, w.CloseWhy
	if onlyInside(w.n) {
		heading, why = w.SwitchOn, w.SwitchOnWhy
	}
	if i := w.i; stands(w.n) && i.Status != endpoint.StatusActive && i.Status != "" && i.Final == nil {
		why = sentences(fill(w.CloseOnceActive, "status", string(i.Status)), why)
	}
	w.command(heading, why, a, w.i.Family)
}

// putItBack writes the command that makes the cluster again what the guardrail changed.
func (w *writer) putItBack(a endpoint.Access) {
	heading, why := w.PutBack, w.PutBackWhy
	switch {
	case w.i.Final.Why == incident.WhyClosed:
		heading, why = w.PutBackAllowed, w.PutBackAllowedWhy
	case onlyInside(w.n):
		heading, why = w.PutBackInside, w.PutBackInsideWhy
	}
	w.command(heading, why, a, w.i.Family)
}

// command writes the command that brings the cluster to an access.
func (w *writer) command(heading, why string, a endpoint.Access, f endpoint.Family) {
	command := updateCommand(w.r.Region, w.r.Name, a, f)
	if command == nil {
		return
	}
	w.heading(heading)
	w.indented(sentences(why, fill(w.Credentials, "account", w.account(w.r.Account))))
	w.WriteString("\n")
	w.block(command)
}

// lookup is the command that shows one CloudTrail event, nil for an id that is none.
func lookup(region, id string) []string {
	if !regionName.MatchString(region) || !eventID.MatchString(id) {
		return nil
	}
	return []string{
		"  aws cloudtrail lookup-events --region " + region + " \\",
		"    --lookup-attributes \\",
		"    AttributeKey=EventId,AttributeValue=" + id,
	}
}

// updateCommand is the command that brings a cluster to an access, nil where it
// cannot be written safely. A list is never left out while public access is on:
// EKS reads that as the whole world.
func updateCommand(region, name string, a endpoint.Access, f endpoint.Family) []string {
	if !regionName.MatchString(region) || !endpoint.NamePattern.MatchString(name) || !a.Public && !a.Private {
		return nil
	}
	lines := append([]string{"  aws eks update-cluster-config --region " + region + " \\"}, argument("    --name ", name, " \\")...)
	tokens := []string{
		`{"endpointPublicAccess":` + strconv.FormatBool(a.Public) + `,`, `"endpointPrivateAccess":` + strconv.FormatBool(a.Private),
	}
	if a.Public {
		tokens[1] += `,`
		tokens = append(tokens, `"publicAccessCidrs":[`)
		list := a.Effective(f)
		for i, p := range list {
			token := `"` + p.String() + `"`
			if i < len(list)-1 {
				token += ","
			}
			tokens = append(tokens, token)
		}
		tokens[len(tokens)-1] += "]"
	}
	tokens[len(tokens)-1] += "}'"
	// Between single quotes a line's end is a line's end, and nothing to JSON.
	line := "    --resources-vpc-config '"
	for i, token := range tokens {
		if i > 0 && len(line)+len(token) > Columns {
			lines, line = append(lines, line), "    "
		}
		line += token
	}
	return append(lines, line)
}

// cancelCommand is the command that cancels an update, nil where it cannot be written
// safely. Source: the AWS CLI reference, eks cancel-update.
func cancelCommand(region, name, update string) []string {
	if !regionName.MatchString(region) || !endpoint.NamePattern.MatchString(name) || !eventID.MatchString(update) {
		return nil
	}
	lines := append([]string{"  aws eks cancel-update --region " + region + " \\"}, argument("    --name ", name, " \\")...)
	return append(lines, "    --update-id "+update)
}

// lookAtNetwork are the commands that show a fact on the network, nil where it is
// known or cannot be asked for safely.
func lookAtNetwork(region, vpc string, g incident.Gap) []string {
	if !regionName.MatchString(region) || !vpcID.MatchString(vpc) {
		return nil
	}
	options := func(id string) []string {
		return []string{"  aws ec2 describe-dhcp-options --region " + region + " \\", "    --dhcp-options-ids " + id}
	}
	switch {
	case g.Unknown && strings.HasPrefix(g.Name, "enable"):
		return []string{"  aws ec2 describe-vpc-attribute --region " + region + " \\", "    --vpc-id " + vpc + " --attribute " + g.Name}
	case g.Name == amazonDNS && optionsID.MatchString(g.DHCPOptions):
		return options(g.DHCPOptions)
	case g.Unknown && g.Name == amazonDNS:
		return append([]string{
			"  old=$(aws ec2 describe-vpcs --region " + region + " \\", "    --vpc-ids " + vpc + " \\", "    --query 'Vpcs[0].DhcpOptionsId' --output text)",
		}, options(`"$old"`)...)
	default:
		return nil
	}
}

// fixNetwork are the commands that put right a fact on the network, nil where
// they cannot be written safely. Source: the EC2 API reference
// (ModifyVpcAttribute, CreateDhcpOptions, AssociateDhcpOptions,
// AuthorizeSecurityGroupIngress); an options set cannot be changed, only replaced.
func fixNetwork(region, vpc, group string, g incident.Gap) []string {
	if !regionName.MatchString(region) {
		return nil
	}
	flag := map[string]string{"enableDnsSupport": "--enable-dns-support", "enableDnsHostnames": "--enable-dns-hostnames"}[g.Name]
	switch {
	case !dns(g) && groupID.MatchString(group):
		return []string{
			"  aws ec2 authorize-security-group-ingress --region " + region + " \\", "    --group-id " + group + " --protocol tcp --port 443 \\", `    --cidr "$FROM"`,
		}
	case !dns(g) || !vpcID.MatchString(vpc):
		return nil
	case flag != "":
		return []string{"  aws ec2 modify-vpc-attribute --region " + region + " \\", "    --vpc-id " + vpc + " \\", "    " + flag + ` '{"Value":true}'`}
	default:
		return []string{
			"  new=$(aws ec2 create-dhcp-options --region " + region + " \\", "    --dhcp-configurations \\", "    Key=domain-name-servers,Values=AmazonProvidedDNS \\",
			"    --query DhcpOptions.DhcpOptionsId --output text)",
			"  aws ec2 associate-dhcp-options --region " + region + " \\", "    --vpc-id " + vpc + ` --dhcp-options-id "$new"`,
		}
	}
}

// argument writes a word of a command, over several lines if it is too long for
// one: to a shell a backslash at the end of a line joins it to the next.
func argument(lead, word, end string) []string {
	var lines []string
	for len(lead)+len(word)+len(end) > Columns {
		cut := Columns - len(lead) - 1
		lines = append(lines, lead+word[:min(cut, len(word))]+`\`)
		lead, word = "", word[min(cut, len(word)):]
	}
	return append(lines, lead+word+end)
}

// callers is the Logs Insights query for who used the API from outside: not from
// loopback, private, carrier-grade (RFC 6598), unique local (RFC 4193) and
// link-local addresses. Source: the EKS user guide on control plane logging (log
// group and stream names) and Kubernetes' audit.k8s.io/v1 Event.
var callers = []string{
	"  fields @timestamp",
	"  | filter @logStream like /^kube-apiserver-audit/",
	`  | filter sourceIPs.0 not like /^(10|127)\.|^192\.168\.|^169\.254\./`,
	`  | filter sourceIPs.0 not like /^172\.(1[6-9]|2[0-9]|3[01])\./`,
	`  | filter sourceIPs.0 not like /^100\.(6[4-9]|[789][0-9]|1[01][0-9])\./`,
	`  | filter sourceIPs.0 not like /^100\.12[0-7]\.|^::1$|^f[cd]|^fe[89ab]/`,
	"  | stats count(*) as requests, min(@timestamp) as first,",
	"      max(@timestamp) as last by user.username, sourceIPs.0,",
	"      userAgent, responseStatus.code",
	"  | sort requests desc",
}
