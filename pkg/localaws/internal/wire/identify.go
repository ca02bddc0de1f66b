package wire

import (
	"net/http"
	"net/url"
	"strings"
)

// Identify tells a call apart. It knows the service by the
// signature's scope and, where a request is not signed, by the marks of its protocol.
func Identify(hr *http.Request, body []byte) *Request {
	r := &Request{
		Ctx:    hr.Context(),
		Query:  hr.URL.Query(),
		Body:   body,
		Target: hr.Header.Get("X-Amz-Target"),
		SDKID:  hr.Header.Get("Amz-Sdk-Invocation-Id"),
	}
	for part := range strings.SplitSeq(hr.URL.EscapedPath(), "/") {
		if part == "" {
			continue
		}
		if plain, err := url.PathUnescape(part); err == nil {
			part = plain
		}
		r.Path = append(r.Path, part)
	}
	r.AccessKeyID, r.Service = scope(hr.Header.Get("Authorization"))
	if strings.HasPrefix(hr.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		// What does not parse has no Action, and is refused for that.
		r.Form, _ = url.ParseQuery(string(body))
	}
	if r.Service == "" {
		switch {
		case strings.HasPrefix(r.Target, "DynamoDB_"):
			r.Service = DynamoDB
		case strings.HasPrefix(r.Target, "AmazonSQS."):
			r.Service = SQS
		case r.Form.Get("Action") == "Publish":
			r.Service = SNS
		case r.Form.Has("Action"):
			r.Service = EC2
		default:
			r.Service = EKS
		}
	}
	switch {
	case r.Service == EKS:
		r.Operation = eksOperation(hr.Method, r.Path)
	case r.Target != "":
		_, r.Operation, _ = strings.Cut(r.Target, ".")
	default:
		r.Operation = r.Form.Get("Action")
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

// eksOperation tells the operation by the route. Source: the EKS service model.
func eksOperation(method string, path []string) string {
	route := method
	for i, part := range path {
		if i == 1 || i == 3 {
			part = "*"
		}
		route += "/" + part
	}
	switch route {
	case "POST/clusters":
		return "CreateCluster"
	case "GET/clusters":
		return "ListClusters"
	case "GET/clusters/*":
		return "DescribeCluster"
	case "DELETE/clusters/*":
		return "DeleteCluster"
	case "POST/clusters/*/update-config":
		return "UpdateClusterConfig"
	case "POST/clusters/*/updates":
		return "UpdateClusterVersion"
	case "GET/clusters/*/updates":
		return "ListUpdates"
	case "GET/clusters/*/updates/*":
		return "DescribeUpdate"
	case "POST/tags/*":
		return "TagResource"
	case "DELETE/tags/*":
		return "UntagResource"
	case "GET/tags/*":
		return "ListTagsForResource"
	default:
		return ""
	}
}
