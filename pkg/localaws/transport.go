package localaws

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// Transport returns a round tripper that calls the AWS directly, in the
// caller's goroutine, whatever the request's host.
func (a *AWS) Transport() http.RoundTripper { return direct{a} }

type direct struct{ aws *AWS }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }()
	}
	ans, err := d.aws.answer(r)
	if err != nil {
		return nil, err
	}
	if ans.Dropped {
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	}
	return &http.Response{
		Status:        http.StatusText(ans.Status),
		StatusCode:    ans.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        ans.Header,
		Body:          io.NopCloser(bytes.NewReader(ans.Body)),
		ContentLength: int64(len(ans.Body)),
		Request:       r,
	}, nil
}

// BaseURL is the endpoint in the configurations that Config returns; it
// resolves nowhere, since no socket is opened.
const BaseURL = "http://aws.localaws.invalid"

// Config returns a configuration for SDK clients that sign with the access key
// and call the AWS directly. Retries are the SDK's own. A round tripper
// around the transport, such as a gate, is given as wrap.
func (a *AWS) Config(accessKeyID string, wrap ...func(http.RoundTripper) http.RoundTripper) aws.Config {
	transport := a.Transport()
	for _, w := range wrap {
		transport = w(transport)
	}
	return aws.Config{
		Region:       a.account.Region,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKeyID, "secret", ""),
		HTTPClient:   &http.Client{Transport: transport},
		BaseEndpoint: aws.String(BaseURL),
	}
}

// Environ returns the environment settings, NAME=value, with which a process
// signs with the access key and calls the AWS that listens at baseURL.
func (a *AWS) Environ(baseURL, accessKeyID string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + baseURL,
		"AWS_REGION=" + a.account.Region,
		"AWS_DEFAULT_REGION=" + a.account.Region,
		"AWS_ACCESS_KEY_ID=" + accessKeyID,
		"AWS_SECRET_ACCESS_KEY=secret",
		"AWS_EC2_METADATA_DISABLED=true",
	}
}
