// Package config says what the files say: bytes become plain data with positions, and every problem is found at once.
package config

// Document is the providers file as its author writes it; see File for what becomes of it.
type Document struct {
	// Version of the file's format: 1.
	Version int `yaml:"version" jsonschema:"required,enum=1"`
	// Extends is what the file starts from: `builtin`, or the path of another file, relative to this one. An entry of
	// `providers`, `fields`, `usage` or `prices` here replaces the one of that name there; `off` in its place removes it.
	Extends Text `yaml:"extends"`
	// Defaults are laid under every provider: maps key by key, lists add up.
	Defaults Defaults `yaml:"defaults"`
	// Providers by the name that comes first in the path of a request.
	Providers map[string]Provider `yaml:"providers" form:"provider"`
	// Fields are named groups of usage fields, shared by rules.
	Fields map[string]FieldGroup `yaml:"fields"`
	// Usage holds named sets of rules that say where an answer's usage stands.
	Usage map[string]RuleSet `yaml:"usage"`
	// Prices by NAME/MODEL, where NAME is a provider's pricing name and MODEL may hold `*`. They are laid over the built-in
	// table: the longest key that fits a model is its price. `off` takes a price away, a built-in one too.
	Prices map[string]PriceRows `yaml:"prices" form:"price"`
	// Models are names that metrics may show beside those that have a price of their own; any other is `other`.
	Models TextList `yaml:"models"`
}

// Defaults are a provider's keys that can be given for all of them.
type Defaults struct {
	Request  RequestRewrite  `yaml:"request"`            // what is changed in every request
	Response ResponseRewrite `yaml:"response"`           // what is changed in every answer
	Timeouts Timeouts        `yaml:"timeouts"`           // bounds of every exchange
	TLS      TLS             `yaml:"tls"`                // what connections are secured with
	HTTP     HTTPVersion     `yaml:"http"`               // version that providers are spoken to in
	Proxy    SecretText      `yaml:"proxy" form:"proxy"` // what stands between the gateway and providers
	Breaker  Breaker         `yaml:"breaker"`            // what becomes of requests to an upstream that fails
	Throttle Throttle        `yaml:"throttle"`           // what becomes of requests to an upstream that asks for patience
}

// File is the providers file with everything laid over that it builds on (`extends`, `defaults`, fragments, references).
// It is plain data: nothing in it is compiled, and nothing changes it after Load.
type File struct {
	Providers map[string]Provider
	Fields    map[string]FieldGroup
	Usage     map[string]RuleSet
	Prices    map[string]PriceRows // laid over the built-in table; of `--prices`, too
	Models    TextList             // that metrics may name
	// Revision is the first 12 hex digits of the SHA-256 over all YAML files.
	Revision string
	// Paths are the files that were read, secrets included, and those that were looked for: a change to one of them calls for a reload.
	Paths []string
}

// Provider is one entry of `providers`.
type Provider struct {
	Name   string `yaml:"-"`
	Pos    Pos    `yaml:"-"`
	Broken bool   `yaml:"-"` // a problem was found in it, and what that concerns is left out: what it lacks now says nothing

	// Path is a chi pattern for what follows the provider's name; its variables can be used in Upstream. Default: `/*`.
	Path Text `yaml:"path"`
	// Upstream is the base URL, a template: what `*` of Path matched is appended to it. `{{` is a literal `{`; a `}` outside
	// a hole stands for itself.
	Upstream Template `yaml:"upstream"`
	// Routes are several paths, tried in order. Path and Upstream are the short form of one.
	Routes []Route `yaml:"routes"`
	// Usage names the rule sets that read the answers, general first, special last.
	Usage TextList `yaml:"usage"`
	// Pricing is the NAME that `prices` know the provider's models by; default: the provider's own name.
	Pricing Text `yaml:"pricing" form:"pricing"`
	// StreamUsage names the way to ask for usage in streams: `openai-chat`, or `off`.
	StreamUsage Text `yaml:"stream_usage" jsonschema:"enum=openai-chat,enum=off"`

	Request  RequestRewrite  `yaml:"request"`  // what is changed in a request on its way up
	Response ResponseRewrite `yaml:"response"` // what is changed in an answer on its way down
	Timeouts Timeouts        `yaml:"timeouts"` // bounds of the phases of an exchange
	TLS      TLS             `yaml:"tls"`      // what a connection to the provider is secured with

	// HTTP is the version that the provider is spoken to in: `auto` (default: HTTP/2 where the provider offers it), `1`,
	// or `2`, which towards http:// means HTTP/2 without TLS, known to be understood. A WebSocket needs `auto` or `1`.
	HTTP HTTPVersion `yaml:"http"`
	// Proxy stands between the gateway and the provider: http://HOST:PORT, https://… or socks5://…, or `off` for none.
	// Default: what HTTP_PROXY, HTTPS_PROXY and NO_PROXY say. It may hold references.
	Proxy SecretText `yaml:"proxy" form:"proxy"`
	// Auth names what a client's credential for the provider may come in: headers, and query parameters with a ? before the
	// name, as in [x-goog-api-key, ?key]. What else is known to carry credentials is removed from its requests, so that a
	// key of another provider goes no further; `off` removes all of it. Default: everything passes as it was sent.
	Auth TextList `yaml:"auth" form:"carrier"`
	// Limits bound what clients may send to the provider. Default: none.
	Limits Limits `yaml:"limits"`
	// OnClientDisconnect says what becomes of an answer whose client has left. Default: it is cancelled.
	OnClientDisconnect OnClientDisconnect `yaml:"on_client_disconnect"`
	// Access says who may use the provider. Default: everybody who reaches the gateway. It is a provider's own and no
	// default for all: a list that adds up would let in more than its author wrote.
	Access Access `yaml:"access"`

	// Fault is an expression that says which answers count as failures of the provider. Default: `status >= 500`. It may use
	// the body of an error answer below 64 KiB: `status >= 500 or first("error.type") == "overloaded_error"`.
	Fault Text `yaml:"fault" form:"expression"`
	// Breaker says what becomes of requests to an upstream that fails. Default: `watch`.
	Breaker Breaker `yaml:"breaker"`
	// Throttle says what becomes of requests to an upstream that has answered 429, or with Retry-After. Default: `watch`.
	Throttle Throttle `yaml:"throttle"`
	// Retry says when a request is sent once more. Default: never.
	Retry Retry `yaml:"retry"`
	// Fallback says which providers answer when this one does not. Default: none.
	Fallback Fallback `yaml:"fallback"`
	// RetryBuffer is up to which size a request's body is kept for Retry and Fallback, as in 4MiB. Default: 1MiB. A larger one
	// can be sent again only if no connection came about.
	RetryBuffer ByteSize `yaml:"retry_buffer"`
	// Health looks now and then whether the provider can be reached. Default: never.
	Health Health `yaml:"health"`
}

// Route is one path of a provider and where it leads.
type Route struct {
	Path     Text     `yaml:"path"`                           // chi pattern; default `/*`
	Upstream Template `yaml:"upstream" jsonschema:"required"` // base URL, a template
}

// RequestRewrite says what a request is changed in on its way up.
type RequestRewrite struct {
	Headers RequestHeaders `yaml:"headers"` // remove, then default, then set
	Query   QueryRewrite   `yaml:"query"`   // remove, then set
}

// RequestHeaders are changes to the request's header: remove first, then default, then set.
type RequestHeaders struct {
	Set     map[string]Template `yaml:"set" form:"header"`         // in place of what the client sent
	Default map[string]Template `yaml:"default" form:"header"`     // only where the client sent none
	Remove  TextList            `yaml:"remove" form:"header name"` // names; `*` matches any run of characters, `!` before a name takes it out of the defaults' list
}

// QueryRewrite is changes to the query: remove, then set. What is not named keeps its place and spelling.
type QueryRewrite struct {
	Set    map[string]Template `yaml:"set" form:"query"` // in place of what the client sent
	Remove TextList            `yaml:"remove"`           // names; `*` and `!` as for headers
}

// ResponseRewrite says what an answer is changed in on its way down.
type ResponseRewrite struct {
	Headers ResponseHeaders `yaml:"headers"` // remove, then set
}

// ResponseHeaders are changes to the answer's header: remove, then set.
type ResponseHeaders struct {
	Set    map[string]Template `yaml:"set" form:"response header"` // in place of what the provider sent
	Remove TextList            `yaml:"remove" form:"header name"`  // names; `*` and `!` as for requests
}

// Timeouts bound the phases of an exchange. None is shorter by default than the official SDKs' own. 0s turns one off.
type Timeouts struct {
	Connect        Duration `yaml:"connect"`         // dial and TLS handshake; default 10s
	ResponseHeader Duration `yaml:"response_header"` // from the request's last byte to the answer's header; default 15m
	Idle           Duration `yaml:"idle"`            // between two reads of the answer; default 15m
	Total          Duration `yaml:"total"`           // of the whole exchange; default 0s, which is off
	Write          Duration `yaml:"write"`           // one write to the client; default 5m
	Upload         Duration `yaml:"upload"`          // by how much the client may be behind 500 bytes a second with its body; default 5m
	IdleConnection Duration `yaml:"idle_connection"` // how long an unused upstream connection is kept; default 30s
}

// Limits bound what clients may send to a provider. What is beyond them never reaches it, and the client is told why.
type Limits struct {
	Requests int      `yaml:"requests"` // that are open at the same time, WebSockets included, in this gateway; default: no limit
	Wait     Duration `yaml:"wait"`     // how long one more waits for its turn, in order of arrival, before it is refused with 429; default 0s
	Body     ByteSize `yaml:"body"`     // of a request's body, as in 20MiB; beyond it: 413; default, and 0B: no limit
}

// OnClientDisconnect says what becomes of an answer whose client has left. A provider may charge for all of it in any case:
// an answer that is read to its end without a client has its usage in the record.
type OnClientDisconnect struct {
	Action   Text     `yaml:"action" jsonschema:"required,enum=cancel,enum=drain"` // `cancel` ends the request upstream at once; `drain` reads the rest of the answer
	MaxTime  Duration `yaml:"max_time"`                                            // of draining, from when the client left; default 1m
	MaxBytes ByteSize `yaml:"max_bytes"`                                           // of the answer's rest; default 16MiB
}

// TLS is what a connection is secured with; the least is TLS 1.2. Paths are relative to the file that names them. When a
// file changes, new connections use it.
type TLS struct {
	Broken bool `yaml:"-"` // a problem was found in it, and what that concerns is left out

	CA         PEM  `yaml:"ca_file" form:"certificate"`   // PEM file of the authorities that may have signed the provider's certificate, in place of the system's
	Cert       PEM  `yaml:"cert_file" form:"certificate"` // PEM file of the certificate that the gateway shows, and what stands between it and its authority
	Key        PEM  `yaml:"key_file" form:"key"`          // PEM file of that certificate's private key
	ServerName Text `yaml:"server_name" form:"server"`    // name that the provider's certificate must be for; default: the host of upstream
}

// Access is what a client needs to use a provider. The gateway takes it off the request before it goes on.
type Access struct {
	Tokens SecretList `yaml:"tokens" jsonschema:"required"`  // any one of them lets a client in; they may hold references
	Header Text       `yaml:"header" form:"settable header"` // what a token comes in; default X-Windhover-Key; in Authorization it stands behind `Bearer `
}

// TextList is a list of texts; the file may give a single one without brackets.
type TextList []Text

// FieldGroup is a named group of usage fields: field name to expression.
type FieldGroup map[string]Text

// RuleSet is one entry of `usage`: rules from top to bottom.
type RuleSet []Rule

// Rule says when usage is read from an answer, where it stands, and what it means.
type Rule struct {
	Pos    Pos    `yaml:"-"`
	YAML   string `yaml:"-"` // path of the rule in the file, as in usage.openai[0]
	Broken bool   `yaml:"-"` // a problem was found in it, and what that concerns is left out: what it lacks now says nothing

	When     Text       `yaml:"when" form:"expression"`                             // expression: does the rule apply to this exchange
	Where    Text       `yaml:"where" form:"expression"`                            // expression: does it apply to this event
	From     TextList   `yaml:"from"`                                               // gjson paths: the first that is a non-empty object, or an array of them
	Fields   FieldGroup `yaml:"fields"`                                             // field: expression
	With     Text       `yaml:"with"`                                               // a group of the file's `fields`, laid under Fields
	Merge    Text       `yaml:"merge" jsonschema:"enum=overlay,enum=sum,enum=max"`  // `overlay` (default), `sum` or `max`
	Format   Text       `yaml:"format" jsonschema:"enum=json,enum=sse,enum=ndjson"` // the framing, where the content type lies: `json`, `sse`, `ndjson`
	Parts    Text       `yaml:"parts"`                                              // gjson path of an array whose elements are priced each on its own
	End      Text       `yaml:"end" form:"expression"`                              // expression: is this the terminal event
	Consumes *bool      `yaml:"consumes"`                                           // false: answers that count nothing
}
