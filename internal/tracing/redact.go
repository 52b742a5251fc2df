package tracing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/temporal"
)

// gate lets only what is known to be harmless out of the process, whoever wrote
// it into a span: attributes by a list, no events and no text of an error, which
// may quote what Microsoft or a person wrote.
type gate struct{ sdktrace.SpanExporter }

// ExportSpans implements sdktrace.SpanExporter.
func (g gate) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	out := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, s := range spans {
		out[i] = redacted{s}
	}
	return g.SpanExporter.ExportSpans(ctx, out)
}

type redacted struct{ sdktrace.ReadOnlySpan }

// allowed are the attributes that leave the process: methods, routes, outcomes,
// types, and ids that mean nothing outside.
var allowed = []string{
	"http.request.method", "http.route", "http.response.status_code", "error.type",
	"consentry.request", "consentry.outcome", "consentry.service", "consentry.attempt",
	"temporalWorkflowID", "temporalRunID", "temporalActivityID", "temporalUpdateID",
}

// Attributes implements sdktrace.ReadOnlySpan.
func (r redacted) Attributes() []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(r.ReadOnlySpan.Attributes()), func(kv attribute.KeyValue) bool { return !slices.Contains(allowed, string(kv.Key)) })
}

// Events implements sdktrace.ReadOnlySpan.
func (redacted) Events() []sdktrace.Event { return nil }

// Status implements sdktrace.ReadOnlySpan.
func (r redacted) Status() sdktrace.Status {
	return sdktrace.Status{Code: r.ReadOnlySpan.Status().Code}
}

// Links implements sdktrace.ReadOnlySpan: where to, and no attributes.
func (r redacted) Links() []sdktrace.Link {
	links := slices.Clone(r.ReadOnlySpan.Links())
	for i := range links {
		links[i].Attributes = nil
	}
	return links
}

// StartTyped starts a span that keeps an error's type where libraries would
// write its text. It has the form that Temporal's tracing asks for.
func StartTyped(ctx context.Context, t trace.Tracer, name string, o ...trace.SpanStartOption) trace.Span {
	_, span := t.Start(ctx, name, o...)
	return typed{span}
}

type typed struct{ trace.Span }

// RecordError implements trace.Span.
func (s typed) RecordError(err error, _ ...trace.EventOption) {
	if err != nil {
		s.SetAttributes(attribute.String("error.type", errorType(err)))
	}
}

// SetStatus implements trace.Span.
func (s typed) SetStatus(code codes.Code, _ string) { s.Span.SetStatus(code, "") }

func errorType(err error) string {
	if application, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return application.Type()
	}
	return fmt.Sprintf("%T", err)
}

// words of Microsoft's addresses; everything else in one is somebody's id or
// name, or a token of a page.
var words = strings.Fields(`v1.0 beta v2.0 oauth2 token authorize adminconsent discovery keys .well-known openid-configuration
	organization organizations common users groups delta members applications servicePrincipals addKey removeKey directoryRoles me`)

// Route is an address's path with everything replaced that is not a word of
// Microsoft's own: /{}/oauth2/v2.0/token.
func Route(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if p != "" && !slices.Contains(words, p) {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}
