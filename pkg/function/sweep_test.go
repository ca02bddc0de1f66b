package function_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/google/go-cmp/cmp"

	"github.com/endpointguard/endpointguard/pkg/endpoint"
	"github.com/endpointguard/endpointguard/pkg/function"
	"github.com/endpointguard/endpointguard/pkg/incident"
	"github.com/endpointguard/endpointguard/pkg/ledger"
	"github.com/endpointguard/endpointguard/pkg/localaws"
	"github.com/endpointguard/endpointguard/pkg/settings"
	"github.com/endpointguard/endpointguard/pkg/wakeup"
)

// sweeper is the function sweep of an account with three clusters, its AWS and
// its log.
func sweeper(t *testing.T) (*function.Sweeper, *localaws.AWS, *bytes.Buffer) {
	t.Helper()
	a := localaws.New(localaws.Options{Seed: 2})
	url, err := a.CreateQueue("sweep", localaws.QueueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CreateTable("ledger", ledger.PartitionKey, ledger.SortKey); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		a.PutCluster(localaws.Cluster{Name: fmt.Sprintf("cluster-%d", i)})
	}
	var log bytes.Buffer
	s, err := function.NewSweeper(settings.Sweep{
		Account: a.Account(), Region: a.Region(), QueueURL: url, Table: "ledger", LogLevel: "info", Mode: "alert", PolicyHash: "0123456789ab",
	}, a.Config("SWEEP"), &log)
	if err != nil {
		t.Fatal(err)
	}
	return s, a, &log
}

func swept(t *testing.T, a *localaws.AWS) []string {
	t.Helper()
	var names []string
	for _, m := range a.Messages("sweep") {
		w, ok, err := wakeup.Decode([]byte(m.Body))
		if !ok || err != nil {
			t.Fatalf("%s is no wake-up: %v", m.Body, err)
		}
		names = append(names, w.Cluster)
	}
	slices.Sort(names)
	return names
}

// TestSweeper: whatever event starts it, it wakes every cluster, and says so in
// one line.
func TestSweeper(t *testing.T) {
	for name, payload := range map[string]string{
		"the schedule":   `{"version":"0","detail-type":"Scheduled Event","source":"aws.events","detail":{}}`,
		"a deployment":   `{"source":"aws.cloudformation","detail-type":"CloudFormation Stack Status Change","detail":{"status-details":{"status":"UPDATE_COMPLETE"}}}`,
		"nothing at all": `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, a, log := sweeper(t)
			answer, err := s.Invoke(t.Context(), []byte(payload))
			if err != nil || string(answer) != `{"pages":1,"clusters":3,"woken":3,"unlisted":0}` {
				t.Errorf("%s, %v", answer, err)
			}
			if diff := cmp.Diff([]string{"cluster-0", "cluster-1", "cluster-2"}, swept(t, a)); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
			var line struct {
				Level, Msg      string
				Clusters, Woken int
				OverSeconds     float64
			}
			if err := json.Unmarshal(lineOf(log, "sweep"), &line); err != nil || line.Level != "INFO" || line.Clusters != 3 || line.Woken != 3 || line.OverSeconds != 2 {
				t.Errorf("log: %s (%v)", log, err)
			}
		})
	}
}

// lineOf is the last line of a log with the message.
func lineOf(log *bytes.Buffer, message string) []byte {
	var last []byte
	for line := range bytes.Lines(log.Bytes()) {
		if bytes.Contains(line, []byte(`"msg":"`+message+`"`)) {
			last = line
		}
	}
	return last
}

// A sweep that listed and woke all says how the guardrail is, and counts; who is not
// judged after two of them is named. One that did not is silent, which is an alarm.
func TestTheHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, log := sweeper(t)
		l := ledger.New(dynamodb.NewFromConfig(a.Config("TEST")), "ledger")
		r := incident.NewRecord(endpoint.Cluster{ID: endpoint.ID{ARN: endpoint.ARN("aws", a.Region(), a.Account(), "cluster-1"), CreatedAt: time.Now()}, Name: "cluster-1"})
		r.Standing, r.Owed, r.Trouble = &incident.Standing{Ref: "EG-1"}, []incident.Debt{{}}, 2
		var lines []string
		sweep := func() {
			log.Reset()
			_, err := s.Invoke(t.Context(), []byte(`{}`))
			beat := string(lineOf(log, "heartbeat"))
			_, beat, _ = strings.Cut(beat, `"msg":"heartbeat",`)
			metrics := strings.Count(log.String(), `"Heartbeat":1`)
			unseen := strings.Count(log.String(), `"ClustersUnseen":2`)
			lines = append(lines, fmt.Sprintf("%s %d %d %t", strings.TrimSpace(beat), metrics, unseen, err != nil))
		}
		sweep()
		for range 3 {
			time.Sleep(10 * time.Second)
			r.JudgedAt = time.Now()
			version, err := l.Save(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			r.Version = version
			time.Sleep(time.Hour)
			sweep()
		}
		a.Inject(localaws.Fault{Operation: "ListClusters", Times: -1, Status: http.StatusForbidden, Type: "AccessDeniedException"})
		sweep()
		a.ClearFaults()
		a.Inject(localaws.Fault{Service: "dynamodb", Times: -1, Status: http.StatusBadRequest, Type: "AccessDeniedException"})
		sweep()
		const deployment, stands = `"version":"` + function.Version + `","policy":"0123456789ab","mode":"alert","listed":3,`, `"inTrouble":1,"standing":1,"open":0,"mailsOwed":1,`
		want := []string{
			"{" + deployment + `"judged":0,"inTrouble":0,"standing":0,"open":0,"mailsOwed":0,"unseen":0} 1 0 false`,
			"{" + deployment + `"judged":1,` + stands + `"unseen":0} 1 0 false`,
			"{" + deployment + `"judged":1,` + stands + `"unseen":2,"unseenClusters":["cluster-0","cluster-2"]} 1 1 false`,
			"{" + deployment + `"judged":1,` + stands + `"unseen":2,"unseenClusters":["cluster-0","cluster-2"]} 1 1 false`,
			` 0 0 true`,
			` 0 0 true`,
		}
		for i := range lines {
			if strings.HasPrefix(lines[i], `"`) {
				lines[i] = "{" + lines[i]
			}
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("the heartbeats differ (-want +got):\n%s", diff)
		}
	})
}

// TestSweeperLooksForTheDeleted: with the clusters that EKS lists it wakes those
// that the ledger's records wait for.
func TestSweeperLooksForTheDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, log := sweeper(t)
		l := ledger.New(dynamodb.NewFromConfig(a.Config("TEST")), "ledger")
		for name, goneAt := range map[string]time.Time{"cluster-1": {}, "deleted": {}, "seen-gone": time.Now()} {
			id := endpoint.ID{ARN: endpoint.ARN("aws", a.Region(), a.Account(), name), CreatedAt: time.Now()}
			r := incident.NewRecord(endpoint.Cluster{ID: id, Name: name})
			r.GoneAt = goneAt
			if _, err := l.Save(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := s.Invoke(t.Context(), []byte(`{}`))
		if err != nil || string(answer) != `{"pages":1,"clusters":4,"woken":4,"unlisted":1}` || !strings.Contains(log.String(), `"unlisted":1`) {
			t.Errorf("%s, %v; log: %s", answer, err, log)
		}
		if diff := cmp.Diff([]string{"cluster-0", "cluster-1", "cluster-2", "deleted"}, swept(t, a)); diff != "" {
			t.Errorf("woken (-want +got):\n%s", diff)
		}

		a.Inject(localaws.Fault{Service: "dynamodb", Times: -1, Status: http.StatusBadRequest, Type: "AccessDeniedException"})
		answer, err = s.Invoke(t.Context(), []byte(`{}`))
		const told = "deleted clusters are not looked for: dynamodb:Scan ledger"
		if err == nil || !strings.Contains(log.String(), told) || !strings.Contains(string(answer), `"woken":3`) {
			t.Errorf("with the ledger out of reach: %s, %v; log: %s", answer, err, log)
		}
	})
}

// TestSweeperWakesSome: dead letters are put back so.
func TestSweeperWakesSome(t *testing.T) {
	s, a, _ := sweeper(t)
	if _, err := s.Invoke(t.Context(), []byte(`{"clusters":["cluster-1"]}`)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cluster-1"}, swept(t, a)); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	if _, err := s.Invoke(t.Context(), []byte(`[`)); err == nil {
		t.Error("a broken payload is taken")
	}
}

// TestSweeperFails: a sweep that is not whole fails, so that Lambda tries it
// again and its alarm is told; the log says what is missing.
func TestSweeperFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a, log := sweeper(t)
		hits := a.Inject(localaws.Fault{Service: "eks", Times: -1, Status: http.StatusTooManyRequests, Type: "ThrottlingException"})
		_, err := s.Invoke(t.Context(), []byte(`{}`))
		if err == nil || !strings.Contains(log.String(), `"level":"ERROR"`) || !strings.Contains(log.String(), "page 1 and what follows is not swept") {
			t.Errorf("error %v, log %s", err, log)
		}
		if hits() != 8 {
			t.Errorf("EKS was asked %d times", hits())
		}
	})
}
