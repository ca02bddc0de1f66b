package sqs

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"sort"
	"strings"
)

func md5Hex(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

// AttributesMD5 is the checksum of message attributes. Source: the SQS
// developer guide, "Calculating the MD5 message digest for message attributes".
func AttributesMD5(attributes map[string]Attribute) string {
	names := make([]string, 0, len(attributes))
	for name := range attributes {
		names = append(names, name)
	}
	sort.Strings(names)
	var buf []byte
	text := func(t string) {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(t)))
		buf = append(buf, t...)
	}
	for _, name := range names {
		attribute := attributes[name]
		text(name)
		text(attribute.DataType)
		if strings.HasPrefix(attribute.DataType, "Binary") {
			buf = append(buf, 2)
			text(string(attribute.BinaryValue))
		} else {
			buf = append(buf, 1)
			text(attribute.StringValue)
		}
	}
	return md5Hex(buf)
}
