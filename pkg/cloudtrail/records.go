package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// maxUnzipped is how many bytes a gzipped file may unpack to: CloudTrail's
	// own files stay far below.
	maxUnzipped = 256 << 20
	// maxRecords is how many records one file may hold.
	maxRecords = 1 << 20
	// maxWrappings is how deep a record may be wrapped: an SNS message in an SQS
	// message in a batch, with room to spare.
	maxWrappings = 8
)

// Records splits the content of a file into records for Decode, in the file's
// order. It reads what people have at hand, gzipped or plain: a bare record, an
// EventBridge event, an array of them, a CloudTrail log file ({"Records": […]}),
// JSON values one after the other (JSON lines), the answer of CloudTrail's
// LookupEvents, SQS and SNS messages; what CloudWatch Logs answers and sends to
// subscriptions, filebeat's and Elastic's documents with event.original, Splunk's
// results, and the rows of Athena and CloudTrail Lake, with their requests in JSON
// or in {name=value}; and any of these in one another. What wraps no record comes
// back as it is; what is wrong with it, Decode tells.
//
// With an error come the records before the place that could not be read. A
// file that unpacks to more than 256 MiB or holds more than about a million
// records is refused.
func Records(data []byte) ([]json.RawMessage, error) {
	return splitter{maxUnzipped: maxUnzipped, maxRecords: maxRecords}.split(data)
}

type splitter struct {
	maxUnzipped int64
	maxRecords  int
	records     []json.RawMessage
}

func (s splitter) split(data []byte) ([]json.RawMessage, error) {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		var err error
		if data, err = s.unzip(data); err != nil {
			return nil, err
		}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	d := json.NewDecoder(bytes.NewReader(data))
	for {
		start := d.InputOffset()
		var v value
		switch err := d.Decode(&v); {
		case errors.Is(err, io.EOF) && start == 0:
			return nil, errors.New("the file is empty")
		case errors.Is(err, io.EOF):
			return s.records, nil
		case err != nil:
			if columns := table(data); columns > 0 {
				return nil, fmt.Errorf("a CSV table of %d columns, not JSON: export the events as JSON, with requestParameters and responseElements", columns)
			}
			rest := bytes.TrimLeft(data[start:], " \t\r\n")
			line := 1 + bytes.Count(data[:len(data)-len(rest)], []byte("\n"))
			return s.records, fmt.Errorf("not JSON after %d records, in the value that starts at line %d: %w", len(s.records), line, err)
		}
		if err := s.add(v, maxWrappings); err != nil {
			return s.records, err
		}
	}
}

func (s splitter) unzip(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(z, s.maxUnzipped+1))
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if int64(len(out)) > s.maxUnzipped {
		return nil, fmt.Errorf("gzip: unpacks to more than %d MiB", s.maxUnzipped>>20)
	}
	return out, nil
}

// add takes in v, or what is wrapped in it.
func (s *splitter) add(v value, wrappings int) error {
	if inner, ok := s.unwrap(v); ok && wrappings > 0 {
		for _, v := range inner {
			if err := s.add(v, wrappings-1); err != nil {
				return err
			}
		}
		return nil
	}
	if len(s.records) >= s.maxRecords {
		return fmt.Errorf("more than %d records in one file: split it", s.maxRecords)
	}
	s.records = append(s.records, json.RawMessage(asRecord(v)))
	return nil
}
