package localaws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what is read of a request; the largest real one is an SQS
// batch of 1 MiB.
const maxBody = 4 << 20

const (
	serviceEKS      = "eks"
	serviceEC2      = "ec2"
	serviceDynamoDB = "dynamodb"
	serviceSQS      = "sqs"
	serviceSNS      = "sns"
)

// request is one call, told apart but not yet judged.
type request struct {
	ctx         context.Context
	now         time.Time // when the call takes effect
	id          string
	sdkID       string // the same for all tries of a call
	service     string
	operation   string
	accessKeyID string
	caller      Caller
	path        []string // unescaped, without empty parts
	query       url.Values
	body        []byte
	form        url.Values // of the query protocols
	target      string     // X-Amz-Target
	host        string

	resources []string // ARNs that the call touches, once they are known
	before    *Cluster // the cluster as it was before the call
	events    [][]byte // what EventBridge is told once the call is over
}

// answer is what goes back over the wire; a dropped one never does.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	dropped bool
}

// apiError is an error in AWS's form.
type apiError struct {
	Status  int
	Type    string
	Message string
	Members map[string]any // further members of the error's body
}

// The error types that more than one place answers with.
const (
	errInvalidRequest   = "InvalidRequestException"
	errInvalidParameter = "InvalidParameterException"
	errResourceInUse    = "ResourceInUseException"
	errResourceNotFound = "ResourceNotFoundException"
	errThrottling       = "ThrottlingException"
	errTooManyRequests  = "TooManyRequestsException"
	errAccessDenied     = "AccessDeniedException"
	errValidation       = "ValidationException"
)

func refuse(status int, typ, message string) *apiError {
	return &apiError{Status: status, Type: typ, Message: message}
}

// operation handles one call with a.mu held and returns what to encode. It may
// give the lock away while it waits.
type operation func(*AWS, *request) (any, *apiError)

// ServeHTTP answers one call of any service; under /runtimes/NAME it is the
// runtime API of the function of that name.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ans, err := a.answer(r)
	if err != nil || ans.dropped {
		drop(w)
		return
	}
	writeAnswer(w, ans)
}

func (a *AWS) answer(r *http.Request) (answer, error) {
	name, rest, ok := runtimePath(r.URL.Path)
	if !ok {
		return a.serve(r)
	}
	a.mu.Lock()
	f := a.functions[name]
	a.mu.Unlock()
	if f == nil {
		return answer{status: http.StatusNotFound, body: []byte("there is no function named " + name)}, nil
	}
	return f.answer(r, rest)
}

func writeAnswer(w http.ResponseWriter, ans answer) {
	for name, values := range ans.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(ans.body)))
	w.WriteHeader(ans.status)
	// The client may be gone; there is nobody to tell.
	_, _ = w.Write(ans.body)
}

// drop closes the connection without an answer.
func drop(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if conn, _, err := h.Hijack(); err == nil {
			_ = conn.Close()
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// serve answers a call. It fails only when the caller went away, or when the
// request could not be read.
func (a *AWS) serve(hr *http.Request) (answer, error) {
	body, err := readBody(hr)
	if err != nil {
		return answer{}, err
	}
	r := identify(hr, body)

	a.mu.Lock()
	r.id = a.uuid()
	r.caller = a.caller(r.accessKeyID, hr.UserAgent())
	throttled := a.throttle(r)
	hit := a.takeFault(r)
	a.mu.Unlock()

	if err := a.pause(r.ctx, a.opts.Latency+hit.Delay); err != nil {
		return answer{}, err
	}
	if hit.Do != nil && hit.Drop != DropAfter {
		hit.Do()
	}

	var out any
	var failed *apiError
	switch {
	case hit.Drop == DropBefore:
		a.note(r, nil, true)
		return answer{dropped: true}, nil
	case hit.failure(r.service) != nil:
		failed = hit.failure(r.service)
	case throttled != nil:
		failed = throttled
	}

	op, known := operations[r.service][r.operation]
	if failed == nil && !known {
		failed = unknownOperation(r)
	}
	a.mu.Lock()
	r.now = a.now()
	a.look(r)
	if failed == nil {
		out, failed = op(a, r)
	}
	body = nil
	if failed == nil {
		body = encode(r, out)
	}
	if r.service == serviceEKS && mutates(r.operation) {
		r.events = append(r.events, a.trail(r, body, failed))
	}
	a.mu.Unlock()

	for _, event := range r.events {
		a.deliver(event)
	}
	a.note(r, failed, hit.Drop == DropAfter)
	if hit.Drop == DropAfter {
		if hit.Do != nil {
			hit.Do()
		}
		return answer{dropped: true}, nil
	}
	if err := r.ctx.Err(); err != nil {
		return answer{}, err
	}
	return respond(r, body, failed), nil
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, errors.New("localaws: the request is larger than any of the services admits")
	}
	return body, nil
}

// pause waits, or returns why the caller stopped waiting.
func (a *AWS) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// identify tells the service by the signature's scope and, where a request is
// not signed, by the marks of its protocol.
func identify(hr *http.Request, body []byte) *request {
	r := &request{
		ctx:    hr.Context(),
		query:  hr.URL.Query(),
		body:   body,
		target: hr.Header.Get("X-Amz-Target"),
		host:   hr.Host,
		sdkID:  hr.Header.Get("Amz-Sdk-Invocation-Id"),
	}
	for part := range strings.SplitSeq(hr.URL.EscapedPath(), "/") {
		if part == "" {
			continue
		}
		if plain, err := url.PathUnescape(part); err == nil {
			part = plain
		}
		r.path = append(r.path, part)
	}
	r.accessKeyID, r.service = scope(hr.Header.Get("Authorization"))
	if strings.HasPrefix(hr.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		// What does not parse has no Action, and is refused for that.
		r.form, _ = url.ParseQuery(string(body))
	}
	if r.service == "" {
		switch {
		case strings.HasPrefix(r.target, "DynamoDB_"):
			r.service = serviceDynamoDB
		case strings.HasPrefix(r.target, "AmazonSQS."):
			r.service = serviceSQS
		case r.form.Get("Action") == "Publish":
			r.service = serviceSNS
		case r.form.Has("Action"):
			r.service = serviceEC2
		default:
			r.service = serviceEKS
		}
	}
	switch {
	case r.service == serviceEKS:
		r.operation = eksOperation(hr.Method, r.path)
	case r.target != "":
		_, r.operation, _ = strings.Cut(r.target, ".")
	default:
		r.operation = r.form.Get("Action")
	}
	return r
}

// scope reads the access key id and the service out of a SigV4 header:
// "AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …".
func scope(authorization string) (accessKeyID, service string) {
	_, credential, found := strings.Cut(authorization, "Credential=")
	if !found {
		return "", ""
	}
	credential, _, _ = strings.Cut(credential, ",")
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) < 5 {
		return "", ""
	}
	return parts[0], parts[len(parts)-2]
}

// operations is what each service can do here.
var operations = map[string]map[string]operation{
	serviceEKS: {
		"CreateCluster":        (*AWS).eksCreateCluster,
		"ListClusters":         (*AWS).eksListClusters,
		"DescribeCluster":      (*AWS).eksDescribeCluster,
		"DeleteCluster":        (*AWS).eksDeleteCluster,
		"UpdateClusterConfig":  (*AWS).eksUpdateClusterConfig,
		"UpdateClusterVersion": (*AWS).eksUpdateClusterVersion,
		"ListUpdates":          (*AWS).eksListUpdates,
		"DescribeUpdate":       (*AWS).eksDescribeUpdate,
		"TagResource":          (*AWS).eksTagResource,
		"UntagResource":        (*AWS).eksUntagResource,
		"ListTagsForResource":  (*AWS).eksListTagsForResource,
	},
	serviceEC2: {
		"DescribeVpcAttribute":       (*AWS).ec2DescribeVpcAttribute,
		"DescribeVpcs":               (*AWS).ec2DescribeVpcs,
		"DescribeDhcpOptions":        (*AWS).ec2DescribeDhcpOptions,
		"DescribeSecurityGroupRules": (*AWS).ec2DescribeSecurityGroupRules,
		"DescribeRegions":            (*AWS).ec2DescribeRegions,
	},
	serviceDynamoDB: {
		"PutItem": (*AWS).dynamoPutItem,
		"Query":   (*AWS).dynamoQuery,
		"Scan":    (*AWS).dynamoScan,
	},
	serviceSQS: {
		"SendMessage":             (*AWS).sqsSendMessage,
		"SendMessageBatch":        (*AWS).sqsSendMessageBatch,
		"ReceiveMessage":          (*AWS).sqsReceiveMessage,
		"DeleteMessage":           (*AWS).sqsDeleteMessage,
		"DeleteMessageBatch":      (*AWS).sqsDeleteMessageBatch,
		"ChangeMessageVisibility": (*AWS).sqsChangeMessageVisibility,
		"GetQueueUrl":             (*AWS).sqsGetQueueURL,
		"GetQueueAttributes":      (*AWS).sqsGetQueueAttributes,
	},
	serviceSNS: {
		"Publish": (*AWS).snsPublish,
	},
}

func unknownOperation(r *request) *apiError {
	switch r.service {
	case serviceEC2, serviceSNS:
		return refuse(http.StatusBadRequest, "InvalidAction", "The action "+r.operation+" is not valid for this web service.")
	case serviceDynamoDB, serviceSQS:
		return refuse(http.StatusBadRequest, "UnknownOperationException", "localaws does not know the operation "+r.operation+" of "+r.service+".")
	case serviceEKS:
		return refuse(http.StatusNotFound, "UnknownOperationException", "localaws does not know this route of EKS.")
	default:
		return refuse(http.StatusNotFound, "UnknownOperationException", "localaws does not know the service "+r.service+".")
	}
}

// encode writes what an operation returned in its service's form.
func encode(r *request, out any) []byte {
	switch r.service {
	case serviceEC2, serviceSNS:
		return encodeXML(r, out)
	default:
		return mustJSON(out)
	}
}

// mustJSON encodes what is made of strings, numbers, lists and maps here; that
// cannot fail.
func mustJSON(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("localaws: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func respond(r *request, body []byte, failed *apiError) answer {
	ans := answer{status: http.StatusOK, header: http.Header{}, body: body}
	if failed != nil {
		ans.status = failed.Status
		if ans.status == 0 {
			ans.status = http.StatusBadRequest
		}
	}
	ans.header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	switch r.service {
	case serviceEC2, serviceSNS:
		ans.header.Set("Content-Type", "text/xml")
		ans.header.Set("X-Amzn-Requestid", r.id)
		if failed != nil {
			ans.body = encodeXMLError(r, failed)
		}
	case serviceDynamoDB, serviceSQS:
		ans.header.Set("Content-Type", "application/x-amz-json-1.0")
		ans.header.Set("X-Amzn-Requestid", r.id)
		if failed != nil {
			namespace := "com.amazonaws.dynamodb.v20120810#"
			switch {
			case r.service == serviceSQS:
				namespace = "com.amazonaws.sqs#"
				ans.header.Set("X-Amzn-Query-Error", queryErrorCode(failed.Type)+";Sender")
			case failed.Type == errValidation || failed.Type == errThrottling || failed.Type == errAccessDenied || failed.Type == "UnknownOperationException":
				namespace = "com.amazon.coral.service#"
			}
			ans.body = errorBody(namespace+failed.Type, failed)
		}
		if r.service == serviceDynamoDB {
			ans.header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(ans.body)), 10))
		}
	default:
		ans.header.Set("Content-Type", "application/json")
		ans.header.Set("X-Amzn-Requestid", r.id)
		if failed != nil {
			ans.header.Set("X-Amzn-Errortype", failed.Type)
			ans.body = errorBody(failed.Type, failed)
		}
	}
	return ans
}

func errorBody(typ string, failed *apiError) []byte {
	members := map[string]any{"__type": typ, "message": failed.Message}
	for name, value := range failed.Members {
		members[name] = value
	}
	return mustJSON(members)
}

// window counts the calls of one second.
type window struct {
	second int64
	count  int
}

// throttle tells whether the call exceeds a rate. The caller holds a.mu.
func (a *AWS) throttle(r *request) *apiError {
	second := a.now().Unix()
	over := false
	for _, key := range []string{r.service, r.service + ":" + r.operation} {
		limit, set := a.opts.Throttle[key]
		if !set {
			continue
		}
		w := a.windows[key]
		if w == nil || w.second != second {
			w = &window{second: second}
			a.windows[key] = w
		}
		w.count++
		over = over || w.count > limit
	}
	if !over {
		return nil
	}
	a.throttled++
	return throttling(r.service, a.throttled)
}

// throttling is how a service refuses the n-th call that is too much.
func throttling(service string, n int) *apiError {
	switch service {
	case serviceEKS:
		if n%2 == 0 {
			return refuse(http.StatusTooManyRequests, errTooManyRequests, "Too Many Requests")
		}
		return refuse(http.StatusTooManyRequests, errThrottling, "Rate exceeded")
	case serviceEC2:
		return refuse(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	case serviceSNS:
		return refuse(http.StatusTooManyRequests, "Throttled", "Rate exceeded")
	case serviceSQS:
		return refuse(http.StatusForbidden, "RequestThrottled", "Request is throttled.")
	default:
		return refuse(http.StatusBadRequest, errThrottling, "Rate exceeded")
	}
}

// decode reads a JSON body. The error is in the form of the service's protocol.
func decode(r *request, into any) *apiError {
	if len(bytes.TrimSpace(r.body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return refuse(http.StatusBadRequest, "SerializationException", err.Error())
	}
	return nil
}

// page cuts one page out of sorted names. Tokens say after which name to go on.
func page(names []string, token string, size int) (part []string, next string) {
	start := 0
	if token != "" {
		after := untoken(token)
		if i := slices.Index(names, after); i >= 0 {
			start = i + 1
		} else {
			// What the token named is gone: go on at the first name behind it.
			start, _ = slices.BinarySearch(names, after)
		}
	}
	part = names[min(start, len(names)):]
	if len(part) > size {
		part = part[:size]
		next = token64(part[size-1])
	}
	return part, next
}
