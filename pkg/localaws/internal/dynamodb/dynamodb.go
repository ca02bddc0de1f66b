// Package dynamodb is the embedded DynamoDB: as much of it as keeps records
// under conditions and finds them by their keys. What is not implemented is
// refused with its name. Start with [New]; all methods want the account's lock
// held.
package dynamodb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/endpointguard/endpointguard/pkg/localaws/internal/account"
	"github.com/endpointguard/endpointguard/pkg/localaws/internal/wire"
)

// The limits of DynamoDB. Source: the DynamoDB developer guide, "Quotas".
const (
	maxItem = 400 << 10
	maxPage = 1 << 20
)

// attributes is an item by name, each value in DynamoDB's own form, e.g.
// {"S": "text"}. Values are of the types S and N.
type attributes = map[string]any

type table struct {
	partition string // name of the partition key
	sort      string // name of the sort key
	rows      map[string]*row
}

// row is an item and what it was before, for reads that lag behind.
type row struct {
	item      attributes
	before    attributes // nil: none
	changedAt time.Time
}

// Service is DynamoDB in one account and region.
type Service struct {
	account *account.Account
	stale   time.Duration // of reads that are not consistent
	tables  map[string]*table
}

// New returns DynamoDB without a table. A read without ConsistentRead shows an
// item as it was before the last write for as long as stale.
func New(a *account.Account, stale time.Duration) *Service {
	return &Service{account: a, stale: stale, tables: map[string]*table{}}
}

// Operations are what can be called.
func (s *Service) Operations() map[string]wire.Operation {
	return map[string]wire.Operation{"PutItem": s.putItem, "Query": s.query, "Scan": s.scan}
}

// Create makes a table with a partition key and a sort key, both texts.
func (s *Service) Create(name, partitionKey, sortKey string) error {
	switch {
	case s.tables[name] != nil:
		return fmt.Errorf("localaws: there is already a table named %s", name)
	case partitionKey == "" || sortKey == "":
		return fmt.Errorf("localaws: table %s: localaws implements only tables with a partition key and a sort key", name)
	}
	s.tables[name] = &table{partition: partitionKey, sort: sortKey, rows: map[string]*row{}}
	return nil
}

// ARN returns the ARN of the table of the name.
func (s *Service) ARN(name string) string { return s.account.ARN("dynamodb", "table/"+name) }

// Items returns the items of a table in the order of a scan, each value in
// DynamoDB's own form: {"name": {"S": "text"}}.
func (s *Service) Items(table string) []map[string]any {
	t := s.tables[table]
	if t == nil {
		return nil
	}
	var out []map[string]any
	for _, item := range s.items(t, true, s.account.Now()) {
		out = append(out, maps.Clone(item))
	}
	return out
}

// Restore replaces all items of a table by those that Items returned of
// it, as from a backup.
func (s *Service) Restore(table string, items []map[string]any) error {
	t := s.tables[table]
	if t == nil {
		return fmt.Errorf("localaws: there is no table named %s", table)
	}
	rows := map[string]*row{}
	for _, item := range items {
		_, name, e := t.keyOf(item)
		if e != nil {
			return fmt.Errorf("localaws: table %s: %s", table, e.Message)
		}
		rows[name] = &row{item: maps.Clone(item)}
	}
	t.rows = rows
	return nil
}

// Clear empties a table.
func (s *Service) Clear(table string) {
	if t := s.tables[table]; t != nil {
		t.rows = map[string]*row{}
	}
}

// input has the parameters of all operations.
type input struct {
	TableName      string            `json:"TableName"`
	Item           attributes        `json:"Item"`
	Condition      string            `json:"ConditionExpression"`
	ReturnOnFailed string            `json:"ReturnValuesOnConditionCheckFailure"`
	KeyCondition   string            `json:"KeyConditionExpression"`
	Projection     string            `json:"ProjectionExpression"`
	Names          map[string]string `json:"ExpressionAttributeNames"`
	Values         attributes        `json:"ExpressionAttributeValues"`
	Consistent     bool              `json:"ConsistentRead"`
	Start          attributes        `json:"ExclusiveStartKey"`
}

// parameters are those that each operation implements.
var parameters = map[string][]string{
	"PutItem": {
		"TableName", "Item", "ConditionExpression", "ReturnValuesOnConditionCheckFailure",
		"ExpressionAttributeNames", "ExpressionAttributeValues",
	},
	"Query": {
		"TableName", "ConsistentRead", "ExclusiveStartKey", "KeyConditionExpression",
		"ExpressionAttributeNames", "ExpressionAttributeValues",
	},
	"Scan": {"TableName", "ConsistentRead", "ExclusiveStartKey", "ProjectionExpression", "ExpressionAttributeNames"},
}

// notImplemented refuses what DynamoDB could do and localaws cannot. AWS has no
// error of the type, so that no test takes it for an answer of AWS's.
func notImplemented(format string, args ...any) *wire.Error {
	return wire.Refuse(http.StatusBadRequest, "NotImplementedException", "localaws does not implement "+fmt.Sprintf(format, args...))
}

func invalid(format string, args ...any) *wire.Error {
	return wire.Refuse(http.StatusBadRequest, wire.Validation, fmt.Sprintf(format, args...))
}

// open reads the input and finds its table.
func (s *Service) open(r *wire.Request) (*input, *table, *wire.Error) {
	in, sent := &input{}, map[string]any{}
	if e := errors.Join(json.Unmarshal(r.Body, in), json.Unmarshal(r.Body, &sent)); e != nil {
		return nil, nil, wire.Refuse(http.StatusBadRequest, "SerializationException", e.Error())
	}
	r.Resources = []string{s.ARN(in.TableName)}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if !slices.Contains(parameters[r.Operation], name) {
			return nil, nil, notImplemented("the parameter %s of %s", name, wire.Action(r.Service, r.Operation))
		}
	}
	t := s.tables[in.TableName]
	if t == nil {
		return nil, nil, wire.Refuse(http.StatusBadRequest, wire.ResourceNotFound, "Requested resource not found")
	}
	return in, t, nil
}

// keyOf returns the key attributes of an item and the row's name.
func (t *table) keyOf(item attributes) (key attributes, name string, e *wire.Error) {
	key = attributes{}
	for _, part := range []string{t.partition, t.sort} {
		value, ok := item[part]
		if !ok {
			return nil, "", invalid("One or more parameter values were invalid: Missing the key %s in the item", part)
		}
		typ, text := typed(value)
		switch {
		case typ != "S":
			return nil, "", invalid("One or more parameter values were invalid: Type mismatch for key %s", part)
		case text == "":
			return nil, "", invalid("One or more parameter values are not valid. "+
				"The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", part)
		}
		key[part] = value
		name += text + "\x00"
	}
	return key, name, nil
}

// typed takes a value apart into its type, S or N, and its content; the type is
// "" of anything else.
func typed(value any) (typ, content string) {
	m, _ := value.(map[string]any)
	for typ, content := range m {
		if text, ok := content.(string); ok && len(m) == 1 && (typ == "S" || typ == "N") {
			return typ, text
		}
	}
	return "", ""
}

// numberOf is the number of a value of the type N.
func numberOf(value any) (*big.Rat, bool) {
	typ, text := typed(value)
	if typ != "N" || strings.Contains(text, "/") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// checkValue refuses a value that DynamoDB or localaws does not store.
func checkValue(name string, value any) *wire.Error {
	typ, content := typed(value)
	if typ == "" {
		return notImplemented("values other than of the types S and N: %s is %s", name, wire.JSON(value))
	}
	if _, ok := numberOf(value); typ == "N" && !ok {
		return invalid("The parameter cannot be converted to a numeric value: %s", content)
	}
	return nil
}

// equal reports whether two values are the same: numbers by what they are worth.
func equal(x, y any) bool {
	xn, xok := numberOf(x)
	yn, yok := numberOf(y)
	if xok && yok {
		return xn.Cmp(yn) == 0
	}
	return bytes.Equal(wire.JSON(x), wire.JSON(y))
}

// seen is the item as a read tells it, nil if it knows of none.
func (s *Service) seen(r *row, consistent bool, now time.Time) attributes {
	if !consistent && r.changedAt.Add(s.stale).After(now) {
		return r.before
	}
	return r.item
}

func (s *Service) putItem(r *wire.Request) (any, *wire.Error) {
	in, t, e := s.open(r)
	if e != nil {
		return nil, e
	}
	_, name, e := t.keyOf(in.Item)
	if e != nil {
		return nil, e
	}
	for _, attribute := range slices.Sorted(maps.Keys(in.Item)) {
		if e := checkValue(attribute, in.Item[attribute]); e != nil {
			return nil, e
		}
	}
	x := newExpressions(in)
	holds, e := x.condition(in.Condition)
	if e != nil {
		return nil, e
	}
	if e := x.unused(); e != nil {
		return nil, e
	}
	stored := t.rows[name]
	if stored == nil {
		stored = &row{}
	}
	if !holds(stored.item) {
		e := wire.Refuse(http.StatusBadRequest, "ConditionalCheckFailedException", "The conditional request failed")
		if in.ReturnOnFailed == "ALL_OLD" && stored.item != nil {
			e.Members = map[string]any{"Item": stored.item}
		}
		return nil, e
	}
	// An item is no larger than the request that it came in.
	if len(r.Body) > maxItem && len(wire.JSON(in.Item)) > maxItem {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	t.rows[name] = &row{item: in.Item, before: stored.item, changedAt: r.Now}
	return map[string]any{}, nil
}

// items are a table's items as a read sees them, in the order of a scan.
func (s *Service) items(t *table, consistent bool, now time.Time) []attributes {
	var items []attributes
	for _, r := range t.rows {
		if item := s.seen(r, consistent, now); item != nil {
			items = append(items, item)
		}
	}
	return s.inOrder(t, items)
}

// inOrder sorts items as a scan does: the partitions in an order of their own,
// each by the sort key.
func (s *Service) inOrder(t *table, items []attributes) []attributes {
	byPartition := map[string][]attributes{}
	for _, item := range items {
		partition := string(wire.JSON(item[t.partition]))
		byPartition[partition] = append(byPartition[partition], item)
	}
	var out []attributes
	for _, partition := range s.account.Shuffled(slices.Sorted(maps.Keys(byPartition))) {
		items := byPartition[partition]
		slices.SortFunc(items, func(x, y attributes) int {
			_, xs := typed(x[t.sort])
			_, ys := typed(y[t.sort])
			return strings.Compare(xs, ys)
		})
		out = append(out, items...)
	}
	return out
}

func (s *Service) scan(r *wire.Request) (any, *wire.Error) {
	in, t, e := s.open(r)
	if e != nil {
		return nil, e
	}
	x := newExpressions(in)
	project, e := x.projection(in.Projection)
	if e != nil {
		return nil, e
	}
	return s.read(t, in, x, s.items(t, in.Consistent, r.Now), project)
}

func (s *Service) query(r *wire.Request) (any, *wire.Error) {
	in, t, e := s.open(r)
	if e != nil {
		return nil, e
	}
	x := newExpressions(in)
	matches, e := x.keyCondition(in.KeyCondition, t.partition)
	if e != nil {
		return nil, e
	}
	items := slices.DeleteFunc(s.items(t, in.Consistent, r.Now), func(item attributes) bool { return !matches(item) })
	return s.read(t, in, x, items, func(item attributes) attributes { return item })
}

// read cuts a page out of items: what comes behind the start key until 1 MiB was
// read. As in DynamoDB, a page that is full has a last key even when nothing follows.
func (s *Service) read(t *table, in *input, x *expressions, items []attributes, project func(attributes) attributes) (any, *wire.Error) {
	if e := x.unused(); e != nil {
		return nil, e
	}
	if in.Start != nil {
		_, start, e := t.keyOf(in.Start)
		if e != nil || len(in.Start) != 2 {
			return nil, invalid("The provided starting key is invalid")
		}
		atStart := func(item attributes) bool { _, name, _ := t.keyOf(item); return name == start }
		// The item of the key may be gone: the key itself marks its place.
		items = s.inOrder(t, append(slices.DeleteFunc(items, atStart), in.Start))
		items = items[slices.IndexFunc(items, atStart)+1:]
	}
	out, size := []any{}, 0
	answer := map[string]any{}
	for _, item := range items {
		out = append(out, project(item))
		if size += len(wire.JSON(item)); size >= maxPage {
			answer["LastEvaluatedKey"], _, _ = t.keyOf(item)
			break
		}
	}
	answer["Items"], answer["Count"], answer["ScannedCount"] = out, len(out), len(out)
	return answer, nil
}
