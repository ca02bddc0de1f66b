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

var ignoreMarks = cmpopts.IgnoreUnexported(types.AttributeValueMemberS{}, types.AttributeValueMemberN{})

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

// partition is a query for all items of a partition key.
func partition(pk string) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: aws.String("ledger"), ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#pk = :pk"),
		ExpressionAttributeNames: map[string]string{"#pk": "pk"}, ExpressionAttributeValues: item{":pk": s(pk)},
	}
}

// query reads a partition, page by page.
func query(t *testing.T, c *dynamodb.Client, in *dynamodb.QueryInput) []item {
	t.Helper()
	var all []item
	pages := dynamodb.NewQueryPaginator(c, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx(t))
		must(t, err)
		all = append(all, page.Items...)
	}
	return all
}

// keys are the items' keys, in the items' order.
func keys(items []item) []string {
	var out []string
	for _, it := range items {
		out = append(out, it["pk"].(*types.AttributeValueMemberS).Value+"/"+it["sk"].(*types.AttributeValueMemberS).Value)
	}
	return out
}

func TestConditions(t *testing.T) {
	stored := item{"pk": s("a"), "sk": s("1"), "version": n("7"), "label": s("beta")}
	for _, tc := range []struct {
		condition, name string
		value           types.AttributeValue
		want            bool
	}{
		{"attribute_not_exists(#n)", "pk", nil, false},
		{"attribute_not_exists(#n)", "nope", nil, true},
		{"#n = :v", "version", n("7"), true},
		{"#n = :v", "version", n("7.0"), true},
		{"#n = :v", "version", n("8"), false},
		{"#n = :v", "version", s("7"), false},
		{"#n = :v", "label", s("beta"), true},
		{"#n = :v", "label", s("bet"), false},
		{"#n = :v", "nope", n("7"), false},
	} {
		t.Run(fmt.Sprint(tc.condition, tc.name, tc.want), func(t *testing.T) {
			_, c := ledger(t, localaws.Options{})
			put(t, c, stored)
			next := item{"pk": s("a"), "sk": s("1")}
			in := &dynamodb.PutItemInput{
				TableName: aws.String("ledger"), Item: next, ConditionExpression: &tc.condition,
				ExpressionAttributeNames: map[string]string{"#n": tc.name},
			}
			if tc.value != nil {
				in.ExpressionAttributeValues = item{":v": tc.value}
			}
			_, err := c.PutItem(ctx(t), in)
			want := next
			if tc.want {
				must(t, err)
			} else {
				wantError(t, err, "ConditionalCheckFailedException", "The conditional request failed")
				want = stored
			}
			if d := cmp.Diff([]item{want}, query(t, c, partition("a")), ignoreMarks); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestConditionOfAnItemThatIsNotThere(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	in := &dynamodb.PutItemInput{
		TableName: aws.String("ledger"), Item: item{"pk": s("a"), "sk": s("1"), "version": n("1")}, ConditionExpression: aws.String("#v = :v"),
		ExpressionAttributeNames: map[string]string{"#v": "version"}, ExpressionAttributeValues: item{":v": n("7")},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}
	_, err := c.PutItem(ctx(t), in)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); !ok || failed.Item != nil {
		t.Errorf("got %v", err)
	}
	in.ConditionExpression, in.ExpressionAttributeValues = aws.String("attribute_not_exists(#v)"), nil
	_, err = c.PutItem(ctx(t), in)
	must(t, err)
}

func TestConditionFailureCanTellTheItem(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	put(t, c, item{"pk": s("a"), "sk": s("1"), "version": n("7")})
	_, err := c.PutItem(ctx(t), &dynamodb.PutItemInput{
		TableName: aws.String("ledger"), Item: item{"pk": s("a"), "sk": s("1")}, ConditionExpression: aws.String("#v = :v"),
		ExpressionAttributeNames: map[string]string{"#v": "version"}, ExpressionAttributeValues: item{":v": n("8")},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
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
		{name: "value not given", condition: "#v = :v", names: map[string]string{"#v": "v"}},
		{name: "name not given", condition: "attribute_not_exists(#v)"},
		{name: "value not used", condition: "attribute_not_exists(#v)", names: map[string]string{"#v": "v"}, values: item{":v": s("x")}},
		{name: "name not used", condition: "attribute_not_exists(#v)", names: map[string]string{"#v": "v", "#w": "w"}},
		{name: "no number", condition: "#v = :v", names: map[string]string{"#v": "v"}, values: item{":v": n("seven")}},
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
		{"a number as the key", item{"pk": n("1"), "sk": s("1")}},
		{"no number", item{"pk": s("a"), "sk": s("1"), "n": n("seven")}},
		{"too large", item{"pk": s("a"), "sk": s("1"), "blob": s(strings.Repeat("x", 400<<10))}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.PutItem(ctx(t), &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: tc.item})
			wantError(t, err, "ValidationException", "")
		})
	}
	_, err := c.Scan(ctx(t), &dynamodb.ScanInput{TableName: aws.String("other")})
	wantError(t, err, "ResourceNotFoundException", "")
}

// TestNotImplemented: what the guardrail does not use is refused with its name, never
// taken for something else.
func TestNotImplemented(t *testing.T) {
	a, c := ledger(t, localaws.Options{})
	v := map[string]string{"#v": "v"}
	write := func(change func(*dynamodb.PutItemInput)) error {
		in := &dynamodb.PutItemInput{TableName: aws.String("ledger"), Item: item{"pk": s("a"), "sk": s("1")}, ExpressionAttributeNames: v}
		change(in)
		_, err := c.PutItem(ctx(t), in)
		return err
	}
	read := func(change func(*dynamodb.QueryInput)) error {
		in := partition("a")
		change(in)
		_, err := c.Query(ctx(t), in)
		return err
	}
	scan := func(in dynamodb.ScanInput) error {
		in.TableName = aws.String("ledger")
		_, err := c.Scan(ctx(t), &in)
		return err
	}
	const condition = "this ConditionExpression, only attribute_not_exists(#name) and #name = :value: "
	for want, err := range map[string]error{
		condition + "attribute_exists(#v)": write(func(in *dynamodb.PutItemInput) {
			in.ConditionExpression = aws.String("attribute_exists(#v)")
		}),
		condition + "#v = :v OR #v = :w": write(func(in *dynamodb.PutItemInput) {
			in.ConditionExpression = aws.String("#v = :v OR #v = :w")
		}),
		condition + "attribute_not_exists(version)": write(func(in *dynamodb.PutItemInput) {
			in.ConditionExpression = aws.String("attribute_not_exists(version)")
		}),
		"the parameter ReturnValues of dynamodb:PutItem": write(func(in *dynamodb.PutItemInput) {
			in.ReturnValues = types.ReturnValueAllOld
		}),
		`values other than of the types S and N: flag is {"BOOL":true}`: write(func(in *dynamodb.PutItemInput) {
			in.Item["flag"] = &types.AttributeValueMemberBOOL{Value: true}
		}),
		"this KeyConditionExpression, only #name = :value: #pk = :pk AND begins_with(sk, :pk)": read(func(in *dynamodb.QueryInput) {
			in.KeyConditionExpression = aws.String("#pk = :pk AND begins_with(sk, :pk)")
		}),
		"the parameter FilterExpression of dynamodb:Query": read(func(in *dynamodb.QueryInput) {
			in.FilterExpression = aws.String("#pk = :pk")
		}),
		"the parameter ScanIndexForward of dynamodb:Query": read(func(in *dynamodb.QueryInput) { in.ScanIndexForward = aws.Bool(false) }),
		"the parameter IndexName of dynamodb:Query":        read(func(in *dynamodb.QueryInput) { in.IndexName = aws.String("byVersion") }),
		"the parameter Limit of dynamodb:Scan":             scan(dynamodb.ScanInput{Limit: aws.Int32(2)}),
		"the parameter Segment of dynamodb:Scan":           scan(dynamodb.ScanInput{Segment: aws.Int32(1), TotalSegments: aws.Int32(2)}),
		"this ProjectionExpression, only #name, #name …: #v.inner": scan(dynamodb.ScanInput{
			ProjectionExpression: aws.String("#v.inner"), ExpressionAttributeNames: v,
		}),
	} {
		wantError(t, err, "NotImplementedException", "localaws does not implement "+want)
	}
	_, err := c.UpdateItem(ctx(t), &dynamodb.UpdateItemInput{TableName: aws.String("ledger"), Key: item{"pk": s("a"), "sk": s("1")}})
	wantError(t, err, "UnknownOperationException", "localaws does not know the operation UpdateItem of dynamodb.")
	if items := a.Items("ledger"); len(items) > 0 {
		t.Errorf("what was refused was stored: %v", items)
	}
	if err := a.CreateTable("other", "pk", ""); err == nil {
		t.Error("a table without a sort key was made")
	}
}

func TestQuery(t *testing.T) {
	_, c := ledger(t, localaws.Options{})
	for _, i := range []int{3, 0, 4, 1, 2} {
		for _, pk := range []string{"a", "b"} {
			put(t, c, item{"pk": s(pk), "sk": s(fmt.Sprint("in#", i)), "blob": s(strings.Repeat("x", 300<<10))})
		}
	}
	put(t, c, item{"pk": s("b"), "sk": s("state")})
	for pk, want := range map[string][]string{
		"a": {"a/in#0", "a/in#1", "a/in#2", "a/in#3", "a/in#4"},
		"b": {"b/in#0", "b/in#1", "b/in#2", "b/in#3", "b/in#4", "b/state"},
		"z": nil,
	} {
		if d := cmp.Diff(want, keys(query(t, c, partition(pk)))); d != "" {
			t.Errorf("%s (-want +got):\n%s", pk, d)
		}
	}
	// A page ends once a mebibyte was read, and says where to go on.
	out, err := c.Query(ctx(t), partition("a"))
	must(t, err)
	if out.Count != 4 || out.LastEvaluatedKey == nil {
		t.Errorf("a page of %d items, last key %v", out.Count, out.LastEvaluatedKey)
	}
	in := partition("a")
	in.ExpressionAttributeNames = map[string]string{"#pk": "sk"}
	_, err = c.Query(ctx(t), in)
	wantError(t, err, "ValidationException", "Query condition missed key schema element: pk")
	in = partition("a")
	in.ExclusiveStartKey = item{"pk": s("a")}
	_, err = c.Query(ctx(t), in)
	wantError(t, err, "ValidationException", "The provided starting key is invalid")
}

func TestScan(t *testing.T) {
	a, c := ledger(t, localaws.Options{})
	var want []string
	for i := range 9 {
		pk := fmt.Sprintf("cluster-%d", i)
		put(t, c, item{"pk": s(pk), "sk": s("1"), "blob": s(strings.Repeat("x", 300<<10))})
		want = append(want, pk+"/1")
	}
	scan := func(ended func(got []string)) []string {
		var got []string
		pages := dynamodb.NewScanPaginator(c, &dynamodb.ScanInput{
			TableName: aws.String("ledger"), ConsistentRead: aws.Bool(true),
			ProjectionExpression:     aws.String("#pk, #sk, #nope"),
			ExpressionAttributeNames: map[string]string{"#pk": "pk", "#sk": "sk", "#nope": "nope"},
		})
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx(t))
			must(t, err)
			for _, it := range out.Items {
				if len(it) != 2 {
					t.Errorf("the projection left %v", it)
				}
			}
			got = append(got, keys(out.Items)...)
			if len(out.Items) > 4 {
				t.Errorf("%d items of 300 KiB in a page of 1 MiB", len(out.Items))
			}
			ended(got)
		}
		return got
	}
	got := scan(func([]string) {})
	if slices.IsSorted(got) {
		t.Error("a scan comes in the order of the keys")
	}
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}

	// The items that a page ended with go away before the next is asked for: no
	// other is lost.
	whole := a.Items("ledger")
	got = scan(func(seen []string) {
		must(t, a.RestoreItems("ledger", slices.DeleteFunc(slices.Clone(whole), func(it map[string]any) bool {
			return slices.Contains(seen, it["pk"].(map[string]any)["S"].(string)+"/1")
		})))
	})
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("with deletions between pages (-want +got):\n%s", d)
	}
	must(t, a.RestoreItems("ledger", whole))
	if left := a.Items("ledger"); len(left) != 9 {
		t.Errorf("%d items are left, want 9", len(left))
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
		lax := func() []item {
			in := partition("a")
			in.ConsistentRead = nil
			return query(t, c, in)
		}
		if lax() != nil {
			t.Error("a read without ConsistentRead is up to date at once")
		}
		if query(t, c, partition("a")) == nil {
			t.Error("a consistent read is stale")
		}
		sleep(time.Second)
		if lax() == nil {
			t.Error("the read is stale for too long")
		}
	})
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
