package mail

import (
	"maps"
	"slices"
)

// Language is a language that mails are written in. Subjects are English in all: SNS
// admits only ASCII there.
type Language string

// English is what mails are written in unless something else is wanted.
const English Language = "en"

// languages are what each language says: a language is a file, and a line here.
var languages = map[Language]*phrases{
	English: &english,
	"ja":    &japanese,
}

// Languages are the languages that mails can be written in, by their names' order.
func Languages() []Language { return slices.Sorted(maps.Keys(languages)) }

// phrases is everything that a language says. A word in braces is put in by
// fill; every language has the same ones in the same phrase, which a test holds.
type phrases struct {
	// Who did it, from CloudTrail's userIdentity.
	User, Federated, IdentityCenter, SSO, AsRole, Role, Root, Other, ServiceFor, Nobody string
	NotYetKnown, FoundByLooking, WithMFA, WithoutMFA, NoMFA                             string

	// Labels of the fields.
	Cluster, Account, Region, OpenNow, Who, ToDo, Since, ToWhom, Severity, Reference, Noticed, Endpoint, RulesLeft string
	OpenedBy, AskedBy, UndoneBy, Tags, HeldUpBy                                                                    string
	Call, From, Tool, MFA, Event, Update, Agent                                                                    string

	// Severities.
	Critical, High, Medium, Low string

	// What is open, in a few words.
	PrivateOnly, BothOff, OpenTo, OnlyTo, BothTo, WholeInternet, Blocks, PrivateOffToo string
	// Answers to "is it open now?".
	YesOpen, BeingOpened, OnceReady, PrivateIsOff, YesAsSeen, NoOpen, NoWider, NowAdmitted, NoDeleted string
	AnswerAt, InsideAdmitted, NeverWas, PrivateGoesOff                                                string

	// How many addresses.
	Address4, Addresses4, Addresses4And6, Addresses6, WidestIs, WouldHaveBeen, NowAndBefore string

	// Times.
	SoFar, AtMost, AskedAt, FoundAt, NeverOpen, Between, SinceNarrowed string
	Day, Days, Hour, Hours, Minute, Minutes, Shortly                   string

	// Headlines, and what they name.
	Headlines                                                                                     [situations]headline
	Meanwhile, WhyPolicy, WhyExempt, WhyNoRule, WhyUndone, WhyDeleted, WhyUnclear, WhyUnconfirmed string
	TugPerHour, TugPerDays, TugAnd, EKSSays, EKSSilent, OursOrTheirs, OursUnread, NotSeen         string

	// What the reader has to do.
	DoNothingYet, DoSeeRest, DoFixFirst, DoWaitHeld, DoDecideSoon, DoLook              string
	DoAsk, DoNothing, DoDecideLeft, DoDecide, DoDecideGrace, DoFix, DoByHand, DoStopIt string
	DoDecideRest                                                                       string
	DoNothingGone, DoNothingEver, DoRestoreTags, DoRestoreOrClose, Below, InTheMail    string
	DoLookActive, DoByHandWhy, HandClose, HandSwitch, DoReopen                         string
	DoCheckAllowed, DoMaybeCheck, ChangedPolicy, ChangedExempt, ChangedScope           string
	HeldUntil, HeldSometime, DoAllow                                                   string

	// What will be done, and that something else was.
	WillAsk, WillAskNew, WillRetry, HasAsked, WillNot, RestAlert, RestPlan, RestHeld, SecondMail string
	PrivateToo, NoChange, TakenBack, SinceNetwork, SinceAlerting, SinceChanged                   string

	// The table.
	Table, Private, Public, On, Off, Before, AskedFor, FoundRow, Now, Wanted string
	Unknown, DidNotExist, Deleted, AndMore                                   string

	// Sections.
	WhoDidIt, MoreCalls, LookUp, LookUpCard, RulesNever, WouldBreak, SwitchOn, RulesBroken, RulesLeftOpen, WhatWasDone, WhyKept, MayBreak, Reach, PutBack, CloseIt, Callers string

	// Rules.
	Enforce, Revert, Alert, Grace, Hybrid string
	// Next, what a rule finds wrong: "" where the judgement says it itself, in English.
	PrivateOff, PublicOn, OutsideAllowed, TooWide, FamilyNotAdmitted                     string
	KeptWhy, KeptWill, WarnNodes, WarnNoEffect, WarnIngress                              string
	GapOff, GapOptions, GapNoOptions, GapIngress, GapUnknown, GapRead, GapSome, GapsMore string
	FixSupport, FixHostnames, FixDNS, FixRead, FixSome                                   string
	FixLook, FixOptions, FixOptionsIf, FixNoOptions, FixIfOff, FixIngress, Ingress       string
	Attempt, Reverted, NoAnswer, Refused, InProgress, Finished, Dropped, NothingDone     string
	OpenedLately, OverLimit, EKSBusy, Follows                                            string

	// How to reach a private endpoint.
	ReachFrom, ReachPort, ReachIdentity, ReachList, ReachGroups, ReachGroup, ReachUnknownGroup string
	// Commands.
	PutBackInside, PutBackInsideWhy, PutBackWhy, CloseWhy, CloseOnceActive, SwitchOnWhy, Credentials string
	PutBackAllowed, PutBackAllowedWhy                                                                string
	// What holds EKS up.
	HeldUpLine, HeldUpUnknown, Rollback, Cancel, CancelWhy string
	// Who used it.
	AuditOn, AuditOff, AuditUnknown string

	// A cluster that left rules.
	Left, LeftSome, LeftAll, LeftOpen, TagsRemoved, TagsSet, TheTags string

	// A mail that was held up, and many in one.
	Late, LateMore, LateGone, LateUnseen, LateSame, LateOver, LateIs, LateNow string
	LateAgain, LateWork, LateSaid, LateUnknown, LateUnsure, LateMaybe         string
	DoLookLate, DoSeeOther, DoNothingLate, DoTagsBack                         string
	Backlog, BacklogList, BacklogLine, Unlisted                               string

	// The brake.
	Brake, BrakeOpen, BrakeByRule, BrakeWaiting, BrakeRule, BrakeRuleOne, BrakeMore string
	BrakeDo, BrakeDoNothing, BrakeDoRelease, BrakeDoStop, BrakeToDo                 string

	// A test.
	TestMail, TestDo string

	// The digest.
	Digest                                                                                                                         string
	DigestOpen, DigestStanding, DigestTug, DigestExempt, DigestEnding, DigestAside, DigestToday                                    string
	DigestOpenLine, DigestStandingLine, DigestTugLine, DigestExemptLine, DigestEndingLine                                          string
	DigestOutposts, DigestConnected, DigestHybrid                                                                                  string
	StageDetected, StageWaiting, StageUpdating, StageStuck, StageHeld                                                              string
	DigestByRule, DigestBySeverity, DigestMore, DigestUnreadable, DigestCount, DigestNothing                                       string
	DigestFailed, DigestBlocked, DigestPartly, DigestAlert                                                                         string
	DigestDo, DigestDoAnd, DigestDoEnd, DigestDoFailed, DigestDoBlocked, DigestDoPartly, DigestDoAlert, DigestDoStuck, DigestDoTug string

	// The end of every mail.
	Signed, SignedPlain string
}

// headline is what a mail says first of a situation: in general, and where nothing is wrong
// but private access, if it is something else.
type headline struct{ Open, Inside string }

// in returns what a language says; of one that is not known, English.
func in(l Language) *phrases {
	if t := languages[l]; t != nil {
		return t
	}
	return &english
}
