package mail

// Language is a language that mails are written in.
type Language string

// The languages. Subjects are English in both: SNS admits only ASCII there.
const (
	English  Language = "en"
	Japanese Language = "ja"
)

// phrases is everything that a language says. A word in braces is put in by
// fill; every language has the same ones in the same phrase, which a test holds.
type phrases struct {
	// Who did it, from CloudTrail's userIdentity.
	User, Federated, IdentityCenter, SSO, AsRole, Role, Root, Other, ServiceFor, Nobody string
	NotYetKnown, FoundByLooking, WithMFA, WithoutMFA                                    string

	// Labels of the fields.
	Cluster, Account, Region, OpenNow, Who, ToDo, Since, ToWhom, Severity, Reference, Noticed, AsOf, Endpoint, RulesLeft string
	Call, From, Tool, MFA, Event, Update, Agent                                                                          string

	// Severities.
	Critical, High, Medium, Low string

	// What is open, in a few words.
	PrivateOnly, BothOff, OpenTo, OnlyTo, WholeInternet, Blocks, PrivateOffToo string
	// Answers to "is it open now?".
	YesOpen, BeingOpened, OnceReady, PrivateIsOff, YesAsSeen, NoOpen, NoWider, NowAdmitted, NoDeleted string

	// How many addresses.
	Address4, Addresses4, Addresses4And6, Addresses6, WidestIs string

	// Times.
	SoFar, AtMost, AskedAt, FoundAt, NeverOpen, Between string
	Day, Days, Hour, Hours, Minute, Minutes, Shortly    string

	// Headlines.
	Asked, Creating, Found, FoundInside, IsStuck                                string
	Closed, Fixed, FixedInside, Partly, Violation, Blocked, Failed, StillInside string
	Undone, GoneMeanwhile, Allowed                                              string
	TugOfWar, TugPerHour, TugPerDays, TugAnd                                    string
	WhyUndone, WhyNotDone, WhyAllowed, WhyDeleted                               string

	// What the reader has to do.
	DoWait, DoWaitUpdate, DoWaitHeld, DoDecideSoon, DoLook                             string
	DoAsk, DoNothing, DoDecideLeft, DoDecide, DoDecideGrace, DoFix, DoByHand, DoStopIt string
	DoNothingGone, DoRestoreTags, Below, InTheMail                                     string

	// The table.
	Table, Private, Public, On, Off, Before, AskedFor, FoundRow, Now, Wanted string
	Unknown, DidNotExist, Deleted, AndMore                                   string

	// Sections.
	WhoDidIt, MoreCalls, LookUp, RulesBroken, RulesLeftOpen, WhatWasDone, WhyKept, MayBreak, Reach, PutBack, CloseIt, Callers string

	// Rules.
	Enforce, Revert, Alert, Grace, Hybrid                                            string
	PrivateOff, PublicOn, OutsideAllowed, TooWide, FamilyNotAdmitted                 string
	KeptGap, WarnGap, GapMissing, GapUnknown                                         string
	FixSupport, FixHostnames, FixDNS, FixIngress, Ingress                            string
	Attempt, Reverted, NoAnswer, Refused, InProgress, Finished, Dropped, NothingDone string
	OpenedBy                                                                         string

	// How to reach a private endpoint.
	ReachFrom, ReachPort, ReachIdentity, ReachList, ReachGroups, ReachGroup, ReachUnknownGroup string
	// Commands.
	PutBackWhy, CloseWhy, Credentials string
	// Who used it.
	AuditOn, AuditOff, AuditUnknown string

	// A cluster that left rules.
	Left, LeftSome, LeftAll string

	// The brake.
	Brake, BrakeByRule, BrakeWaiting, BrakeRule, BrakeMore        string
	BrakeDo, BrakeDoNothing, BrakeDoRaise, BrakeDoStop, BrakeToDo string

	// The digest.
	Digest                                                                                             string
	DigestOpen, DigestStanding, DigestTug, DigestExempt, DigestEnding, DigestAside, DigestToday        string
	DigestOpenLine, DigestStandingLine, DigestTugLine, DigestExemptLine, DigestEndingLine              string
	DigestOutposts, DigestConnected, DigestHybrid                                                      string
	StageDetected, StageWaiting, StageUpdating, StageStuck, StageHeld                                  string
	DigestByRule, DigestBySeverity, DigestMore, DigestUnreadable, DigestCount, DigestDo, DigestNothing string

	// The end of every mail.
	Signed, SignedPlain string
}

// in returns what a language says; of one that is not known, English.
func in(l Language) *phrases {
	if l == Japanese {
		return &japanese
	}
	return &english
}
