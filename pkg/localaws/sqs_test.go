package localaws_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

func queues(t *testing.T) (*localaws.AWS, *sqs.Client, *string) {
	t.Helper()
	a := localaws.New(localaws.Options{})
	_, err := a.CreateQueue("dead", localaws.QueueOptions{})
	must(t, err)
	url, err := a.CreateQueue("work", localaws.QueueOptions{VisibilityTimeout: time.Minute, DeadLetters: "dead", MaxReceives: 3})
	must(t, err)
	return a, sqs.NewFromConfig(once(a)), &url
}

func receive(t *testing.T, c *sqs.Client, in sqs.ReceiveMessageInput) []types.Message {
	t.Helper()
	out, err := c.ReceiveMessage(ctx(t), &in)
	must(t, err)
	return out.Messages
}

func TestMessageIsDeliveredAfterItsDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c, url := queues(t)
		began := time.Now()
		_, err := c.SendMessage(ctx(t), &sqs.SendMessageInput{
			QueueUrl: url, MessageBody: aws.String("look at c"), DelaySeconds: 900,
			MessageAttributes: map[string]types.MessageAttributeValue{"why": {DataType: aws.String("String"), StringValue: aws.String("recheck")}},
		})
		must(t, err)
		at, ok := a.Next("work")
		if !ok || !at.Equal(began.Add(15*time.Minute)) {
			t.Errorf("next at %v, %t", at, ok)
		}
		if got := receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20}); len(got) != 0 || time.Since(began) != 20*time.Second {
			t.Errorf("a long poll gave %v after %v", got, time.Since(began))
		}
		sleep(14*time.Minute + 30*time.Second)
		got := receive(t, c, sqs.ReceiveMessageInput{
			QueueUrl: url, WaitTimeSeconds: 20, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if len(got) != 1 || time.Since(began) != 15*time.Minute {
			t.Fatalf("%d messages after %v", len(got), time.Since(began))
		}
		m := got[0]
		if *m.Body != "look at c" || *m.MessageAttributes["why"].StringValue != "recheck" ||
			m.Attributes["ApproximateReceiveCount"] != "1" || m.Attributes["SentTimestamp"] == "" {
			t.Errorf("got %+v", m)
		}
	})
}

func TestLongPollEndsWithTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c, url := queues(t)
		began := time.Now()
		go func() {
			sleep(7 * time.Second)
			if err := a.Send("work", "x", 0); err != nil {
				t.Error(err)
			}
		}()
		if got := receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20}); len(got) != 1 || time.Since(began) != 7*time.Second {
			t.Errorf("%d messages after %v", len(got), time.Since(began))
		}
	})
}

func TestCloseEndsLongPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c, url := queues(t)
		began := time.Now()
		go func() {
			sleep(time.Second)
			a.Close()
		}()
		receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		if time.Since(began) != time.Second {
			t.Errorf("the poll ended after %v", time.Since(began))
		}
	})
}

func TestVisibilityAndDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c, url := queues(t)
		must(t, a.Send("work", "poison", 0))
		for i := range 3 {
			if got := receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url}); len(got) != 1 {
				t.Fatalf("receive %d: %d messages", i, len(got))
			}
			if got := receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url}); len(got) != 0 {
				t.Error("a message in flight is received again")
			}
			sleep(time.Minute)
		}
		if got := receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url}); len(got) != 0 {
			t.Error("a dead letter is received again")
		}
		if got := a.Messages("dead"); len(got) != 1 || got[0].Body != "poison" {
			t.Errorf("dead letters: %v", got)
		}
	})
}

func TestReceiptHandles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c, url := queues(t)
		must(t, a.Send("work", "x", 0))
		old := receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url})[0].ReceiptHandle
		sleep(time.Minute)
		fresh := receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url})[0].ReceiptHandle
		_, err := c.DeleteMessage(ctx(t), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: old})
		must(t, err)
		if len(a.Messages("work")) != 1 {
			t.Error("an old handle deleted the message")
		}
		_, err = c.ChangeMessageVisibility(ctx(t), &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: fresh, VisibilityTimeout: 0})
		must(t, err)
		fresh = receive(t, c, sqs.ReceiveMessageInput{QueueUrl: url})[0].ReceiptHandle
		out, err := c.DeleteMessageBatch(ctx(t), &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("a"), ReceiptHandle: fresh}, {Id: aws.String("b"), ReceiptHandle: aws.String("junk")},
		}})
		must(t, err)
		if len(out.Successful) != 1 || len(out.Failed) != 1 || *out.Failed[0].Code != "ReceiptHandleIsInvalid" || len(a.Messages("work")) != 0 {
			t.Errorf("%+v %+v, left %v", out.Successful, out.Failed, a.Messages("work"))
		}
		_, err = c.ChangeMessageVisibility(ctx(t), &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: fresh, VisibilityTimeout: 5})
		wantError(t, err, "MessageNotInflight", "")
	})
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := queues(t)
		must(t, a.Send("work", "x", 0))
		sleep(4 * 24 * time.Hour)
		if got := a.Messages("work"); len(got) != 0 {
			t.Errorf("kept for four days: %v", got)
		}
	})
}

func TestSendRefusals(t *testing.T) {
	a, c, url := queues(t)
	for _, tc := range []struct {
		name string
		in   sqs.SendMessageInput
		code string
	}{
		{"delay", sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("x"), DelaySeconds: 901}, "InvalidParameterValue"},
		{"empty", sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String("")}, "MissingParameter"},
		{"large", sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(strings.Repeat("x", 1<<20+1))}, "InvalidParameterValue"},
		{"no queue", sqs.SendMessageInput{QueueUrl: aws.String(*url + "-x"), MessageBody: aws.String("x")}, "AWS.SimpleQueueService.NonExistentQueue"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.SendMessage(ctx(t), &tc.in)
			wantError(t, err, tc.code, "")
		})
	}
	if got := a.Messages("work"); len(got) != 0 {
		t.Errorf("refused messages are there: %v", got)
	}
}

func TestSendBatch(t *testing.T) {
	a, c, url := queues(t)
	entry := func(id string, delay int32) types.SendMessageBatchRequestEntry {
		return types.SendMessageBatchRequestEntry{Id: &id, MessageBody: aws.String("body " + id), DelaySeconds: delay}
	}
	out, err := c.SendMessageBatch(ctx(t), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{entry("a", 0), entry("b", 901), entry("c", 60)}})
	must(t, err)
	if len(out.Successful) != 2 || len(out.Failed) != 1 || *out.Failed[0].Id != "b" {
		t.Errorf("%+v %+v", out.Successful, out.Failed)
	}
	var bodies []string
	for _, m := range a.Messages("work") {
		bodies = append(bodies, m.Body)
	}
	if d := cmp.Diff([]string{"body a", "body c"}, bodies); d != "" {
		t.Error(d)
	}
	got, err := c.GetQueueAttributes(ctx(t), &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{"All"}})
	must(t, err)
	for name, want := range map[string]string{
		"ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesDelayed": "1", "VisibilityTimeout": "60",
		"RedrivePolicy": `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:111122223333:dead","maxReceiveCount":3}`,
	} {
		if got.Attributes[name] != want {
			t.Errorf("%s is %s, want %s", name, got.Attributes[name], want)
		}
	}
	for name, entries := range map[string][]types.SendMessageBatchRequestEntry{
		"TooManyEntriesInBatchRequest": slices.Repeat([]types.SendMessageBatchRequestEntry{entry("x", 0)}, 11),
		"BatchEntryIdsNotDistinct":     {entry("x", 0), entry("x", 0)},
		"EmptyBatchRequest":            {},
	} {
		_, err := c.SendMessageBatch(ctx(t), &sqs.SendMessageBatchInput{QueueUrl: url, Entries: entries})
		wantError(t, err, "AWS.SimpleQueueService."+name, "")
	}
	u, err := c.GetQueueUrl(ctx(t), &sqs.GetQueueUrlInput{QueueName: aws.String("work")})
	must(t, err)
	if *u.QueueUrl != *url {
		t.Errorf("URL %s, want %s", *u.QueueUrl, *url)
	}
}

func TestDelaysCanBeScaled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := localaws.New(localaws.Options{DelayScale: 0.1})
		url, err := a.CreateQueue("work", localaws.QueueOptions{})
		must(t, err)
		_, err = sqs.NewFromConfig(once(a)).SendMessage(ctx(t), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("x"), DelaySeconds: 900})
		must(t, err)
		if at, _ := a.Next("work"); time.Until(at) != 90*time.Second {
			t.Errorf("delayed by %v", time.Until(at))
		}
		a.Purge("work")
		if _, ok := a.Next("work"); ok {
			t.Error("a purged queue has a next message")
		}
	})
}
