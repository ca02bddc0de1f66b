package main

import (
	"errors"
	"fmt"
	"maps"
	netmail "net/mail"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/mail"
	"github.com/endpointguard/endpointguard/pkg/policy"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// The settings of a deployment: keys of the context in cdk.json, or of -c.
const (
	keyMode          = "mode"
	keyAlertEmails   = "alertEmails"
	keyName          = "name"
	keyRegions       = "regions"
	keyPolicyFile    = "policyFile"
	keySweepSchedule = "sweepSchedule"
	keyLogRetention  = "logRetentionDays"
	keyTopicARN      = "topicArn"
	keyKMSKey        = "kmsKey"
	keyCreateTrail   = "createTrail"
	keyDashboard     = "dashboard"
	keyBrake         = "brake"
	keyTugPerHour    = "tugPerHour"
	keyTugDays       = "tugDays"
	keyLanguage      = "language"
	keyAccountName   = "accountName"
	keyDigestHour    = "digestHour"
	keyChatTopicARN  = "chatTopicArn"
	keyTopicKey      = "topicKey"
	keyChatTopicKey  = "chatTopicKey"
	keyRetain        = "retain"
	keyDenyOthers    = "denyOtherUpdates"
)

var keys = []string{
	keyMode, keyAlertEmails, keyName, keyRegions, keyPolicyFile, keySweepSchedule, keyLogRetention, keyTopicARN,
	keyKMSKey, keyCreateTrail, keyDashboard, keyBrake, keyTugPerHour, keyTugDays,
	keyLanguage, keyAccountName, keyDigestHour, keyChatTopicARN,
	keyTopicKey, keyChatTopicKey, keyRetain, keyDenyOthers,
}

// off is the value of digestHour that leaves the digest out.
const off = "off"

// createKey is the value of kmsKey that has the stack make a key of its own.
const createKey = "create"

// Deployment is what is deployed: the settings, checked.
type Deployment struct {
	Mode        string
	AlertEmails []string
	Name        string
	Regions     []string
	PolicyFile  string
	// SweepEvery is the schedule as EventBridge takes it, SweepInterval the
	// time from one sweep to the next.
	SweepEvery    string
	SweepInterval time.Duration
	LogRetention  int // days
	// TopicARNs are the topics elsewhere that the mails go to, by region.
	TopicARNs map[string]string
	// TopicKeys and ChatTopicKeys are the keys that encrypt those topics, by region.
	TopicKeys, ChatTopicKeys map[string]string
	// CreateKey says that each stack makes a customer key, KeyARNs name one
	// by region. Without either AWS's own keys encrypt.
	CreateKey   bool
	KeyARNs     map[string]string
	CreateTrail bool
	Dashboard   bool
	// Retain keeps the ledger and the logs when the stack goes, and the stack and
	// the table from going by mistake.
	Retain bool
	// DenyOtherUpdates has the role refuse, with mode enforce, updates of clusters
	// other than of their endpoint access.
	DenyOtherUpdates bool
	// Brake, TugPerHour and TugDays are settings of the function (package
	// settings).
	Brake      int
	TugPerHour int
	TugDays    int
	// Language, AccountName and ChatTopicARNs, by region, are about the mails;
	// DigestHour is when the daily digest is sent, -1 for none.
	Language      mail.Language
	AccountName   string
	DigestHour    int
	ChatTopicARNs map[string]string
	// Warnings are what may be a mistake, one line each.
	Warnings []string
}

var (
	namePattern     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,28}[a-z0-9]$`)
	regionPattern   = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	topicPattern    = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):[0-9]{12}:[A-Za-z0-9_-]+$`)
	keyPattern      = regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]+):[0-9]{12}:key/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$`)
	schedulePattern = regexp.MustCompile(`^rate\(([0-9]{1,4}) (minute|hour)(s?)\)$`)
)

// retentions are the days that CloudWatch Logs can keep a log group for.
// Source: the CloudWatch Logs API reference, PutRetentionPolicy.
var retentions = []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// parseSettings reads the settings of the context. Region is the one of the
// credentials, where no regions are set. The error has one line for each setting
// that is wrong, which names its key and says what it must be.
func parseSettings(context map[string]any, region string) (Deployment, error) {
	r := reader{context: context}
	r.misspelt()
	d := Deployment{
		Mode:         r.oneOf(keyMode, settings.ModeAlert+" (tell, change nothing) or "+settings.ModeEnforce+" (the policy's responses are in force)", settings.ModeAlert, settings.ModeEnforce),
		Name:         r.matching(keyName, "endpointguard", namePattern, "2 to 30 lower-case letters, digits and hyphens"),
		PolicyFile:   r.text(keyPolicyFile, "policy.yaml"),
		SweepEvery:   r.text(keySweepSchedule, "rate(1 hour)"),
		LogRetention: r.retention(),
		CreateTrail:  r.yesNo(keyCreateTrail),
		Dashboard:    r.yesNo(keyDashboard),
		Brake:        r.upTo(keyBrake, settings.DefaultBrake, settings.MaxBrake),
		TugPerHour:   r.upTo(keyTugPerHour, settings.DefaultTugPerHour, 1000),
		TugDays:      r.upTo(keyTugDays, settings.DefaultTugDays, 7),
		Language:     r.language(),
		AccountName:  r.text(keyAccountName, ""),
		DigestHour:   -1,
	}
	if utf8.RuneCountInString(d.AccountName) > maxAccountName || !utf8.ValidString(d.AccountName) {
		r.wrong(keyAccountName, d.AccountName, fmt.Sprintf("what people call the account, at most %d characters", maxAccountName))
	}
	if r.context[keyDigestHour] != off {
		hour, ok := r.number(keyDigestHour, 7)
		if d.DigestHour = hour; !ok || hour < 0 || hour > 23 {
			r.wrong(keyDigestHour, r.context[keyDigestHour], "the hour of the day in UTC, 0 to 23, or "+off)
		}
	}
	d.DenyOtherUpdates = r.flag(keyDenyOthers, true)
	d.Retain = r.flag(keyRetain, d.Mode == settings.ModeEnforce)
	d.AlertEmails = r.emails()
	d.Regions = r.regions(region)
	d.Warnings = unknownRegions(d.Regions)
	d.SweepInterval = r.interval(d.SweepEvery)
	d.TopicARNs = r.perRegion(keyTopicARN, topicPattern, "the ARN of an SNS topic", d.Regions)
	d.ChatTopicARNs = r.perRegion(keyChatTopicARN, topicPattern, "the ARN of an SNS topic", d.Regions)
	for region, arn := range d.ChatTopicARNs {
		if arn == d.TopicARNs[region] {
			r.wrong(keyChatTopicARN, arn, "another topic than "+keyTopicARN+": a chat card is nothing to read in a mail")
		}
	}
	const aKey = "the ARN of the KMS key that encrypts the topic (arn:…:key/…, no alias)"
	d.TopicKeys = r.perRegion(keyTopicKey, keyPattern, aKey, d.Regions)
	d.ChatTopicKeys = r.perRegion(keyChatTopicKey, keyPattern, aKey, d.Regions)
	for _, pair := range []struct {
		key, topic string
		keys, of   map[string]string
	}{{keyTopicKey, keyTopicARN, d.TopicKeys, d.TopicARNs}, {keyChatTopicKey, keyChatTopicARN, d.ChatTopicKeys, d.ChatTopicARNs}} {
		if len(pair.keys) > 0 && len(pair.of) == 0 {
			r.wrong(pair.key, r.context[pair.key], "there only with "+pair.topic+": the stack's own topic has the key of "+keyKMSKey)
		}
	}
	if r.text(keyKMSKey, "") == createKey {
		d.CreateKey = true
	} else {
		d.KeyARNs = r.perRegion(keyKMSKey, keyPattern, `"create" or the ARN of a KMS key (arn:…:key/…, no alias)`, d.Regions)
	}
	return d, errors.Join(r.problems...)
}

// maxAccountName is how many characters the functions take. Source: package
// settings.
const maxAccountName = 60

type reader struct {
	context  map[string]any
	problems []error
}

// wrong notes a problem. It is one line: a value may hold anything.
func (r *reader) wrong(key string, value any, want string) {
	is := "is missing"
	switch v := value.(type) {
	case nil:
	case string:
		if v != "" {
			is = fmt.Sprintf("is %.100q", v)
		}
	case []any:
		if len(v) > 0 {
			is = fmt.Sprintf("is %.100q", fmt.Sprint(v))
		}
	default:
		is = fmt.Sprintf("is %.100q", fmt.Sprint(v))
	}
	r.problems = append(r.problems, fmt.Errorf("setting %s %s: it must be %s (cdk.json, context, or -c %s=…)", key, is, want, key))
}

// misspelt notes keys that are nearly ours. Others may be the CDK's own.
func (r *reader) misspelt() {
	for _, have := range slices.Sorted(maps.Keys(r.context)) {
		if slices.Contains(keys, have) || strings.ContainsAny(have, ":@/") {
			continue
		}
		for _, key := range keys {
			if plain(have) == plain(key) || strings.HasPrefix(plain(key), plain(have)) && len(have) >= 4 || strings.HasPrefix(plain(have), plain(key)) {
				r.problems = append(r.problems, fmt.Errorf("setting %s is not known: write %s (cdk.json, context, or -c)", have, key))
				break
			}
		}
	}
}

// plain is a key without what is easily confused.
func plain(key string) string {
	key = strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(key))
	return strings.TrimSuffix(key, "s")
}

func (r *reader) text(key, fallback string) string {
	switch v := r.context[key].(type) {
	case nil:
		return fallback
	case string:
		if v == "" {
			return fallback
		}
		return v
	default:
		if _, list := v.([]any); !list {
			r.wrong(key, v, "text")
		}
		return fallback
	}
}

func (r *reader) oneOf(key, want string, words ...string) string {
	if value, ok := r.context[key].(string); ok && slices.Contains(words, value) {
		return value
	}
	r.wrong(key, r.context[key], want)
	return ""
}

func (r *reader) matching(key, fallback string, pattern *regexp.Regexp, want string) string {
	value := r.text(key, fallback)
	if !pattern.MatchString(value) {
		r.wrong(key, value, want)
	}
	return value
}

// list reads a list of texts, as JSON or, from -c, with commas.
func (r *reader) list(key string) ([]string, bool) {
	switch v := r.context[key].(type) {
	case nil:
		return nil, true
	case string:
		var out []string
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				out = append(out, word)
			}
		}
		return out, true
	case []any:
		out := make([]string, len(v))
		for i := range v {
			var ok bool
			if out[i], ok = v[i].(string); !ok {
				return nil, false
			}
		}
		return out, true
	default:
		return nil, false
	}
}

func (r *reader) emails() []string {
	const want = "a list of the e-mail addresses that are told, at least one"
	list, ok := r.list(keyAlertEmails)
	if !ok || len(list) == 0 {
		r.wrong(keyAlertEmails, r.context[keyAlertEmails], want)
		return nil
	}
	for i, address := range list {
		parsed, err := netmail.ParseAddress(address)
		if err != nil || parsed.Address != address || !strings.Contains(address[strings.LastIndex(address, "@"):], ".") {
			r.wrong(keyAlertEmails, address, want)
		}
		if slices.Contains(list[:i], address) {
			r.wrong(keyAlertEmails, address, "there only once")
		}
	}
	return list
}

func (r *reader) regions(fallback string) []string {
	const want = "a list of AWS regions, such as eu-west-1"
	list, ok := r.list(keyRegions)
	if !ok {
		r.wrong(keyRegions, r.context[keyRegions], want)
		return nil
	}
	if len(list) == 0 {
		if fallback == "" {
			r.wrong(keyRegions, nil, want+"; without it the region of your AWS profile is taken, and that has none either")
			return nil
		}
		list = []string{fallback}
	}
	for i, region := range list {
		if !regionPattern.MatchString(region) {
			r.wrong(keyRegions, region, want)
		}
		if slices.Contains(list[:i], region) {
			r.wrong(keyRegions, region, "there only once")
		}
	}
	return list
}

// unknownRegions warns of regions that this version doesn't know: each is a slip
// or a new one.
func unknownRegions(regions []string) []string {
	var out []string
	for _, region := range regions {
		if endpoint.KnownRegion(region) || !regionPattern.MatchString(region) {
			continue
		}
		line := fmt.Sprintf("setting %s: no AWS region is called %q, as far as this version knows", keyRegions, region)
		if near := policy.NearestRegion(region); near != "" {
			line += fmt.Sprintf(" (did you mean %s?)", near)
		}
		out = append(out, line)
	}
	return out
}

// The shortest and the longest time from one sweep to the next. A sweep may take
// 15 minutes to wake everyone; the alarm of a missing one looks back a week at
// most.
const (
	minInterval = 15 * time.Minute
	maxInterval = 24 * time.Hour
)

func (r *reader) interval(schedule string) time.Duration {
	const want = "an EventBridge rate from rate(15 minutes) to rate(24 hours), such as rate(1 hour)"
	m := schedulePattern.FindStringSubmatch(schedule)
	if m == nil {
		r.wrong(keySweepSchedule, schedule, want)
		return 0
	}
	n, _ := strconv.Atoi(m[1]) // Four digits at most.
	unit := time.Minute
	if m[2] == "hour" {
		unit = time.Hour
	}
	interval := time.Duration(n) * unit
	// EventBridge wants the singular for 1 and the plural for all else.
	if interval < minInterval || interval > maxInterval || (n == 1) == (m[3] == "s") {
		r.wrong(keySweepSchedule, schedule, want)
	}
	return interval
}

func (r *reader) language() mail.Language {
	language := mail.Language(r.text(keyLanguage, string(mail.English)))
	if known := mail.Languages(); !slices.Contains(known, language) {
		var names []string
		for _, l := range known {
			names = append(names, string(l))
		}
		r.wrong(keyLanguage, string(language), strings.Join(names, " or "))
	}
	return language
}

func (r *reader) retention() int {
	days, ok := r.number(keyLogRetention, 90)
	if !ok || !slices.Contains(retentions, days) {
		r.wrong(keyLogRetention, r.context[keyLogRetention], "a number of days that CloudWatch Logs knows: "+strings.Trim(fmt.Sprint(retentions), "[]"))
	}
	return days
}

func (r *reader) upTo(key string, fallback, most int) int {
	n, ok := r.number(key, fallback)
	if !ok || n < 0 || n > most {
		r.wrong(key, r.context[key], fmt.Sprintf("a number from 0 to %d", most))
	}
	return n
}

// number reads a whole number, as JSON or as a text.
func (r *reader) number(key string, fallback int) (int, bool) {
	switch v := r.context[key].(type) {
	case nil:
		return fallback, true
	case float64:
		return int(v), float64(int(v)) == v
	case string:
		if v == "" {
			return fallback, true
		}
		n, err := strconv.Atoi(v)
		return n, err == nil
	default:
		return 0, false
	}
}

func (r *reader) yesNo(key string) bool { return r.flag(key, false) }

func (r *reader) flag(key string, fallback bool) bool {
	switch v := r.context[key]; v {
	case nil, "":
		return fallback
	case false, "false":
		return false
	case true, "true":
		return true
	default:
		r.wrong(key, v, "true or false")
		return false
	}
}

// perRegion reads ARNs, one for each region that is deployed to: both SNS and
// KMS serve only what lies in the region of the call.
func (r *reader) perRegion(key string, pattern *regexp.Regexp, want string, regions []string) map[string]string {
	list, ok := r.list(key)
	if !ok {
		r.wrong(key, r.context[key], want)
		return nil
	}
	if len(list) == 0 {
		return nil
	}
	arns := map[string]string{}
	for _, arn := range list {
		m := pattern.FindStringSubmatch(arn)
		if m == nil {
			r.wrong(key, arn, want)
			return nil
		}
		arns[m[1]] = arn
	}
	for _, region := range regions {
		if arns[region] == "" {
			r.wrong(key, strings.Join(list, ", "), "in the region that is deployed to, or a list with one for each; there is none for "+region)
		}
	}
	return arns
}

// path is where a setting's file is, seen from the folder of cdk.json.
func path(root, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(root, file)
}
