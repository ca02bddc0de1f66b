package settings

import (
	"fmt"
	"unicode/utf8"

	"github.com/endpointguard/endpointguard/pkg/mail"
)

// The settings of the mails, of both functions; none must be set.
const (
	Language    = "ENDPOINTGUARD_LANGUAGE"       // of the mails, one of mail.Languages; default en
	AccountName = "ENDPOINTGUARD_ACCOUNT_NAME"   // what people call the account, at most 60 characters; default none
	ChatTopic   = "ENDPOINTGUARD_CHAT_TOPIC_ARN" // the SNS topic of the chat cards, another than the mails'; default none
	// DigestHour, of the function sweep alone, is the hour of the day in UTC from
	// which on the daily digest is sent, by the first sweep then; default none is
	// sent. It needs TopicARN.
	DigestHour = "ENDPOINTGUARD_DIGEST_HOUR"
)

// maxAccountName is how many characters an account's name may have: it stands in
// every mail beside the number.
const maxAccountName = 60

// mails reads what the mails of both functions share.
func (r *reader) mails(topic string) (language mail.Language, accountName, chat string) {
	var languages []string
	for _, l := range mail.Languages() {
		languages = append(languages, string(l))
	}
	language = mail.Language(r.oneOf(Language, string(mail.English), languages...))
	accountName = r.getenv(AccountName)
	if utf8.RuneCountInString(accountName) > maxAccountName || !utf8.ValidString(accountName) {
		r.wrong(AccountName, accountName, fmt.Sprintf("at most %d characters of UTF-8", maxAccountName))
	}
	if r.getenv(ChatTopic) != "" {
		chat = r.matching(ChatTopic, topicPattern, "the ARN of an SNS topic, or not set")
		if chat != "" && chat == topic {
			r.wrong(ChatTopic, chat, "another topic than "+TopicARN+": a card is nothing to read in a mail")
		}
	}
	return language, accountName, chat
}
