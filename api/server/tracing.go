package server

import (
	"net"
	"net/http"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// trace gives each request a span by its route; probes and assets have none.
func (s *server) trace(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !s.needsCaller(r) {
			return next(c)
		}
		route := routeOf(c)
		ctx, o := r.Context(), []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
				attribute.String("http.request.method", methodOf(r)), attribute.String("http.route", route), attribute.String("consentry.request", requestID(r.Context())),
			),
		}
		// A trusted proxy's trace is gone on with. Anybody else's is not: he could
		// join a trace of ours, or have everything recorded.
		if s.fromProxy(r) {
			ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
		}
		ctx, span := s.Tracer.Start(ctx, methodOf(r)+" "+route, o...)
		defer span.End()
		c.SetRequest(r.WithContext(ctx))
		err := next(c)
		status := c.Response().Status
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
		return err
	}
}

// routeOf names the route of a request, not its address: addresses of a consent
// carry one-use values, and queries carry codes.
func routeOf(c echo.Context) string {
	if route := c.Path(); route != "" && route != "/*" {
		return route
	}
	return "(none)"
}

func (s *server) fromProxy(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	if err != nil || ip == nil {
		return false
	}
	for _, network := range s.TrustedProxies {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}
