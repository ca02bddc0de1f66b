package wire

import (
	"bytes"
	"encoding/xml"
)

// Node is an element of XML with a text, or with further nodes in it.
type Node struct {
	Name    string
	Content any // string, Node or []Node
}

// Elem is an element of the name; content is a string, a Node or a []Node.
func Elem(name string, content any) Node { return Node{name, content} }

func (n Node) write(buf *bytes.Buffer) {
	buf.WriteString("<" + n.Name + ">")
	switch c := n.Content.(type) {
	case string:
		// A bytes.Buffer takes everything.
		_ = xml.EscapeText(buf, []byte(c))
	case Node:
		c.write(buf)
	case []Node:
		for _, child := range c {
			child.write(buf)
		}
	}
	buf.WriteString("</" + n.Name + ">")
}

const (
	snsNamespace = "http://sns.amazonaws.com/doc/2010-03-31/"
	ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
)

// encodeXML wraps what an operation returned: SNS has a result within the
// response, EC2 puts the members into it directly.
func encodeXML(r *Request, out any) []byte {
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	response := r.Operation + "Response"
	if r.Service == SNS {
		buf.WriteString("<" + response + ` xmlns="` + snsNamespace + `">`)
		Node{r.Operation + "Result", out}.write(&buf)
		Node{"ResponseMetadata", Node{"RequestId", r.ID}}.write(&buf)
	} else {
		buf.WriteString("<" + response + ` xmlns="` + ec2Namespace + `">`)
		Node{"requestId", r.ID}.write(&buf)
		for _, child := range out.([]Node) {
			child.write(&buf)
		}
	}
	buf.WriteString("</" + response + ">")
	return buf.Bytes()
}

func encodeXMLError(r *Request, failed *Error) []byte {
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	details := []Node{{"Code", failed.Type}, {"Message", failed.Message}}
	if r.Service == SNS {
		buf.WriteString(`<ErrorResponse xmlns="` + snsNamespace + `">`)
		kind := "Sender"
		if failed.Status >= 500 {
			kind = "Receiver"
		}
		Node{"Error", append([]Node{{"Type", kind}}, details...)}.write(&buf)
		Node{"RequestId", r.ID}.write(&buf)
		buf.WriteString("</ErrorResponse>")
		return buf.Bytes()
	}
	Node{"Response", []Node{
		{"Errors", Node{"Error", details}},
		{"RequestID", r.ID},
	}}.write(&buf)
	return buf.Bytes()
}
