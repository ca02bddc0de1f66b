package lambda

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// Answer answers a call to the runtime API of one of the functions; ours is false
// for any other call.
func (s *Service) Answer(r *http.Request) (ans wire.Answer, ours bool, err error) {
	after, ours := strings.CutPrefix(r.URL.Path, runtimePrefix)
	if !ours {
		return wire.Answer{}, false, nil
	}
	name, rest, _ := strings.Cut(after, "/")
	s.account.Lock()
	f := s.functions[name]
	s.account.Unlock()
	if f == nil {
		return wire.Answer{Status: http.StatusNotFound, Body: []byte("there is no function named " + name)}, true, nil
	}
	ans, err = f.answer(r, "/"+rest)
	return ans, true, err
}

// runtimePrefix is where the runtime APIs of functions are mounted: a process
// with AWS_LAMBDA_RUNTIME_API=HOST:PORT/runtimes/NAME is the function NAME.
const runtimePrefix = "/runtimes/"

// apiPrefix starts every path of the runtime API. Source: the Lambda developer
// guide, "Using the Lambda runtime API".
const apiPrefix = "/2018-06-01/runtime/"

// RuntimeAPI returns what AWS_LAMBDA_RUNTIME_API must be where the AWS listens
// at host, e.g. 127.0.0.1:4566.
func (f *Function) RuntimeAPI(host string) string { return host + runtimePrefix + f.name }

// ServeHTTP is the runtime API of this function alone.
func (f *Function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ans, err := f.answer(r, r.URL.Path)
	if err != nil {
		wire.Drop(w)
		return
	}
	ans.Write(w)
}

func (f *Function) answer(r *http.Request, path string) (wire.Answer, error) {
	rest, ok := strings.CutPrefix(path, apiPrefix)
	parts := strings.Split(rest, "/")
	switch {
	case !ok:
	case r.Method == http.MethodGet && rest == "invocation/next":
		return f.nextInvocation(r.Context())
	case r.Method == http.MethodPost && rest == "init/error":
		body, err := wire.ReadBody(r)
		if err != nil {
			return wire.Answer{}, err
		}
		f.service.account.Lock()
		f.initErrors = append(f.initErrors, string(body))
		f.service.account.Unlock()
		return accepted(), nil
	case r.Method == http.MethodPost && len(parts) == 3 && parts[0] == "invocation" && (parts[2] == "response" || parts[2] == "error"):
		return f.finish(r, parts[1], parts[2] == "error")
	}
	return wire.Answer{Status: http.StatusNotFound, Body: []byte("no such route of the runtime API: " + path)}, nil
}

func accepted() wire.Answer {
	return wire.Answer{
		Status: http.StatusAccepted,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   []byte(`{"status":"OK"}`),
	}
}

func (f *Function) nextInvocation(ctx context.Context) (wire.Answer, error) {
	inv, err := f.wait(ctx, f.opts.Gate)
	if err != nil {
		return wire.Answer{}, err
	}
	return wire.Answer{
		Status: http.StatusOK,
		Header: http.Header{
			"Content-Type":                        {"application/json"},
			"Lambda-Runtime-Aws-Request-Id":       {inv.id},
			"Lambda-Runtime-Deadline-Ms":          {strconv.FormatInt(inv.deadline.UnixMilli(), 10)},
			"Lambda-Runtime-Invoked-Function-Arn": {f.ARN()},
			"Lambda-Runtime-Trace-Id":             {"Root=1-" + inv.id[:8] + "-" + strings.ReplaceAll(inv.id, "-", "")[8:]},
		},
		Body: inv.payload,
	}, nil
}

func (f *Function) finish(r *http.Request, id string, failed bool) (wire.Answer, error) {
	body, err := wire.ReadBody(r)
	if err != nil {
		return wire.Answer{}, err
	}
	if g := f.opts.Gate; g != nil {
		if err := g.Park(r.Context(), "settle "+f.name); err != nil {
			return wire.Answer{}, err
		}
	}
	var failure error
	switch {
	case failed:
		failure = functionError(body)
	case r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != "":
		// A function whose answer broke off says so behind the body.
		failure = errors.New(r.Trailer.Get("Lambda-Runtime-Function-Error-Type"))
	}
	f.service.account.Lock()
	defer f.service.account.Unlock()
	inv := f.running[id]
	if inv == nil {
		return refusedInvocation("there is no invocation " + id), nil
	}
	if !f.service.account.Now().Before(inv.deadline) {
		f.end(inv, nil, f.timedOut(inv))
		return refusedInvocation("the invocation " + id + " is past its deadline"), nil
	}
	f.end(inv, body, failure)
	return accepted(), nil
}

func refusedInvocation(why string) wire.Answer {
	return wire.Answer{
		Status: http.StatusBadRequest,
		Header: http.Header{"Content-Type": {"application/json"}},
		Body:   wire.JSON(map[string]any{"errorMessage": why, "errorType": "InvalidRequestID"}),
	}
}

// functionError is the error that a function reported.
func functionError(body []byte) error {
	var told struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &told) != nil || told.Type == "" && told.Message == "" {
		return errors.New(string(body))
	}
	return errors.New(told.Type + ": " + told.Message)
}
