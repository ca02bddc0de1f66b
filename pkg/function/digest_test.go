package function_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
)

// digesting is a function sweep that sends digests at 7, over a ledger with as
// many standing violations.
func digesting(t *testing.T, standing int) (*function.Sweeper, *localaws.AWS, *bytes.Buffer) {
	t.Helper()
	a := localaws.New(localaws.Options{Seed: 2})
	url, err := a.CreateQueue("sweep", localaws.QueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTable("ledger", ledger.PartitionKey, ledger.SortKey); err != nil {
		t.Fatal(err)
	}
	mails, err := a.CreateTopic("mails")
	if err != nil {
		t.Fatal(err)
	}
	cards, err := a.CreateTopic("cards")
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New(dynamodb.NewFromConfig(a.Config("TEST")), "ledger")
	for n := range standing {
		name := fmt.Sprintf("cluster-%d", n)
		if _, err := l.Save(t.Context(), incident.Record{
			Schema: incident.Schema, Cluster: endpoint.ID{ARN: endpoint.ARN("aws", a.Region(), a.Account(), name), CreatedAt: time.Now()},
			Name: name, Standing: &incident.Standing{Ref: "EG-" + name, Outcome: incident.Violation, Since: time.Now()},
		}); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	s, err := function.NewSweeper(settings.Sweep{
		Account: a.Account(), Region: a.Region(), QueueURL: url, LogLevel: "info",
		DigestHour: 7, Table: "ledger", TopicARN: mails, ChatTopic: cards, Language: "en", AccountName: "shop-prod",
	}, a.Config("SWEEP"), &log)
	if err != nil {
		t.Fatal(err)
	}
	return s, a, &log
}

// TestOneDigestADay: hourly sweeps for three days mail one digest a day, from the
// hour on, with its card on the other topic.
func TestOneDigestADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, log := digesting(t, 2)
		for range 72 {
			if _, err := s.Invoke(t.Context(), []byte("{}")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		mails := a.Mails("mails")
		if len(mails) != 3 || len(a.Mails("cards")) != 3 {
			t.Fatalf("%d mails and %d cards in three days; log: %s", len(mails), len(a.Mails("cards")), log)
		}
		for _, m := range mails {
			if m.At.UTC().Hour() != 7 || !strings.HasPrefix(m.Subject, "Daily digest: 2 not closed") || !strings.Contains(m.Message, "cluster-1") || !strings.Contains(m.Message, "shop-prod") {
				t.Errorf("at %s: %s\n%s", m.At, m.Subject, m.Message)
			}
		}
		if m := a.Mails("cards")[0]; m.Subject != "" || !strings.HasPrefix(m.Message, `{"version":"1.0","source":"custom"`) {
			t.Errorf("the card: %+v", m)
		}
	})
}

// TestNoDigestOfNothing: nothing stands, and nobody is mailed.
func TestNoDigestOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, _ := digesting(t, 0)
		for range 24 {
			if _, err := s.Invoke(t.Context(), []byte("{}")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
		}
		if n := len(a.Mails("mails")); n != 0 {
			t.Errorf("%d mails", n)
		}
	})
}

// TestAFailedDigestComesLater: SNS takes no mail for some hours; then the digest
// of the day comes once. A card that is not taken costs nothing.
func TestAFailedDigestComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, log := digesting(t, 1)
		time.Sleep(7 * time.Hour)
		a.Inject(localaws.Fault{Service: "sns", Operation: "Publish", Status: 403, Type: "AuthorizationError"})
		if _, err := s.Invoke(t.Context(), []byte("{}")); err == nil || len(a.Mails("mails")) != 0 {
			t.Fatalf("error %v, %d mails", err, len(a.Mails("mails")))
		}
		for range 3 {
			time.Sleep(time.Hour)
			if _, err := s.Invoke(t.Context(), []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(a.Mails("mails")); n != 1 {
			t.Errorf("%d mails; log: %s", n, log)
		}
	})
}

// TestWakingSomeSendsNoDigest: it is the schedule's.
func TestWakingSomeSendsNoDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, _ := digesting(t, 1)
		time.Sleep(8 * time.Hour)
		if _, err := s.Invoke(t.Context(), []byte(`{"clusters":["cluster-0"]}`)); err != nil || len(a.Mails("mails")) != 0 {
			t.Errorf("%v, %d mails", err, len(a.Mails("mails")))
		}
	})
}
