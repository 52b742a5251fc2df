package server

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// instantText is how the document describes a domain.Instant.
type instantText struct{}

// Schema implements huma.SchemaProvider.
func (instantText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true, Description: "RFC 3339 in UTC; null: never, or not yet."}
}

// durationText is how the document describes a domain.Duration.
type durationText struct{}

// Schema implements huma.SchemaProvider.
func (durationText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: durationForm, PatternDescription: "a duration, for example \"72h\" or \"30m\"", Description: "Go notation, for example 72h, 90s or 1h30m.", Examples: []any{"72h0m0s"}}
}

const durationForm = `^-?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`

func registerTypes(r huma.Registry) {
	r.RegisterTypeAlias(reflect.TypeFor[domain.Instant](), reflect.TypeFor[instantText]())
	r.RegisterTypeAlias(reflect.TypeFor[domain.Duration](), reflect.TypeFor[durationText]())
}

// ByID is the input of everything about one thing. It is exported, like Paging,
// because the framework looks into exported embedded fields only.
type ByID struct {
	ID string `path:"id" maxLength:"100" doc:"Opaque id."`
}

// Paging is what every list takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Most items of one answer."`
	Cursor string `query:"cursor" maxLength:"200" doc:"The next of an earlier answer."`
}

func (p Paging) page() service.Page { return service.Page{Limit: p.Limit, Cursor: p.Cursor} }

// one and list are the answers' envelopes.
type one[T any] struct{ Body T }

type list[T any] struct {
	Body struct {
		Items []T       `json:"items" nullable:"false"`
		Next  string    `json:"next,omitempty" doc:"Cursor of the following part; absent at the end."`
		AsOf  time.Time `json:"asOf" doc:"When this was true."`
	}
}

// listOf turns rows into an answer.
func listOf[R, T any](rows service.List[R], view func(R) T) *list[T] {
	var l list[T]
	l.Body.Items, l.Body.Next, l.Body.AsOf = make([]T, 0, len(rows.Items)), rows.Next, rows.AsOf.UTC()
	for _, r := range rows.Items {
		l.Body.Items = append(l.Body.Items, view(r))
	}
	return &l
}

// Reason is a code for programs with a sentence for people.
type Reason struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// reason is nil when there is nothing to say, so that the answer leaves it out.
func reason(code, text string) *Reason {
	if code == "" && text == "" {
		return nil
	}
	return &Reason{Code: code, Text: text}
}

// Condition is how a thing fares beside its phase.
type Condition struct {
	State domain.Condition `json:"state" enum:"ok,error,stopped,disabled"`
	Code  string           `json:"code,omitempty"`
	Text  string           `json:"text,omitempty"`
	Since domain.Instant   `json:"since"`
}
