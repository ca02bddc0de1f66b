package localaws_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/endpointguard/endpointguard/pkg/localaws"
)

type item = map[string]types.AttributeValue

func s(text string) types.AttributeValue { return &types.AttributeValueMemberS{Value: text} }
func n(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }

var ignoreMarks = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{},
	types.AttributeValueMemberSS{}, types.AttributeValueMemberM{}, types.AttributeValueMemberL{}, types.AttributeValueMemberBOOL{})

func ledger(t *testing.T, o localaws.Options) (*localaws.AWS, *dynamodb.Client) {
	t.Helper()
	a := localaws.New(o)
	must(t, a.CreateTable("ledger", "pk", "sk"))
	return a, dynamodb.NewFromConfig(once(a))
}

func put(t *testing.T, c *dynamodb.Client, it item) {
	t.Helper()
	_, err := c.PutItem(ctx(t), &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: it})
	must(t, err)
}

func get(t *testing.T, c *dynamodb.Client, pk, sk string) item {
	t.Helper()
	out, err := c.GetItem(ctx(t), &dynamodb.GetItemInput{TableName: aws.String("ledger"), Key: item{"pk": s(pk), "sk": s(sk)}, ConsistentRead: aws.Bool(true)})
	must(t, err)
	return out.Item
}

func TestConditions(t *testing.T) {
	stored := item{
		"pk": s("a"), "sk": s("1"), "version": n("7"), "label": s("beta"),
		"labels": &types.AttributeValueMemberSS{Value: []string{"x", "y"}},
		"doc": &types.AttributeValueMemberM{Value: item{
			"core":     s("deep"),
			"row_list": &types.AttributeValueMemberL{Value: []types.AttributeValue{n("1"), n("2")}},
		}},
	}
	for _, tc := range []struct {
		condition string
		want      bool
	}{
		{"attribute_exists(pk)", true},
		{"attribute_not_exists(pk)", false},
		{"attribute_not_exists(nope)", true},
		{"version = :seven", true},
		{"version = :text", false},
		{"version <> :seven", false},
		{"nope <> :seven", true},
		{"nope = :seven", false},
		{"nope < :seven", false},
		{"version < :ten", true}, // as numbers: as texts "7" > "10"
		{"version > :ten", false},
		{"version <= :seven AND version >= :seven", true},
		{"#l = :text OR version = :seven", true},
		{"NOT version = :seven", false},
		{"NOT (version = :ten OR #l = :text) AND attribute_exists(sk)", true},
		{"version = :ten AND version = :ten OR version = :seven", true},
		{"begins_with(#l, :be)", true},
		{"contains(#l, :et)", true},
		{"contains(labels, :y)", true},
		{"contains(labels, :et)", false},
		{"doc.core = :deep", true},
		{"doc.row_list[1] = :two", true},
		{"attribute_exists(doc.row_list[2])", false},
		{"size(labels) = :two", true},
		{"size(#l) > :two", true},
		{"version BETWEEN :two AND :ten", true},
		{"version IN (:two, :seven)", true},
		{"attribute_type(version, :typeN)", true},
	} {
		t.Run(tc.condition, func(t *testing.T) {
			_, c := ledger(t, localaws.Options{})
			put(t, c, stored)
			values := item{":seven": n("7.0"), ":ten": n("10"), ":two": n("2"), ":text": s("7"), ":be": s("be"), ":et": s("et"), ":y": s("y"), ":deep": s("deep"), ":typeN": s("N")}
			for name := range values {
				if !strings.Contains(tc.condition, name) {
					delete(values, name)
				}
			}
			in := &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: item{"pk": s("a"), "sk": s("1")}, ConditionExpression: &tc.condition}
			if len(values) > 0 {
				in.ExpressionAttributeValues = values
			}
			if strings.Contains(tc.condition, "#l") {
				in.ExpressionAttributeNames = map[string]string{"#l": "label"}
			}
			_, err := c.PutItem(ctx(t), in)
			if tc.want {
				must(t, err)
				return
			}
			wantError(t, err, "ConditionalCheckFailedException", "The conditional request failed")
			if d := cmp.Diff(stored, get(t, c, "a", "1"), ignoreMarks, cmpopts.SortSlices(strings.Compare)); d != "" {
				t.Errorf("a failed condition changed the item (-want +got):\n%s", d)
			}
		})
	}
}

func TestConditionFailureCanTellTheItem(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	put(t, c, item{"pk": s("a"), "sk": s("1"), "version": n("7")})
	_, err := c.DeleteItem(ctx(t), &dynamodb.DeleteItemInput{
		TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}, ConditionExpression: aws.String("version = :v"),
		ExpressionAttributeValues: item{":v": n("8")}, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err)
	if !ok || failed.Item["version"].(*types.AttributeValueMemberN).Value != "7" {
		t.Errorf("got %v", err)
	}
}

func TestRefusedExpressions(t *testing.T) {
	for _, tc := range []struct {
		name      string
		condition string
		names     map[string]string
		values    item
	}{
		{name: "reserved word", condition: "attribute_exists(status)"},
		{name: "value not given", condition: "version = :v"},
		{name: "name not given", condition: "attribute_exists(#v)"},
		{name: "value not used", condition: "attribute_exists(pk)", values: item{":v": s("x")}},
		{name: "name not used", condition: "attribute_exists(pk)", names: map[string]string{"#v": "v"}},
		{name: "cut off", condition: "version ="},
		{name: "unknown function", condition: "exists(pk)"},
		{name: "two words", condition: "attribute_exists(pk) attribute_exists(sk)"},
		{name: "unknown sign", condition: "pk == :v", values: item{":v": s("x")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, c := ledger(t, localaws.Options{})
			_, err := c.PutItem(ctx(t), &dynamodb.PutItemInput{
				TableName: aws.String("ledger"), Item: item{"pk": s("a"), "sk": s("1")}, ConditionExpression: &tc.condition,
				ExpressionAttributeNames: tc.names, ExpressionAttributeValues: tc.values,
			})
			wantError(t, err, "ValidationException", "")
		})
	}
}

func TestRefusedItems(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	for _, tc := range []struct {
		name string
		item item
	}{
		{"no sort key", item{"pk": s("a")}},
		{"empty key", item{"pk": s(""), "sk": s("1")}},
		{"no number", item{"pk": s("a"), "sk": s("1"), "n": n("seven")}},
		{"empty set", item{"pk": s("a"), "sk": s("1"), "set": &types.AttributeValueMemberSS{Value: []string{}}}},
		{"too large", item{"pk": s("a"), "sk": s("1"), "blob": s(strings.Repeat("x", 400<<10))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.PutItem(ctx(t), &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: tc.item})
			wantError(t, err, "ValidationException", "")
		})
	}
	_, err := c.GetItem(ctx(t), &dynamodb.GetItemInput{TableName: aws.String("ledger"), Key: item{"pk": s("a")}})
	wantError(t, err, "ValidationException", "The provided key element does not match the schema")
	_, err = c.GetItem(ctx(t), &dynamodb.GetItemInput{TableName: aws.String("other"), Key: item{"pk": s("a")}})
	wantError(t, err, "ResourceNotFoundException", "")
}

func TestUpdateItem(t *testing.T) {
	start := item{
		"pk": s("a"), "sk": s("1"), "version": n("7"), "gone": s("x"),
		"tags": &types.AttributeValueMemberSS{Value: []string{"x"}},
		"doc":  &types.AttributeValueMemberM{Value: item{"inner": s("old")}},
	}
	for _, tc := range []struct {
		name   string
		update string
		names  map[string]string
		values item
		want   item // what is changed or new; nil: gone
	}{
		{name: "set and count", update: "SET label = :l, version = version + :one", values: item{":l": s("b"), ":one": n("1")}, want: item{"label": s("b"), "version": n("8")}},
		{name: "minus", update: "SET version = version - :one", values: item{":one": n("1")}, want: item{"version": n("6")}},
		{name: "if_not_exists, new", update: "SET fresh = if_not_exists(fresh, :zero) + :one", values: item{":zero": n("0"), ":one": n("1")}, want: item{"fresh": n("1")}},
		{name: "if_not_exists, there", update: "SET version = if_not_exists(version, :zero)", values: item{":zero": n("0")}, want: item{}},
		{name: "remove", update: "REMOVE gone, nope", want: item{"gone": nil}},
		{name: "add a number", update: "ADD version :two, fresh :two", values: item{":two": n("2")}, want: item{"version": n("9"), "fresh": n("2")}},
		{name: "add to a set", update: "ADD tags :t", values: item{":t": &types.AttributeValueMemberSS{Value: []string{"y", "x"}}}, want: item{"tags": &types.AttributeValueMemberSS{Value: []string{"x", "y"}}}},
		{name: "delete from a set", update: "DELETE tags :t", values: item{":t": &types.AttributeValueMemberSS{Value: []string{"x"}}}, want: item{"tags": nil}},
		{name: "nested", update: "SET #d.#i = :n", names: map[string]string{"#d": "doc", "#i": "inner"}, values: item{":n": s("new")}, want: item{"doc": &types.AttributeValueMemberM{Value: item{"inner": s("new")}}}},
		{name: "list", update: "SET steps = list_append(if_not_exists(steps, :none), :l)", values: item{":none": &types.AttributeValueMemberL{Value: []types.AttributeValue{}}, ":l": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("one")}}}, want: item{"steps": &types.AttributeValueMemberL{Value: []types.AttributeValue{s("one")}}}},
		{name: "old values", update: "SET label = gone, gone = :x", values: item{":x": s("y")}, want: item{"label": s("x"), "gone": s("y")}},
		{name: "all sections", update: "SET label = :l REMOVE gone ADD version :two", values: item{":l": s("b"), ":two": n("2")}, want: item{"label": s("b"), "gone": nil, "version": n("9")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, c := ledger(t, localaws.Options{})
			put(t, c, start)
			out, err := c.UpdateItem(ctx(t), &dynamodb.UpdateItemInput{
				TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}, UpdateExpression: &tc.update,
				ConditionExpression:      aws.String("attribute_exists(pk)"),
				ExpressionAttributeNames: tc.names, ExpressionAttributeValues: tc.values, ReturnValues: types.ReturnValueAllNew,
			})
			must(t, err)
			want := item{}
			for name, value := range start {
				want[name] = value
			}
			for name, value := range tc.want {
				if value == nil {
					delete(want, name)
				} else {
					want[name] = value
				}
			}
			sorted := cmpopts.SortSlices(strings.Compare)
			if d := cmp.Diff(want, out.Attributes, ignoreMarks, sorted); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
			if d := cmp.Diff(want, get(t, c, "a", "1"), ignoreMarks, sorted); d != "" {
				t.Errorf("stored (-want +got):\n%s", d)
			}
		})
	}
}

func TestUpdateItemRefusals(t *testing.T) {
	for _, tc := range []struct {
		name   string
		update string
		values item
	}{
		{"the key", "SET pk = :v", item{":v": s("x")}},
		{"no such attribute", "SET label = nope + :v", item{":v": n("1")}},
		{"a text plus a number", "SET label = gone + :v", item{":v": n("1")}},
		{"no parent", "SET nope.inner = :v", item{":v": s("x")}},
		{"twice the same", "SET label = :v, label = :v", item{":v": s("x")}},
		{"a section twice", "SET label = :v SET other = :v", item{":v": s("x")}},
		{"no section", "label = :v", item{":v": s("x")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, c := ledger(t, localaws.Options{})
			put(t, c, item{"pk": s("a"), "sk": s("1"), "gone": s("x")})
			_, err := c.UpdateItem(ctx(t), &dynamodb.UpdateItemInput{
				TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}, UpdateExpression: &tc.update, ExpressionAttributeValues: tc.values,
			})
			wantError(t, err, "ValidationException", "")
			if d := cmp.Diff(item{"pk": s("a"), "sk": s("1"), "gone": s("x")}, get(t, c, "a", "1"), ignoreMarks); d != "" {
				t.Errorf("a refused update changed the item (-want +got):\n%s", d)
			}
		})
	}
}

func TestUpdateItemMakesTheItem(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	_, err := c.UpdateItem(ctx(t), &dynamodb.UpdateItemInput{
		TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}, UpdateExpression: aws.String("SET label = :l"),
		ConditionExpression: aws.String("attribute_not_exists(pk)"), ExpressionAttributeValues: item{":l": s("x")},
	})
	must(t, err)
	if d := cmp.Diff(item{"pk": s("a"), "sk": s("1"), "label": s("x")}, get(t, c, "a", "1"), ignoreMarks); d != "" {
		t.Error(d)
	}
	out, err := c.DeleteItem(ctx(t), &dynamodb.DeleteItemInput{TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}, ReturnValues: types.ReturnValueAllOld})
	must(t, err)
	if len(out.Attributes) != 3 || get(t, c, "a", "1") != nil {
		t.Errorf("the deleted item is told as %v, and still read as %v", out.Attributes, get(t, c, "a", "1"))
	}
}

func TestQuery(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	for _, pk := range []string{"a", "b"} {
		for i := range 5 {
			put(t, c, item{"pk": s(pk), "sk": s(fmt.Sprintf("in#%d", i)), "even": &types.AttributeValueMemberBOOL{Value: i%2 == 0}})
		}
		put(t, c, item{"pk": s(pk), "sk": s("state")})
	}
	keys := func(items []map[string]types.AttributeValue) []string {
		var out []string
		for _, it := range items {
			out = append(out, it["pk"].(*types.AttributeValueMemberS).Value+"/"+it["sk"].(*types.AttributeValueMemberS).Value)
		}
		return out
	}
	for _, tc := range []struct {
		name string
		in   dynamodb.QueryInput
		want []string
	}{
		{name: "a partition", in: dynamodb.QueryInput{KeyConditionExpression: aws.String("pk = :p"), ExpressionAttributeValues: item{":p": s("a")}},
			want: []string{"a/in#0", "a/in#1", "a/in#2", "a/in#3", "a/in#4", "a/state"}},
		{name: "one", in: dynamodb.QueryInput{KeyConditionExpression: aws.String("#p = :p AND sk = :s"), ExpressionAttributeNames: map[string]string{"#p": "pk"}, ExpressionAttributeValues: item{":p": s("b"), ":s": s("state")}},
			want: []string{"b/state"}},
		{name: "by prefix, backwards", in: dynamodb.QueryInput{KeyConditionExpression: aws.String("pk = :p AND begins_with(sk, :s)"), ScanIndexForward: aws.Bool(false), ExpressionAttributeValues: item{":p": s("a"), ":s": s("in#")}},
			want: []string{"a/in#4", "a/in#3", "a/in#2", "a/in#1", "a/in#0"}},
		{name: "filtered", in: dynamodb.QueryInput{KeyConditionExpression: aws.String("pk = :p"), FilterExpression: aws.String("even = :e"), ExpressionAttributeValues: item{":p": s("a"), ":e": &types.AttributeValueMemberBOOL{Value: true}}},
			want: []string{"a/in#0", "a/in#2", "a/in#4"}},
		{name: "nothing", in: dynamodb.QueryInput{KeyConditionExpression: aws.String("pk = :p"), ExpressionAttributeValues: item{":p": s("z")}}},
	} {
		for _, limit := range []*int32{nil, aws.Int32(2)} {
			t.Run(fmt.Sprintf("%s, limit %d", tc.name, aws.ToInt32(limit)), func(t *testing.T) {
				in := tc.in
				in.TableName, in.Limit, in.ConsistentRead = aws.String("ledger"), limit, aws.Bool(true)
				var got []string
				pages := dynamodb.NewQueryPaginator(c, &in)
				for pages.HasMorePages() {
					out, err := pages.NextPage(ctx(t))
					must(t, err)
					if limit != nil && len(out.Items) > 2 {
						t.Errorf("%d items in a page of 2", len(out.Items))
					}
					got = append(got, keys(out.Items)...)
				}
				if d := cmp.Diff(tc.want, got); d != "" {
					t.Errorf("(-want +got):\n%s", d)
				}
			})
		}
	}
	// A limit counts what was looked at, not what the filter left.
	out, err := c.Query(ctx(t), &dynamodb.QueryInput{
		TableName: aws.String("ledger"), KeyConditionExpression: aws.String("pk = :p"), FilterExpression: aws.String("even = :e"), Limit: aws.Int32(2),
		ExpressionAttributeValues: item{":p": s("a"), ":e": &types.AttributeValueMemberBOOL{Value: true}},
	})
	must(t, err)
	if out.Count != 1 || out.ScannedCount != 2 || out.LastEvaluatedKey == nil {
		t.Errorf("a filtered page of two has %d of %d items, last key %v", out.Count, out.ScannedCount, out.LastEvaluatedKey)
	}
	for _, condition := range []string{"sk = :p", "pk > :p", "pk = :p AND even = :p", "pk = :p OR pk = :p"} {
		_, err := c.Query(ctx(t), &dynamodb.QueryInput{TableName: aws.String("ledger"), KeyConditionExpression: &condition, ExpressionAttributeValues: item{":p": s("a")}})
		wantError(t, err, "ValidationException", "")
	}
}

func TestScan(t *testing.T) {
	a, c := ledger(t, localaws.Options{})
	var want []string
	for i := range 9 {
		pk := fmt.Sprintf("cluster-%d", i)
		put(t, c, item{"pk": s(pk), "sk": s("1"), "standing": &types.AttributeValueMemberBOOL{Value: i < 4}})
		want = append(want, pk)
	}
	scan := func(filter *string, values item, ended func(last string)) []string {
		var got []string
		pages := dynamodb.NewScanPaginator(c, &dynamodb.ScanInput{TableName: aws.String("ledger"), Limit: aws.Int32(2), FilterExpression: filter, ExpressionAttributeValues: values, ProjectionExpression: aws.String("pk")})
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx(t))
			must(t, err)
			for _, it := range out.Items {
				if len(it) != 1 {
					t.Errorf("the projection left %v", it)
				}
				got = append(got, it["pk"].(*types.AttributeValueMemberS).Value)
			}
			if ended != nil && len(out.Items) > 0 {
				ended(got[len(got)-1])
			}
		}
		return got
	}
	got := scan(nil, nil, nil)
	if slices.IsSorted(got) {
		t.Error("a scan comes in the order of the keys")
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	got = scan(aws.String("standing = :yes"), item{":yes": &types.AttributeValueMemberBOOL{Value: true}}, nil)
	slices.Sort(got)
	if d := cmp.Diff(want[:4], got); d != "" {
		t.Errorf("filtered (-want +got):\n%s", d)
	}
	// The item that a page ended with goes away before the next is asked for:
	// no other is lost.
	var last string
	got = scan(nil, nil, func(seen string) {
		_, err := c.DeleteItem(ctx(t), &dynamodb.DeleteItemInput{TableName: aws.String("ledger"), Key: item{"pk": s(seen), "sk": s("1")}})
		must(t, err)
		last = seen
	})
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" || last == "" {
		t.Errorf("with deletions between pages (-want +got):\n%s", d)
	}
	if left := a.Items("ledger"); len(left) != 4 {
		t.Errorf("%d items are left, want 4: %v", len(left), left)
	}
	a.DeleteItems("ledger")
	if left := a.Items("ledger"); len(left) != 0 {
		t.Errorf("left after all were deleted: %v", left)
	}
}

func TestStaleItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := ledger(t, localaws.Options{StaleItems: time.Second})
		put(t, c, item{"pk": s("a"), "sk": s("1")})
		lax := func() item {
			out, err := c.GetItem(ctx(t), &dynamodb.GetItemInput{TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}})
			must(t, err)
			return out.Item
		}
		if lax() != nil {
			t.Error("a read without ConsistentRead is up to date at once")
		}
		if get(t, c, "a", "1") == nil {
			t.Error("a consistent read is stale")
		}
		sleep(time.Second)
		if lax() == nil {
			t.Error("the read is stale for too long")
		}
	})
}

func TestProjectionOfNestedAttributes(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	doc := func(members item) types.AttributeValue { return &types.AttributeValueMemberM{Value: members} }
	put(t, c, item{"pk": s("a"), "sk": s("1"), "doc": doc(item{"x": s("1"), "y": s("2"), "z": s("3")}), "other": s("o")})
	out, err := c.GetItem(ctx(t), &dynamodb.GetItemInput{
		TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}, ConsistentRead: aws.Bool(true),
		ProjectionExpression: aws.String("doc.x, doc.y, nope"),
	})
	must(t, err)
	if d := cmp.Diff(item{"doc": doc(item{"x": s("1"), "y": s("2")})}, out.Item, ignoreMarks); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestRestoreItems(t *testing.T) {
	a := localaws.New(localaws.Options{})
	must(t, a.CreateTable("ledger", "pk", "sk"))
	c := dynamodb.NewFromConfig(once(a))
	put(t, c, item{"pk": s("a"), "sk": s("1"), "v": n("1")})
	copied := a.Items("ledger")
	put(t, c, item{"pk": s("a"), "sk": s("1"), "v": n("2")})
	put(t, c, item{"pk": s("b"), "sk": s("1")})
	must(t, a.RestoreItems("ledger", copied))
	if d := cmp.Diff(copied, a.Items("ledger")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if err := a.RestoreItems("none", copied); err == nil {
		t.Error("a table that is not there was restored")
	}
	if err := a.RestoreItems("ledger", []map[string]any{{"v": map[string]any{"N": "1"}}}); err == nil {
		t.Error("an item without a key was restored")
	}
}
