// Package windhover embeds the files that the program ships with.
package windhover

import _ "embed"

// Providers is the shipped providers.yaml: what the gateway runs with when it is given no file, and what `extends: builtin` starts from.
//
//go:embed providers.yaml
var Providers []byte

// Schema is the JSON Schema of providers.yaml, generated from the types of package config.
//
//go:embed schema/providers.schema.json
var Schema []byte

// UsageAPI is the OpenAPI document of the usage API.
//
//go:embed schema/usage-api.json
var UsageAPI []byte
