package policy

import _ "embed" // for the schema

//go:embed policy.schema.json
var schema string

// Schema returns the JSON Schema (draft 2020-12) of the document, for editors.
// It knows the structure: keys, types, words, what is required. Parse goes
// beyond it.
func Schema() string { return schema }
