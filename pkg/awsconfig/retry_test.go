package awsconfig

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/smithy-go/middleware"

	"github.com/endpointguard/endpointguard/pkg/awstrouble"
	"github.com/endpointguard/endpointguard/pkg/trouble"
)

// wire answers calls as a function says.
type wire func(*http.Request) (*http.Response, error)

func (w wire) Do(r *http.Request) (*http.Response, error) { return w(r) }

// TestNoAnswer holds how long a call lasts that nobody answers, and that people
// are told early and once.
func TestNoAnswer(t *testing.T) {
	address := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	late := &net.OpError{Op: "dial", Net: "tcp", Addr: address, Err: os.ErrDeadlineExceeded}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: address, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	const waiting = "still waiting for an answer from eks.eu-west-1.amazonaws.com"
	for _, test := range []struct {
		name  string
		wait  time.Duration
		err   error
		calls int
		told  string
		after time.Duration
		what  string
	}{
		{"swallowed", dialTime, late, maxUnanswered, waiting, noticeAfter, "eks:ListClusters: no connection to 192.0.2.1:443"},
		{"mute", callTime, os.ErrDeadlineExceeded, maxUnanswered, waiting, noticeAfter, "eks:ListClusters: no answer in time"},
		{"refused", time.Millisecond, refused, 1, "", 0, "eks:ListClusters: nobody listens at 192.0.2.1:443"},
		{"unknown", time.Second, &net.DNSError{Name: "eks.nowhere.amazonaws.com", IsNotFound: true}, 1, "", 0, "eks:ListClusters: there is no host eks.nowhere.amazonaws.com"},
		{"offline", time.Second, &net.DNSError{Name: "eks.eu-west-1.amazonaws.com", Err: "server misbehaving", IsTemporary: true}, maxUnanswered, "", 0, "eks:ListClusters: the name eks.eu-west-1.amazonaws.com cannot be looked up: server misbehaving"},
		{"broken", time.Second, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, maxAttempts, "EKS in eu-west-1 has not answered the same call well for 15s (", retriedFor, "eks:ListClusters: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls, began := 0, time.Now()
				var told []string
				n := &notice{tell: func(text string) {
					told = append(told, text)
					if waited := time.Since(began); waited != test.after {
						t.Errorf("told after %s, want %s", waited, test.after)
					}
				}}
				client := eks.NewFromConfig(aws.Config{
					Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIDPEOPLE", "secret", ""), Retryer: Retryer,
					APIOptions: []func(*middleware.Stack) error{n.watch},
					HTTPClient: wire(func(*http.Request) (*http.Response, error) {
						calls++
						time.Sleep(test.wait)
						return nil, test.err
					}),
				})
				_, err := client.ListClusters(t.Context(), &eks.ListClustersInput{})
				if calls != test.calls {
					t.Errorf("%d calls, want %d", calls, test.calls)
				}
				if got := strings.Join(told, "\n"); len(told) > 1 || !strings.HasPrefix(got, test.told) || test.told == "" && got != "" {
					t.Errorf("told %q", told)
				}
				what, hint := Plainly(awstrouble.Sort("eks:ListClusters", err, ""))
				if !strings.HasPrefix(what, test.what) || strings.Contains(what, "RequestID") || !strings.HasPrefix(hint, "look at ") {
					t.Errorf("%q, hint %q; want %q", what, hint, test.what)
				}
			})
		})
	}
}

// TestUnreadableAnswer holds that what is no answer of AWS's is told in words, by
// the notice and in the end.
func TestUnreadableAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		n := &notice{tell: func(text string) { told = append(told, text) }}
		client := eks.NewFromConfig(aws.Config{
			Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIDPEOPLE", "secret", ""), Retryer: Retryer,
			APIOptions: []func(*middleware.Stack) error{n.watch},
			HTTPClient: wire(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("<html>")), Request: r}, nil
			}),
		})
		_, err := client.ListClusters(t.Context(), &eks.ListClustersInput{})
		const want = "an answer of status 502 that cannot be read"
		if what, _ := Plainly(awstrouble.Sort("eks:ListClusters", err, "")); what != "eks:ListClusters: "+want {
			t.Errorf("%q", what)
		}
		if len(told) != 1 || told[0] != "EKS in eu-west-1 has not answered the same call well for 15s ("+want+"): trying on" {
			t.Errorf("told %q", told)
		}
	})
}

func TestPlainly(t *testing.T) {
	answer := func(op, code, text string) error {
		return &trouble.Error{Sort: trouble.Refused, Op: op, Code: code, Err: errors.New(code + ": " + text)}
	}
	for _, test := range []struct {
		err        error
		what, hint string
	}{
		{answer("dynamodb:Scan ledger", "ExpiredTokenException", "expired"), "dynamodb:Scan ledger: ExpiredTokenException: expired", "sign in again"},
		{answer("eks:ListClusters", "UnrecognizedClientException", "invalid"), "eks:ListClusters: UnrecognizedClientException: invalid", "sign in again"},
		{answer("eks:DescribeCluster demo", "AccessDeniedException", "no"), "eks:DescribeCluster demo: AccessDeniedException: no", "need the right eks:DescribeCluster"},
		{fmt.Errorf("nothing was put back: %w", answer("lambda:InvokeFunction", "TooManyRequestsException", "slow")), "nothing was put back: lambda:InvokeFunction: TooManyRequestsException: slow", ""},
		{
			errors.Join(answer("sqs:ReceiveMessage", "OverLimit", "slow"), fmt.Errorf("remove it: %w", answer("sqs:DeleteMessage", "AccessDenied", "no"))),
			"sqs:ReceiveMessage: OverLimit: slow\nremove it: sqs:DeleteMessage: AccessDenied: no", "need the right sqs:DeleteMessage",
		},
		{errors.New("something else"), "something else", ""},
	} {
		what, hint := Plainly(test.err)
		if what != test.what || test.hint == "" && hint != "" || !strings.Contains(hint, test.hint) {
			t.Errorf("%v: %q, hint %q; want %q, %q", test.err, what, hint, test.what, test.hint)
		}
	}
}
