package mail

// What the headlines of several situations say in English.
const (
	englishFoundInside = "EKS cluster {cluster} has private endpoint access off: its nodes' traffic to the Kubernetes API leaves the VPC. The policy forbids it."
	englishFixedInside = "Fixed: EKS cluster {cluster} had private endpoint access off. The guardrail switched it on, EKS confirmed the change, and it now has {now}."
	englishTugOfWar    = "Tug of war: somebody keeps opening the Kubernetes API endpoint of EKS cluster {cluster}, and the guardrail has changed it back {often}. It now has {now}."
	englishStillInside = "EKS cluster {cluster} still has private endpoint access off: its nodes' traffic to the Kubernetes API leaves the VPC. The policy forbids it."
	englishUndone      = "Over: the Kubernetes API endpoint of EKS cluster {cluster} no longer breaks the policy; {why}. It now has {now}."
)

var english = phrases{
	User: "{name} (IAM user)", Federated: "{name} (federated user)", IdentityCenter: "{name} (IAM Identity Center user)",
	SSO: "{name} via SSO {set}", AsRole: "{name} as role/{role}", Role: "role/{role}", Root: "the root user", Other: "{name} ({type})",
	ServiceFor: "{service} for {caller}", Nobody: "unknown caller",
	NotYetKnown: "not known: no record of the call; the update is {update}", FoundByLooking: "not known: found by looking at the cluster, not from a call",
	WithMFA: "yes", WithoutMFA: "no", NoMFA: "without MFA",

	Cluster: "Cluster", Account: "Account", Region: "Region", OpenNow: "Open now", Who: "Who", HeldUpBy: "Held up by", OpenedBy: "Opened by", AskedBy: "Asked by", UndoneBy: "Undone by",
	ToDo: "To do", Since: "Since", ToWhom: "To whom", Severity: "Severity", Reference: "Reference", Noticed: "Noticed", Endpoint: "Endpoint",
	RulesLeft: "Rules left", Tags: "Tags",
	Call: "Call", From: "From", Tool: "Tool", MFA: "MFA", Event: "Event", Update: "Update", Agent: "Agent",

	Critical: "critical", High: "high", Medium: "medium", Low: "low",

	PrivateOnly: "private access only", BothOff: "neither public nor private access", OpenTo: "public access from {whom}", OnlyTo: "private access, and public access only from {whom}", BothTo: "private access, and public access from {whom}",
	WholeInternet: "the whole internet", Blocks: "{n} CIDRs, the widest {widest}", PrivateOffToo: ", and no private access",
	AnswerAt: "{answer} (as of {at})",
	YesOpen:  "YES, to {whom}", BeingOpened: "ANY MOMENT: EKS is carrying out the change that opens it to {whom}", OnceReady: "NOT YET: once EKS has created the cluster, to {whom}",
	PrivateIsOff: "to no more than the policy admits, but private access is off", PrivateGoesOff: "to no more than the policy admits, but private access is being switched off",
	YesAsSeen: "YES when last looked at, to {whom}", NoOpen: "no: {now}", NoWider: "no, only to {whom}, which the policy admits", NeverWas: "no, and it was not: {now}",
	NowAdmitted: "YES, to {whom}, which the policy does not forbid any more", InsideAdmitted: "private access is off, which the policy does not forbid any more", NoDeleted: "no: the cluster is deleted",

	Address4: "1 IPv4 address", Addresses4: "{n} IPv4 addresses", Addresses4And6: "{n} IPv4 addresses, IPv6 blocks: {blocks}", Addresses6: "IPv6 blocks: {blocks}", WidestIs: "; the widest block is {widest}",
	WouldHaveBeen: "nobody; it would have been {whom}", NowAndBefore: "now {now}. Before: {before}",

	SoFar: "{from} ({age} so far)", AtMost: "{from}, at most {age}, until {to}", AskedAt: "asked for {at}", FoundAt: "not known; found {at}", NeverOpen: "never in force; asked for {at}",
	Between: "not known; found {at}, last seen compliant {before}", SinceNarrowed: "{from}; made narrower {to}",
	Day: "1 day", Days: "{n} days", Hour: "1 hour", Hours: "{n} hours", Minute: "1 minute", Minutes: "{n} minutes", Shortly: "less than a minute",

	NotSeen: "not known: AWS does not let the guardrail look at the cluster",
	DoAllow: "YES: let the guardrail have what AWS refuses it, by its role and the service control policies (\"Held up by\"), and look at the cluster in the EKS console ({below}). The guardrail goes on trying and mails when it is settled.",

	EKSSays:   "EKS's reason: {code}: {message}",
	EKSSilent: "EKS gave no reason.",

	Meanwhile: "Meanwhile the policy, the guardrail's mode or the cluster's tags have changed: {why}, so that it may be as it was before.",
	WhyPolicy: "no rule of the policy forbids it any more", WhyExempt: "an exemption waives the rules that forbid it", WhyNoRule: "no rule is about the cluster any more",

	TugPerHour: "{n} times within an hour", TugPerDays: "on {n} of the last 7 days", TugAnd: " and ",
	WhyUndone: "somebody undid it before the guardrail could", WhyDeleted: "the cluster was deleted",
	WhyUnclear:     "it was put right, by the guardrail's own call, of which AWS did not tell what came, or by somebody else's",
	WhyUnconfirmed: "the guardrail asked EKS for it, and looks have shown it since; EKS does not let the update be read, so it has not confirmed it",
	OursUnread:     "the guardrail, as its looks show; its update {update} can't be read (eks:DescribeUpdate)",
	OursOrTheirs:   "not known: the guardrail or somebody else",

	DoNothingYet: "Nothing yet.", DoSeeRest: "YES: see whether what will stay is meant ({below}).", DoFixFirst: "YES: {fix} ({below}).",
	WillAsk:    "EKS does not accept a change now (cluster status {status}); as soon as it does, the guardrail asks for {change}.",
	WillAskNew: "EKS does not accept a change while it creates the cluster; as soon as it does, the guardrail asks for {change}.",
	WillRetry:  "EKS failed the guardrail's update ({below}); it asks again for {change}.",
	HasAsked:   "The guardrail has asked EKS for {change}.",
	WillNot:    "Until then the guardrail changes nothing: {cause}, and to close the endpoint could cut the cluster's own nodes off.",
	RestAlert:  "A rule that only alerts forbids that, too.",
	RestPlan:   "What is wrong then is forbidden by rules that only alert, and stays.",
	RestHeld:   "It does no more: {cause}, and to close the endpoint could cut the cluster's own nodes off.",
	SecondMail: "A second mail says how it ended.",
	PrivateToo: "private access in addition", NoChange: "no change",
	TakenBack:     "The mail of {at} had announced something else, {change}: {why}.",
	SinceNetwork:  "what was read of the VPC since shows that it could cut nodes off",
	SinceAlerting: "the guardrail's mode is alert by now, in which it changes nothing",
	SinceChanged:  "the cluster, its tags, the policy, the guardrail's mode, or what is known of its updates has changed since",
	DoWaitHeld:    "Nothing, if it can wait: {when}, the guardrail asks for {change}. If that is too late, {hand} by hand ({below}).",
	HeldUntil:     "by itself, not before {at}, later if many wait",
	HeldSometime:  "by itself within about an hour, later if many wait",
	DoDecideSoon:  "YES: find out whether that was meant. The guardrail will do nothing: its rules, or its mode, only ask to tell. Whoever may call eks:UpdateClusterConfig can close it ({below}) once the cluster is ACTIVE (now {status}). A second mail says what came of it.",
	DoLook:        "YES: look at the cluster in the EKS console. Its status is {status}; nobody can close it before that is ACTIVE ({below}). The guardrail goes on trying, every 15 minutes at the least, and mails when it is settled.",
	DoLookActive:  "YES: look at the cluster in the EKS console, and close it by hand if it is open ({below}). The guardrail goes on trying and mails when it is settled.",
	DoAsk:         "Nothing to close. Find out from the caller what it was for, and who used the API meanwhile ({below}).",
	DoReopen:      "Nothing to close. What was there before is allowed by now: if it is needed, reopen it ({below}).",
	DoNothing:     "Nothing.",
	DoNothingEver: "Nothing to close. Ask the caller what it was for.",
	DoDecideLeft:  "YES: see what is left open and why ({below}), then close it by hand or have the policy admit it.",
	DoDecide:      "YES: {hand} by hand ({below}), or have the policy admit it. It stays as it is and is not mailed again; the daily digest names it.",
	DoDecideGrace: "Nothing if the cluster is still being set up: the guardrail acts by itself at {at}. If that is too late, {hand} by hand before ({below}).",
	DoDecideRest:  "YES: see whether what will stay is meant, and {hand} by hand if it is not ({below}).",
	DoFix:         "YES: {fix} ({below}). The guardrail then closes it at its next sweep. Do not close it by hand: that could cut the nodes off just the same.",
	DoByHand:      "YES: {hand} by hand ({below}). The guardrail tries again in an hour, then less and less often, at least once a day, and mails if it succeeds.",
	DoByHandWhy:   "YES: put right what EKS complains of ({code}), then {hand} by hand ({below}). The guardrail tries again in an hour, then less and less often, at least once a day, and mails if it succeeds.",
	HandClose:     "close it", HandSwitch: "switch private access on",
	DoStopIt:         "YES: find who or what opens it ({below}) and stop it there, or change the policy. Until then the guardrail goes on changing it back at once, but names that only in the daily digest; what stays open is mailed as before.",
	DoNothingGone:    "Nothing to close. Find out who used the API while it was open ({below}).",
	DoCheckAllowed:   "YES: find out who changed {what}, and whether that was meant. Nothing will close it; by hand: {below}.",
	DoMaybeCheck:     "Nothing, if the change of {what} was meant.",
	ChangedPolicy:    "the policy or the cluster's tags",
	ChangedExempt:    "the policy (it has an exemption now) or the cluster's tags",
	ChangedScope:     "the policy or the cluster's tags",
	DoRestoreTags:    "YES, if that was not meant: put the tags back.",
	DoRestoreOrClose: "YES, if that was not meant: put the tags back, and the guardrail closes it; or close it by hand ({below}).",
	TheTags:          "The tags: {tags}.", Below: "see below", InTheMail: "see the mail",

	Table: "Access", Private: "Private", Public: "Public", On: "on", Off: "off", Before: "Before", AskedFor: "Asked", FoundRow: "Found", Now: "Now", Wanted: "Wanted",
	Unknown: "not known", DidNotExist: "the cluster did not exist", Deleted: "deleted", AndMore: "and {n} more",

	WhoDidIt: "Who did it", MoreCalls: "and {n} more calls", LookUp: "The whole record (join the two lines for the console's address):", LookUpCard: "The whole record:",
	RulesBroken: "Which rules it broke", RulesLeftOpen: "Which rules it breaks", RulesNever: "Which rules it would have broken", WhatWasDone: "What the guardrail did",
	WhyKept: "Why it stays open, and how to put that right", MayBreak: "What may have broken", WouldBreak: "What closing it may break",
	Reach: "How to reach the API now", PutBack: "To REOPEN it as asked (forbidden; change the policy first)", CloseIt: "To close it by hand", SwitchOn: "To switch private access on by hand",
	Callers: "Who used the API while it was open",

	Enforce: "enforce", Revert: "revert", Alert: "alert", Grace: "It only tells as long as the cluster is new: until {at}.", Hybrid: "It only tells: the cluster has hybrid nodes. With hybridNodes: enforce the rule would act.",

	KeptWill:  "Nodes in the VPC might not find the private endpoint, so public access will be left as it is. Once the following is put right, the guardrail closes it, at its next sweep at the latest.",
	KeptWhy:   "Nodes in the VPC might not find the private endpoint, so public access was left as it is. Once the following is put right, the guardrail closes it at its next sweep.",
	WarnNodes: "Nodes may lose the API server: {gap}.", WarnNoEffect: "Private access may have no effect, so that node traffic still leaves the VPC: {gap}.",
	WarnIngress: "Bastions, runners and self-managed nodes in the VPC may lose the API server, whose name resolves to private addresses there: {gap}.",
	GapOff:      "{name} is off in {vpc}", GapOptions: "the DHCP options set of {vpc}, {options}, does not name AmazonProvidedDNS",
	GapNoOptions: "{vpc} has no DHCP options set that names AmazonProvidedDNS", GapIngress: "no security group of the cluster admits port 443 from outside it",
	GapUnknown: "{name} of {vpc} could not be read", GapSome: "the DNS settings of its VPC are not in order", GapsMore: ", and {n} more",
	GapRead:    "The guardrail's role must be able to call {actions}; what it cannot read counts as off.",
	FixSupport: "turn on DNS resolution (enableDnsSupport) in {vpc}", FixHostnames: "turn on DNS hostnames (enableDnsHostnames) in {vpc}",
	FixDNS: "give {vpc} a DHCP options set that names AmazonProvidedDNS", FixRead: "let the guardrail's role call {actions}", FixSome: "put right what keeps it open",
	FixLook: "To see what there is:", FixIfOff: "If it is off:",
	FixOptions:   "A set cannot be changed: a new one takes its place. Give it the old one's other options, too. This changes the name servers of everything in the VPC:",
	FixOptionsIf: "If it does not name AmazonProvidedDNS, a new set must take its place; give it the old one's other options, too. This changes the name servers of everything in the VPC:",
	FixNoOptions: "This gives everything in the VPC its name servers:",
	FixIngress:   "FROM is the network that must reach the API, for example FROM=10.0.0.0/16:", Ingress: "ingress on 443",
	Attempt: "{at}, attempt {n}: asked EKS for {access}", Reverted: " (what it was right before)",
	NoAnswer: "; EKS's answer is not known", Refused: "; EKS refused it", InProgress: "; update {update} is in progress", Finished: "; update {update}: {status}",
	EKSBusy:   "From {from} to {to} at the latest EKS accepted no other change of the cluster: no node groups, no deletion.",
	Follows:   "{ref} (told before as {before})",
	OverLimit: "Allowed, and yet left out, since EKS admits {limit} CIDRs for one cluster: {cidrs}.",
	Dropped:   "Dropped or cut from the list: {cidrs}.", NothingDone: "Nothing was changed.", OpenedLately: "Opened lately by: {who}.",

	ReachFrom:     "From a network that is connected to {vpc} (VPN, Direct Connect, transit gateway), a bastion host in it, or a CloudShell VPC environment in it.",
	ReachPort:     "{groups} must admit TCP 443 from there.",
	ReachIdentity: "As an identity that the cluster already knows: an access entry, or aws-auth.",
	ReachList:     "Or from an address in {whom}.",
	ReachGroups:   "One of the security groups {groups}", ReachGroup: "The security group {groups}", ReachUnknownGroup: "The cluster's security group",
	PutBackInside:     "To put back what was there (forbidden; change the policy first)",
	PutBackInsideWhy:  "This switches private access off again, and the guardrail switches it on again unless the policy is changed first to admit it.",
	PutBackAllowed:    "To put back what was there (the policy allows it by now)",
	PutBackAllowedWhy: "The guardrail leaves it so, unless the policy or the cluster's tags are changed again.",
	PutBackWhy:        "This opens it again, and the guardrail closes it again unless the policy is changed first to admit it.",
	CloseWhy:          "Whoever this shuts out loses the API at once, nodes and pipelines too: check first that they reach the private endpoint.",
	SwitchOnWhy:       "The API's name then resolves to private addresses in the VPC: check first that who uses it there is admitted on port 443.",
	CloseOnceActive:   "EKS takes this only once the cluster is ACTIVE (now {status}).",
	Credentials:       "With credentials of account {account}.",

	HeldUpLine: "EKS's update {type} {update}, since {since}, asked for by {who}", HeldUpUnknown: "a caller that is not known here",
	Rollback:  "A rollback takes 12 hours unless told otherwise, and up to 7 days.",
	Cancel:    "To cancel the rollback",
	CancelWhy: "EKS does that only while nodes are being rolled back. The guardrail goes on as soon as EKS accepts a change.",

	AuditOn:      "In CloudWatch Logs Insights, log group {group}. Set the time range by hand, absolute and in UTC: {from} to {to}.",
	AuditOff:     "Nobody can know: the cluster sends no audit logs to CloudWatch Logs. What its API does not log cannot be found out later.",
	AuditUnknown: "Not known whether the cluster sends audit logs to CloudWatch Logs. If it does, look into log group {group} from {from} to {to}.",

	Left:     "A change of tags took EKS cluster {cluster} out of the reach of the enforcing rules named below.",
	LeftSome: "Other rules still enforce on it.",
	LeftAll:  "No rule enforces on it any more: nobody is kept from opening its Kubernetes API endpoint now.",
	LeftOpen: "No rule enforces on it any more, and its Kubernetes API endpoint is open to {whom}: nothing will close it.",

	TagsRemoved: "removed: {tags}", TagsSet: "set: {tags}",

	Late:          "LATE: this mail was to be sent at {at}; until {now} the SNS topic took no mail about this cluster.",
	LateMore:      "Late mails about it that follow: {n}.",
	LateGone:      "The cluster has been deleted since.",
	LateUnseen:    "What the cluster is by now is not known: it could not be looked at.",
	LateSame:      "At {now} it is not over: the cluster has {state}.",
	LateOver:      "It is over: at {now} the cluster has {state}, which breaks no rule, and had at {since}.",
	LateIs:        "At {now} the cluster has {state}, which breaks no rule.",
	LateNow:       "At {now} the cluster has {state}.",
	LateAgain:     "But at {now} the cluster breaks the policy again: it has {state}. Its reference: {ref}.",
	LateWork:      "At {now} the cluster has {state}, and the guardrail is looking into it (reference: {ref}).",
	LateSaid:      "This mail was to say: {said}",
	LateUnknown:   "not known: it could not be looked at. When this mail was to be sent: {said}",
	LateUnsure:    "At {now} a look shows that the cluster has {state}, which breaks no rule. That it is over is not sure yet: EKS's own history has still to confirm it.",
	LateMaybe:     "not known for sure yet; a look shows {state}",
	DoLookLate:    "YES: look at the cluster in the EKS console. What this mail was to tell may be over.",
	DoSeeOther:    "YES: see the mails about what is open now (reference: {ref}). What this mail was to tell is over.",
	DoNothingLate: "Nothing to close.",
	DoTagsBack:    "Nothing: by now the rules are about the cluster again.",
	Backlog:       "There were {n} mails about EKS cluster {cluster} in a row that could not be sent, more than there is room to keep whole. This mail lists them; the first ones come before it, the last ones after it.",
	BacklogList:   "What they were to say",
	BacklogLine:   "{ref}: {what}, {at}; since {since}, by {who}",
	Unlisted:      "and between {from} and {to} {n} more, which are not listed: there was no room",
	Brake:         "The brake is on. Many clusters break the policy at once, and the guardrail changes at most {limit} clusters of a region within an hour, so that a mistake in a policy cannot close a whole company. {n} more wait.",
	BrakeOpen:     "YES: {n} clusters break the policy and wait, {world} of them open to the whole internet",
	BrakeToDo:     "YES: decide whether the rules are meant so, then release the clusters or stop (see the end).",
	BrakeByRule:   "By rule", BrakeWaiting: "Waiting", BrakeRule: "rule \"{rule}\": {n} clusters wait", BrakeRuleOne: "rule \"{rule}\": {n} cluster waits", BrakeMore: " and {n} more", BrakeDo: "What you can do",
	BrakeDoNothing: "Nothing, if the rules are meant so: at most {limit} clusters are changed every hour, those that somebody has just opened first.",
	BrakeDoRelease: "To release all of them at once, deploy as before with -c brake=0 (no bound), and later without it.",
	BrakeDoStop:    "To stop, deploy as before with -c mode=alert: nothing more is changed. Then correct the policy and deploy it.",

	TestMail: "This is a test mail. Nothing has happened: somebody who may invoke the guardrail's function asked for it at {at}.",
	TestDo:   "Nothing, but to tell whoever announced it that the mail arrived.",

	Digest:     "Account {account}, region {region}, on {day} (UTC): clusters that break the policy and that nobody closes: {standing}; being closed: {open}; in a tug of war: {tug}; exempt: {exempt}; left alone: {aside}.",
	DigestOpen: "Being closed: the guardrail is at work ({n})", DigestStanding: "Not closed: the guardrail does no more about them ({n})", DigestTug: "Tug of war: opened and changed back again and again ({n})",
	DigestFailed: "EKS failed the change: close by hand ({n})", DigestBlocked: "Blocked: put right the VPC's DNS, do not close by hand ({n})",
	DigestPartly: "Partly fixed: see what is left ({n})", DigestAlert: "Only told: close by hand, or have the policy admit them ({n})",
	DigestExempt: "Exempt ({n})", DigestEnding: "Exemptions that end within 7 days ({n})", DigestAside: "Left alone for their kind ({n})",
	DigestOpenLine: "{cluster}: {severity}, open for {age}, {stage}, {ref}", DigestStandingLine: "{cluster}: {severity}, for {age}, {rules}, {ref}",
	DigestTugLine: "{cluster}: changed back {n} times in the last 24 hours, the last time {at}", DigestExemptLine: "{exemption}, until {at}: {clusters}",
	DigestEndingLine: "{exemption}, ends {at}, then its rules are in force again",
	DigestOutposts:   "Local clusters on Outposts, private by nature: {clusters}", DigestConnected: "Connected clusters, without an endpoint of EKS's: {clusters}",
	DigestHybrid:  "Hybrid nodes, only told of (no breached rule says hybridNodes: enforce or picks them out): {clusters}",
	StageDetected: "detected", StageWaiting: "waiting for EKS to accept a change", StageUpdating: "EKS is changing it back", StageStuck: "STUCK", StageHeld: "waits for the brake",
	DigestToday: "Day", DigestBySeverity: "By severity: {severities}",
	DigestByRule: "By rule: {rules}", DigestMore: "and {n} more", DigestUnreadable: "{n} records of the ledger could not be read and are not counted here; see the function's log.",
	DigestCount: "{rule} {n}", DigestNothing: "Nothing.", DigestDo: "YES: ", DigestDoAnd: "; ", DigestDoEnd: ".",
	DigestDoFailed: "failed ({n}): close by hand (their mails have the command and EKS's reason)", DigestDoBlocked: "blocked ({n}): put right the VPC's DNS, then the guardrail closes them (their mails have the commands; to close by hand could cut nodes off)",
	DigestDoPartly: "partly fixed ({n}): see what is left", DigestDoAlert: "only told of ({n}): close by hand, or have the policy admit them", DigestDoStuck: "stuck ({n}): look at them", DigestDoTug: "tug of war ({n}): stop whoever keeps opening them",

	SignedPlain: "Endpoint Guard {version}", Signed: "Endpoint Guard {version}, policy {policy}",

	Headlines: [situations]headline{
		beingOpened: {
			Open:   "Somebody is opening the Kubernetes API endpoint of EKS cluster {cluster} to {whom}. The policy forbids it.",
			Inside: "Somebody is switching off private endpoint access of EKS cluster {cluster}: its nodes' traffic to the Kubernetes API will leave the VPC. The policy forbids it.",
		},
		creating: {
			Open:   "EKS cluster {cluster} is being created with its Kubernetes API endpoint open to {whom}. The policy forbids it.",
			Inside: englishFoundInside,
		},
		creatingGraced: {
			Open:   "EKS cluster {cluster} is being created with its Kubernetes API endpoint open to {whom}. The policy forbids that once the cluster is no longer new: at {at} the guardrail asks for {change}.",
			Inside: englishFoundInside,
		},
		creatingLater: {
			Open:   "EKS cluster {cluster} is being created with its Kubernetes API endpoint open to {whom}. The policy forbids it. At {at}, when the cluster is no longer new, the guardrail asks for {change}.",
			Inside: englishFoundInside,
		},
		found: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is open to {whom}. The policy forbids it.",
			Inside: englishFoundInside,
		},
		foundHeld: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is open to {whom}. The policy forbids it, but the brake holds the guardrail back: too many clusters were changed within the hour.",
			Inside: englishFoundInside,
		},

		stuck: {
			Open: "The Kubernetes API endpoint of EKS cluster {cluster} breaks the policy, and for {age} the guardrail has not been able to settle it (open to {whom} when last looked at).",
		},
		stuckRefused: {
			Open: "The Kubernetes API endpoint of EKS cluster {cluster} breaks the policy, as far as is known, and for {age} the guardrail has not been able to settle it: AWS refuses it what it needs.",
		},

		enforcedClosed: {
			Open:   "Closed: the Kubernetes API endpoint of EKS cluster {cluster} was open to {whom}. The guardrail changed it, EKS confirmed the change, and it now has {now}.",
			Inside: englishFixedInside,
		},
		enforcedNarrowed: {
			Open:   "Fixed: the Kubernetes API endpoint of EKS cluster {cluster} was open to {whom}. The guardrail changed it, EKS confirmed the change, and it now has {now}.",
			Inside: englishFixedInside,
		},
		partlyEnforced: {
			Open: "Partly fixed: the Kubernetes API endpoint of EKS cluster {cluster} was open to {whom}. The guardrail did what the enforcing rules want. It now has {now}, which a rule that only alerts forbids.",
		},
		partlyHeld: {
			Open: "Still open: private access of EKS cluster {cluster} is on by now, but its Kubernetes API endpoint is open to {whom} as before. The policy forbids it, but to close it now could cut the cluster's own nodes off: {cause}.",
		},
		tugOfWar: {
			Open: englishTugOfWar,
		},
		tugOfWarPartly: {
			Open: englishTugOfWar,
		},
		violation: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is open to {whom}. The policy forbids it, but its rules, or the guardrail's mode, only ask to tell: nothing was changed, and nothing will be.",
			Inside: englishStillInside,
		},
		violationGraced: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is open to {whom}. The policy forbids that once the cluster is no longer new: at {at} the guardrail asks for {change}.",
			Inside: englishStillInside,
		},
		violationLater: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is open to {whom}. The policy forbids it. At {at}, when the cluster is no longer new, the guardrail asks for {change}.",
			Inside: englishStillInside,
		},
		blocked: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is still open to {whom}. The policy forbids it, but to close it now could cut the cluster's own nodes off: {cause}. Nothing was changed.",
			Inside: englishStillInside,
		},
		failed: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is still open to {whom}. The policy forbids it, and EKS failed every update that would close it.",
			Inside: englishStillInside,
		},
		undone: {
			Open: englishUndone,
		},
		undoneUnclear: {
			Open: englishUndone,
		},
		unconfirmedClosed: {
			Open: englishUndone,
		},
		unconfirmedNarrowed: {
			Open: englishUndone,
		},
		neverOpened: {
			Open:   "Never opened: somebody asked EKS to open the Kubernetes API endpoint of EKS cluster {cluster} to {whom}, and EKS did not carry it out. It has {now}, as before.",
			Inside: "Never in force: somebody asked EKS to switch off private endpoint access of EKS cluster {cluster}, and EKS did not carry it out. It has {now}, as before.",
		},
		clusterGone: {
			Open: "Over: EKS cluster {cluster} was deleted. Its Kubernetes API endpoint had broken the policy.",
		},
		allowed: {
			Open:   "The Kubernetes API endpoint of EKS cluster {cluster} is open to {whom}, as it was found, and the guardrail leaves it so: {why}.",
			Inside: "EKS cluster {cluster} has private endpoint access off, as it was found, and the guardrail leaves it so: {why}.",
		},
		allowedElse: {
			Open: "The Kubernetes API endpoint of EKS cluster {cluster} now has {now}, and the guardrail leaves it so: {why}.",
		},
	},
}
