package service

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"consentry/internal/domain"
	"consentry/internal/logkey"
)

type logKey struct{}

// LogWith notes what every line of the log should name that is written on
// behalf of ctx: the request, or the workflow and activity.
func LogWith(ctx context.Context, fields ...zap.Field) context.Context {
	known, _ := ctx.Value(logKey{}).([]zap.Field)
	return context.WithValue(ctx, logKey{}, slices.Concat(known, fields))
}

// Log is the logger for a line on behalf of ctx: it names what LogWith noted and
// the trace, by the keys that Temporal's SDK uses.
func Log(ctx context.Context, log *zap.Logger) *zap.Logger {
	fields, _ := ctx.Value(logKey{}).([]zap.Field)
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
		fields = append(slices.Clip(fields), zap.Stringer(logkey.TraceID, sc.TraceID()), zap.Stringer(logkey.SpanID, sc.SpanID()))
	}
	return log.With(fields...)
}

func (s *Service) logFor(ctx context.Context) *zap.Logger { return Log(ctx, s.log) }

// parentOf is the trace that ctx belongs to, as W3C writes it; "" without one.
func parentOf(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// under continues the trace that parent names: an engine call belongs to the
// command that wrote it, whoever delivers it and when.
func under(ctx context.Context, parent string) context.Context {
	ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}

// endSpan tells how the traced step came out. A refusal is no error of a system.
func endSpan(span trace.Span, err error) {
	outcome := outcomeOf(err)
	span.SetAttributes(attribute.String("consentry.outcome", outcome))
	if outcome == "error" {
		span.SetStatus(codes.Error, "")
	}
	if kind := domain.KindOf(err); kind != "" {
		span.SetAttributes(attribute.String("error.type", string(kind)))
	}
	span.End()
}
