// Package logkey is the keys that lines of the log carry, each with one meaning
// and one unit: docs/log-keys.md lists them, and a test holds code and list
// equal. Keys that Temporal's SDK writes, too, are spelled as it spells them, so
// that one search finds the lines of both. Values are ids, words and numbers of
// ours, never names of people, secrets or directory data.
package logkey

// What a line is about.
const (
	Error    = "error"
	Kind     = "kind"
	Part     = "part"
	Means    = "means"
	Remedy   = "remedy"
	Version  = "version"
	Revision = "revision"
	Within   = "within"
	Stack    = "stack"
)

// On whose behalf it was written.
const (
	Request      = "request"
	TraceID      = "TraceID"
	SpanID       = "SpanID"
	WorkflowID   = "WorkflowID"
	RunID        = "RunID"
	WorkflowType = "WorkflowType"
	ActivityType = "ActivityType"
	Attempt      = "Attempt"
	Namespace    = "Namespace"
)

// A request that was answered.
const (
	Method = "method"
	Route  = "route"
	Status = "status"
	Took   = "took"
	Bytes  = "bytes"
	Caller = "caller"
)

// Things of the product, by their ids.
const (
	Action      = "action"
	Token       = "token"
	Session     = "session"
	Integration = "integration"
	Migration   = "migration"
	Region      = "region"
	Purpose     = "purpose"
	Signal      = "signal"
	Call        = "call"
	Target      = "target"
	Attempts    = "attempts"
)
