package localaws

// CreateTable makes a table with a partition key and a sort key, both texts.
func (a *AWS) CreateTable(name, partitionKey, sortKey string) error {
	defer a.lock()()
	return a.dynamodb.Create(name, partitionKey, sortKey)
}

// TableARN returns the ARN of the table of the name.
func (a *AWS) TableARN(name string) string { return a.dynamodb.ARN(name) }

// Items returns the items of a table in the order of a scan, each value in
// DynamoDB's own form: {"name": {"S": "text"}}.
func (a *AWS) Items(table string) []map[string]any {
	defer a.lock()()
	return a.dynamodb.Items(table)
}

// RestoreItems replaces all items of a table by those that Items returned of
// it, as from a backup.
func (a *AWS) RestoreItems(table string, items []map[string]any) error {
	defer a.lock()()
	return a.dynamodb.Restore(table, items)
}

// DeleteItems empties a table.
func (a *AWS) DeleteItems(table string) {
	defer a.lock()()
	a.dynamodb.Clear(table)
}
