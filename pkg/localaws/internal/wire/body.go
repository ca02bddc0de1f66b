package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
)

// maxBody bounds what is read of a request; the largest real one is an SQS
// batch of 1 MiB.
const maxBody = 4 << 20

// ReadBody reads a request's body.
func ReadBody(r *http.Request) ([]byte, error) {
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

// Decode reads a JSON body. The error is in the form of the service's protocol.
func (r *Request) Decode(into any) *Error {
	if len(bytes.TrimSpace(r.Body)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return Refuse(http.StatusBadRequest, "SerializationException", err.Error())
	}
	return nil
}

// Params reads the parameters again, on their own: they are noted also of a
// call that failed before anything read them.
func (r *Request) Params() map[string]any {
	out := map[string]any{}
	switch {
	case r.Form != nil:
		for name, values := range r.Form {
			if name != "Action" && name != "Version" {
				out[name] = values[0]
			}
		}
		return out
	case len(bytes.TrimSpace(r.Body)) > 0:
		dec := json.NewDecoder(bytes.NewReader(r.Body))
		dec.UseNumber()
		if err := dec.Decode(&out); err != nil {
			return map[string]any{"unreadable": string(r.Body)}
		}
	}
	for name, values := range r.Query {
		if len(values) == 1 {
			out[name] = values[0]
		} else {
			out[name] = values
		}
	}
	if r.Service == EKS && len(r.Path) > 1 {
		switch r.Path[0] {
		case "clusters":
			out["name"] = r.Path[1]
			if len(r.Path) > 3 && r.Path[2] == "updates" {
				out["updateId"] = r.Path[3]
			}
		case "tags":
			out["resourceArn"] = r.Path[1]
		}
	}
	return out
}

// JSON encodes what is made of strings, numbers, lists and maps here; that
// cannot fail.
func JSON(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("localaws: " + err.Error())
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// Page cuts one page out of sorted names. Tokens say after which name to go on.
func Page(names []string, token string, size int) (part []string, next string) {
	start := 0
	if token != "" {
		after := Untoken(token)
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
		next = Token(part[size-1])
	}
	return part, next
}

// Token makes a text opaque.
func Token(text string) string { return base64.URLEncoding.EncodeToString([]byte(text)) }

// Untoken is the text of a token, "" if it is none.
func Untoken(token string) string {
	text, err := base64.URLEncoding.DecodeString(token)
	if err != nil {
		return ""
	}
	return string(text)
}
