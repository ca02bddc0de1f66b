package localaws

import (
	"bytes"
	"encoding/xml"
)

// xmlNode is an element with a text, or with further nodes in it.
type xmlNode struct {
	name    string
	content any // string, xmlNode or []xmlNode
}

func (n xmlNode) write(buf *bytes.Buffer) {
	buf.WriteString("<" + n.name + ">")
	switch c := n.content.(type) {
	case string:
		// A bytes.Buffer takes everything.
		_ = xml.EscapeText(buf, []byte(c))
	case xmlNode:
		c.write(buf)
	case []xmlNode:
		for _, child := range c {
			child.write(buf)
		}
	}
	buf.WriteString("</" + n.name + ">")
}

const (
	snsNamespace = "http://sns.amazonaws.com/doc/2010-03-31/"
	ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"
)

// encodeXML wraps what an operation returned: SNS has a result within the
// response, EC2 puts the members into it directly.
func encodeXML(r *request, out any) []byte {
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	response := r.operation + "Response"
	if r.service == serviceSNS {
		buf.WriteString("<" + response + ` xmlns="` + snsNamespace + `">`)
		xmlNode{r.operation + "Result", out}.write(&buf)
		xmlNode{"ResponseMetadata", xmlNode{"RequestId", r.id}}.write(&buf)
	} else {
		buf.WriteString("<" + response + ` xmlns="` + ec2Namespace + `">`)
		xmlNode{"requestId", r.id}.write(&buf)
		for _, child := range out.([]xmlNode) {
			child.write(&buf)
		}
	}
	buf.WriteString("</" + response + ">")
	return buf.Bytes()
}

func encodeXMLError(r *request, failed *apiError) []byte {
	var buf bytes.Buffer
	buf.WriteString(xml.Header)
	details := []xmlNode{{"Code", failed.Type}, {"Message", failed.Message}}
	if r.service == serviceSNS {
		buf.WriteString(`<ErrorResponse xmlns="` + snsNamespace + `">`)
		kind := "Sender"
		if failed.Status >= 500 {
			kind = "Receiver"
		}
		xmlNode{"Error", append([]xmlNode{{"Type", kind}}, details...)}.write(&buf)
		xmlNode{"RequestId", r.id}.write(&buf)
		buf.WriteString("</ErrorResponse>")
		return buf.Bytes()
	}
	xmlNode{"Response", []xmlNode{
		{"Errors", xmlNode{"Error", details}},
		{"RequestID", r.id},
	}}.write(&buf)
	return buf.Bytes()
}
