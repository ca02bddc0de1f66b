package localaws

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The limits of DynamoDB. Source: the DynamoDB developer guide, "Quotas".
const (
	maxItem = 400 << 10
	maxPage = 1 << 20
)

// attributes is an item, or a part of it: by name, each value in DynamoDB's
// own form, e.g. {"S": "text"}.
type attributes = map[string]any

type table struct {
	name      string
	partition string // name of the partition key
	sort      string // name of the sort key, empty if there is none
	rows      map[string]*row
}

// row is an item and what it was before, for reads that lag behind.
type row struct {
	item      attributes // nil: deleted
	before    attributes
	changedAt time.Time
}

// CreateTable makes a table with a partition key and, unless it is empty, a
// sort key. Keys are of the types that the items give them.
func (a *AWS) CreateTable(name, partitionKey, sortKey string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tables[name] != nil {
		return fmt.Errorf("localaws: there is already a table named %s", name)
	}
	a.tables[name] = &table{name: name, partition: partitionKey, sort: sortKey, rows: map[string]*row{}}
	return nil
}

// TableARN returns the ARN of the table of the name.
func (a *AWS) TableARN(name string) string { return a.arn("dynamodb", "table/"+name) }

// Items returns the items of a table in the order of a scan, each value in
// DynamoDB's own form: {"name": {"S": "text"}}.
func (a *AWS) Items(table string) []map[string]any {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tables[table]
	if t == nil {
		return nil
	}
	var out []map[string]any
	for _, item := range a.items(t, true, a.now()) {
		out = append(out, maps.Clone(item))
	}
	return out
}

// RestoreItems replaces all items of a table by those that Items returned of
// it, as from a backup.
func (a *AWS) RestoreItems(table string, items []map[string]any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tables[table]
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

// DeleteItems empties a table.
func (a *AWS) DeleteItems(table string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t := a.tables[table]; t != nil {
		t.rows = map[string]*row{}
	}
}

type dynamoInput struct {
	TableName      string            `json:"TableName"`
	Item           attributes        `json:"Item"`
	Key            attributes        `json:"Key"`
	Condition      string            `json:"ConditionExpression"`
	Update         string            `json:"UpdateExpression"`
	Filter         string            `json:"FilterExpression"`
	KeyCondition   string            `json:"KeyConditionExpression"`
	Projection     string            `json:"ProjectionExpression"`
	Names          map[string]string `json:"ExpressionAttributeNames"`
	Values         attributes        `json:"ExpressionAttributeValues"`
	Consistent     bool              `json:"ConsistentRead"`
	Forward        *bool             `json:"ScanIndexForward"`
	Limit          *int              `json:"Limit"`
	Start          attributes        `json:"ExclusiveStartKey"`
	ReturnValues   string            `json:"ReturnValues"`
	ReturnOnFailed string            `json:"ReturnValuesOnConditionCheckFailure"`
	Select         string            `json:"Select"`
	IndexName      string            `json:"IndexName"`
	TotalSegments  int               `json:"TotalSegments"`
}

func invalid(format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, errValidation, fmt.Sprintf(format, args...))
}

// open reads the input and finds its table.
func (a *AWS) open(r *request) (*dynamoInput, *table, *apiError) {
	in := &dynamoInput{}
	if e := decode(r, in); e != nil {
		return nil, nil, e
	}
	r.resources = []string{a.TableARN(in.TableName)}
	t := a.tables[in.TableName]
	if t == nil {
		return nil, nil, refuse(http.StatusBadRequest, errResourceNotFound, "Requested resource not found")
	}
	if in.IndexName != "" || in.TotalSegments > 1 {
		return nil, nil, invalid("localaws has neither indexes nor parallel scans")
	}
	return in, t, nil
}

// keyOf returns the key attributes of an item and the row's name.
func (t *table) keyOf(item attributes) (key attributes, name string, e *apiError) {
	key = attributes{}
	for _, part := range []string{t.partition, t.sort} {
		if part == "" {
			continue
		}
		value, ok := item[part]
		if !ok {
			return nil, "", invalid("One or more parameter values were invalid: Missing the key %s in the item", part)
		}
		typ, content := typed(value)
		switch typ {
		case "S", "N", "B":
		default:
			return nil, "", invalid("One or more parameter values were invalid: Type mismatch for key %s", part)
		}
		if content == "" {
			return nil, "", invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", part)
		}
		if typ == "N" {
			number, ok := numberOf(value)
			if !ok {
				return nil, "", invalid("The parameter cannot be converted to a numeric value: %v", content)
			}
			content = number.RatString()
		}
		key[part] = value
		name += fmt.Sprintf("%s%v\x00", typ, content)
	}
	return key, name, nil
}

// exactKey is keyOf for a Key parameter, which must have nothing else in it.
func (t *table) exactKey(in attributes) (attributes, string, *apiError) {
	key, name, e := t.keyOf(in)
	if e != nil || len(key) != len(in) {
		return nil, "", invalid("The provided key element does not match the schema")
	}
	return key, name, nil
}

// typed takes a value apart into its type and its content.
func typed(value any) (string, any) {
	m, ok := value.(map[string]any)
	if !ok || len(m) != 1 {
		return "", nil
	}
	for typ, content := range m {
		return typ, content
	}
	return "", nil
}

// condition holds an item against a condition expression.
func (in *dynamoInput) condition(x *expressions, item attributes) *apiError {
	if in.Condition == "" {
		return nil
	}
	test, err := x.condition(in.Condition)
	if err != nil {
		return invalid("Invalid ConditionExpression: %s", err)
	}
	holds, err := test(item)
	if err != nil {
		return invalid("Invalid ConditionExpression: %s", err)
	}
	if holds {
		return nil
	}
	e := refuse(http.StatusBadRequest, "ConditionalCheckFailedException", "The conditional request failed")
	if in.ReturnOnFailed == "ALL_OLD" && item != nil {
		e.Members = map[string]any{"Item": item}
	}
	return e
}

func (t *table) row(name string) *row {
	r := t.rows[name]
	if r == nil {
		r = &row{}
		t.rows[name] = r
	}
	return r
}

func (r *row) set(item attributes, now time.Time) {
	r.before, r.item, r.changedAt = r.item, item, now
}

// seen is the item as a read tells it.
func (a *AWS) seen(r *row, consistent bool, now time.Time) attributes {
	if !consistent && r.changedAt.Add(a.opts.StaleItems).After(now) {
		return r.before
	}
	return r.item
}

func (a *AWS) dynamoPutItem(r *request) (any, *apiError) {
	in, t, e := a.open(r)
	if e != nil {
		return nil, e
	}
	_, name, e := t.keyOf(in.Item)
	if e != nil {
		return nil, e
	}
	if e := checkValues(in.Item); e != nil {
		return nil, e
	}
	x := newExpressions(in.Names, in.Values)
	stored := t.row(name)
	e = in.condition(x, stored.item)
	if unused := x.unused(); unused != nil && (e == nil || e.Type != errValidation) {
		return nil, unused
	}
	if e != nil {
		return nil, e
	}
	// An item is no larger than the request that it came in.
	if len(r.body) > maxItem && len(mustJSON(in.Item)) > maxItem {
		return nil, invalid("Item size has exceeded the maximum allowed size")
	}
	old := stored.item
	stored.set(in.Item, r.now)
	out := map[string]any{}
	if in.ReturnValues == "ALL_OLD" && old != nil {
		out["Attributes"] = old
	}
	return out, nil
}

// checkValues refuses values that DynamoDB cannot store.
func checkValues(item attributes) *apiError {
	for name, value := range item {
		typ, content := typed(value)
		switch typ {
		case "S", "B", "BOOL":
		case "NULL":
			if content != true {
				return invalid("One or more parameter values were invalid: Null attribute value types must have the value of true")
			}
		case "N":
			if _, ok := numberOf(value); !ok {
				return invalid("The parameter cannot be converted to a numeric value: %v", content)
			}
		case "SS", "NS", "BS":
			if list, ok := content.([]any); !ok || len(list) == 0 {
				return invalid("One or more parameter values were invalid: An string set  may not be empty")
			}
		case "M":
			m, ok := content.(map[string]any)
			if !ok {
				return invalid("The value of %s is no map", name)
			}
			if e := checkValues(m); e != nil {
				return e
			}
		case "L":
			list, ok := content.([]any)
			if !ok {
				return invalid("The value of %s is no list", name)
			}
			for _, element := range list {
				if e := checkValues(attributes{name: element}); e != nil {
					return e
				}
			}
		default:
			return invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
		}
	}
	return nil
}

func (a *AWS) dynamoGetItem(r *request) (any, *apiError) {
	in, t, e := a.open(r)
	if e != nil {
		return nil, e
	}
	_, name, e := t.exactKey(in.Key)
	if e != nil {
		return nil, e
	}
	x := newExpressions(in.Names, in.Values)
	project, e := in.projection(x)
	if e != nil {
		return nil, e
	}
	if e := x.unused(); e != nil {
		return nil, e
	}
	stored := t.rows[name]
	if stored == nil {
		return map[string]any{}, nil
	}
	item := a.seen(stored, in.Consistent, r.now)
	if item == nil {
		return map[string]any{}, nil
	}
	return map[string]any{"Item": project(item)}, nil
}

func (in *dynamoInput) projection(x *expressions) (func(attributes) attributes, *apiError) {
	if in.Projection == "" {
		return func(item attributes) attributes { return item }, nil
	}
	paths, err := x.projection(in.Projection)
	if err != nil {
		return nil, invalid("Invalid ProjectionExpression: %s", err)
	}
	return func(item attributes) attributes {
		out := attributes{}
		for _, p := range paths {
			// A nested path brings nothing of its neighbours along: the maps on
			// its way are made anew.
			if value, ok := p.get(item); ok {
				p.put(out, value)
			}
		}
		return out
	}, nil
}

func (a *AWS) dynamoUpdateItem(r *request) (any, *apiError) {
	in, t, e := a.open(r)
	if e != nil {
		return nil, e
	}
	key, name, e := t.exactKey(in.Key)
	if e != nil {
		return nil, e
	}
	x := newExpressions(in.Names, in.Values)
	stored := t.row(name)
	change, err := x.update(in.Update)
	if err != nil {
		return nil, invalid("Invalid UpdateExpression: %s", err)
	}
	for _, p := range change.paths() {
		if len(p) > 0 && (p[0].name == t.partition || p[0].name == t.sort) {
			return nil, invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", p[0].name)
		}
	}
	e = in.condition(x, stored.item)
	if unused := x.unused(); unused != nil && (e == nil || e.Type != errValidation) {
		return nil, unused
	}
	if e != nil {
		return nil, e
	}
	old := stored.item
	fresh := deepCopy(old)
	if fresh == nil {
		fresh = deepCopy(key)
	}
	if err := change.apply(old, fresh); err != nil {
		return nil, invalid("%s", err)
	}
	if e := checkValues(fresh); e != nil {
		return nil, e
	}
	if len(mustJSON(fresh)) > maxItem {
		return nil, invalid("Item size to update has exceeded the maximum allowed size")
	}
	stored.set(fresh, r.now)
	out := map[string]any{}
	touched := func(item attributes) attributes {
		part := attributes{}
		for _, p := range change.paths() {
			if value, ok := p[:1].get(item); ok {
				part[p[0].name] = value
			}
		}
		return part
	}
	switch in.ReturnValues {
	case "ALL_OLD":
		if old != nil {
			out["Attributes"] = old
		}
	case "ALL_NEW":
		out["Attributes"] = fresh
	case "UPDATED_OLD":
		out["Attributes"] = touched(old)
	case "UPDATED_NEW":
		out["Attributes"] = touched(fresh)
	}
	return out, nil
}

func (a *AWS) dynamoDeleteItem(r *request) (any, *apiError) {
	in, t, e := a.open(r)
	if e != nil {
		return nil, e
	}
	_, name, e := t.exactKey(in.Key)
	if e != nil {
		return nil, e
	}
	x := newExpressions(in.Names, in.Values)
	stored := t.row(name)
	e = in.condition(x, stored.item)
	if unused := x.unused(); unused != nil && (e == nil || e.Type != errValidation) {
		return nil, unused
	}
	if e != nil {
		return nil, e
	}
	old := stored.item
	stored.set(nil, r.now)
	out := map[string]any{}
	if in.ReturnValues == "ALL_OLD" && old != nil {
		out["Attributes"] = old
	}
	return out, nil
}

// items are a table's items in the order of a scan: the partitions in an order
// of their own, each sorted by the sort key. The caller holds a.mu.
func (a *AWS) items(t *table, consistent bool, now time.Time) []attributes {
	byPartition := map[string][]attributes{}
	for _, r := range t.rows {
		if item := a.seen(r, consistent, now); item != nil {
			partition := string(mustJSON(item[t.partition]))
			byPartition[partition] = append(byPartition[partition], item)
		}
	}
	var out []attributes
	for _, partition := range a.shuffled(slices.Sorted(maps.Keys(byPartition))) {
		items := byPartition[partition]
		slices.SortFunc(items, func(x, y attributes) int {
			c, _ := compare(x[t.sort], y[t.sort])
			return c
		})
		out = append(out, items...)
	}
	return out
}

func (a *AWS) dynamoScan(r *request) (any, *apiError) {
	in, t, e := a.open(r)
	if e != nil {
		return nil, e
	}
	return a.read(t, in, a.items(t, in.Consistent, r.now), newExpressions(in.Names, in.Values))
}

func (a *AWS) dynamoQuery(r *request) (any, *apiError) {
	in, t, e := a.open(r)
	if e != nil {
		return nil, e
	}
	x := newExpressions(in.Names, in.Values)
	if in.KeyCondition == "" {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	matches, err := x.keyCondition(in.KeyCondition, t.partition, t.sort)
	if err != nil {
		return nil, invalid("Invalid KeyConditionExpression: %s", err)
	}
	var items []attributes
	for _, item := range a.items(t, in.Consistent, r.now) {
		holds, err := matches(item)
		if err != nil {
			return nil, invalid("Invalid KeyConditionExpression: %s", err)
		}
		if holds {
			items = append(items, item)
		}
	}
	if in.Forward != nil && !*in.Forward {
		slices.Reverse(items)
	}
	return a.read(t, in, items, x)
}

// read cuts a page out of items and filters it. As in DynamoDB, the limit
// counts what was looked at, and a page that it ends has a last key even when
// nothing follows.
func (a *AWS) read(t *table, in *dynamoInput, items []attributes, x *expressions) (any, *apiError) {
	filter := func(attributes) (bool, error) { return true, nil }
	if in.Filter != "" {
		f, err := x.condition(in.Filter)
		if err != nil {
			return nil, invalid("Invalid FilterExpression: %s", err)
		}
		filter = f
	}
	project, e := in.projection(x)
	if e != nil {
		return nil, e
	}
	if e := x.unused(); e != nil {
		return nil, e
	}
	if in.Limit != nil && *in.Limit < 1 {
		return nil, invalid("Limit must be at least 1, not %d", *in.Limit)
	}
	if in.Start != nil {
		_, start, e := t.exactKey(in.Start)
		if e != nil {
			return nil, invalid("The provided starting key is invalid")
		}
		at := slices.IndexFunc(items, func(item attributes) bool {
			_, name, _ := t.keyOf(item)
			return name == start
		})
		if at < 0 {
			at = a.before(t, items, in.Start, in.Forward == nil || *in.Forward)
		}
		items = items[at+1:]
	}
	out := []any{}
	count, looked, size := 0, 0, 0
	var last attributes
	for _, item := range items {
		looked++
		size += len(mustJSON(item))
		holds, err := filter(item)
		if err != nil {
			return nil, invalid("Invalid FilterExpression: %s", err)
		}
		if holds {
			count++
			out = append(out, project(item))
		}
		if in.Limit != nil && looked == *in.Limit || size >= maxPage {
			last, _, _ = t.keyOf(item)
			break
		}
	}
	answer := map[string]any{"Count": count, "ScannedCount": looked}
	if in.Select != "COUNT" {
		answer["Items"] = out
	}
	if last != nil {
		answer["LastEvaluatedKey"] = last
	}
	return answer, nil
}

// before returns the index of the last item that comes before a key whose item
// is gone, -1 if none does.
func (a *AWS) before(t *table, items []attributes, key attributes, forward bool) int {
	partitions := []string{string(mustJSON(key[t.partition]))}
	for _, item := range items {
		if p := string(mustJSON(item[t.partition])); !slices.Contains(partitions, p) {
			partitions = append(partitions, p)
		}
	}
	slices.Sort(partitions)
	order := a.shuffled(partitions)
	rank := func(item attributes) int { return slices.Index(order, string(mustJSON(item[t.partition]))) }
	at := -1
	for i, item := range items {
		c := rank(item) - rank(key)
		if c == 0 && t.sort != "" {
			c, _ = compare(item[t.sort], key[t.sort])
			if !forward {
				c = -c
			}
		}
		if c < 0 {
			at = i
		}
	}
	return at
}

func deepCopy(item attributes) attributes {
	if item == nil {
		return nil
	}
	out := attributes{}
	for name, value := range item {
		out[name] = copyValue(value)
	}
	return out
}

func copyValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return deepCopy(v)
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = copyValue(element)
		}
		return out
	default:
		return value
	}
}

// unused refuses names and values that no expression used, as DynamoDB does.
func (x *expressions) unused() *apiError {
	var names, values []string
	for name := range x.names {
		if !x.usedNames[name] {
			names = append(names, name)
		}
	}
	for name := range x.values {
		if !x.usedValues[name] {
			values = append(values, name)
		}
	}
	slices.Sort(names)
	slices.Sort(values)
	switch {
	case len(names) > 0:
		return invalid("Value provided in ExpressionAttributeNames unused in expressions: keys: {%s}", strings.Join(names, ", "))
	case len(values) > 0:
		return invalid("Value provided in ExpressionAttributeValues unused in expressions: keys: {%s}", strings.Join(values, ", "))
	default:
		return nil
	}
}
