package wire

import (
	"hash/crc32"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Encode writes what an operation returned in its service's form.
func Encode(r *Request, out any) []byte {
	switch r.Service {
	case EC2, SNS:
		return encodeXML(r, out)
	default:
		return JSON(out)
	}
}

// Respond is the answer to a call: the encoded body, or the error if there is one.
func Respond(r *Request, body []byte, failed *Error) Answer {
	ans := Answer{Status: http.StatusOK, Header: http.Header{}, Body: body}
	if failed != nil {
		ans.Status = failed.Status
		if ans.Status == 0 {
			ans.Status = http.StatusBadRequest
		}
	}
	ans.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	ans.Header.Set("X-Amzn-Requestid", r.ID)
	switch r.Service {
	case EC2, SNS:
		ans.Header.Set("Content-Type", "text/xml")
		if failed != nil {
			ans.Body = encodeXMLError(r, failed)
		}
	case DynamoDB, SQS:
		ans.Header.Set("Content-Type", "application/x-amz-json-1.0")
		if failed != nil {
			ans.Body = errorBody(namespace(r.Service, failed.Type)+failed.Type, failed)
		}
		if failed != nil && r.Service == SQS {
			ans.Header.Set("X-Amzn-Query-Error", QueryErrorCode(failed.Type)+";Sender")
		}
		if r.Service == DynamoDB {
			ans.Header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(ans.Body)), 10))
		}
	default:
		ans.Header.Set("Content-Type", "application/json")
		if failed != nil {
			ans.Header.Set("X-Amzn-Errortype", failed.Type)
			ans.Body = errorBody(failed.Type, failed)
		}
	}
	return ans
}

// namespace is what stands in front of an error's type.
func namespace(service, typ string) string {
	switch {
	case service == SQS:
		return "com.amazonaws.sqs#"
	case typ == Validation || typ == Throttling || typ == AccessDenied || typ == UnknownOperation:
		return "com.amazon.coral.service#"
	default:
		return "com.amazonaws.dynamodb.v20120810#"
	}
}

func errorBody(typ string, failed *Error) []byte {
	members := map[string]any{"__type": typ, "message": failed.Message}
	maps.Copy(members, failed.Members)
	return JSON(members)
}

// QueryErrorCode is how an error is called in SQS's older protocol, which the
// SDK still reports.
func QueryErrorCode(typ string) string {
	switch typ {
	case "QueueDoesNotExist":
		return "AWS.SimpleQueueService.NonExistentQueue"
	case "TooManyEntriesInBatchRequest", "EmptyBatchRequest", "BatchEntryIdsNotDistinct":
		return "AWS.SimpleQueueService." + typ
	case "KmsAccessDenied", "KmsDisabled", "KmsInvalidState":
		return "KMS." + strings.TrimPrefix(typ, "Kms") + "Exception"
	default:
		return typ
	}
}
