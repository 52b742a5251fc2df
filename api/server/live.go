package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
)

// How a stream keeps its connection open, and how much of the log it reads at
// once.
const (
	streamComment = 15 * time.Second
	streamBatch   = 500
)

func (s *server) liveRoutes(api huma.API) {
	type changesIn struct {
		Since     int64  `query:"since" minimum:"0" doc:"The last number you know; 0 for all."`
		Limit     int    `query:"limit" minimum:"1" maximum:"500" default:"200"`
		AccountID string `query:"accountId" maxLength:"100"`
	}
	type changesOut struct {
		Body struct {
			Items []Change  `json:"items" nullable:"false" doc:"In order."`
			Last  int64     `json:"last" doc:"Ask with this as since for what follows."`
			AsOf  time.Time `json:"asOf"`
		}
	}
	add(s, api, op{method: http.MethodGet, path: prefix + "/changes", id: "list-changes", tag: "live", summary: "What changed, in order"},
		func(ctx context.Context, in *changesIn) (*changesOut, error) {
			changes, err := s.Service.ChangesSince(ctx, CallerFrom(ctx), in.AccountID, in.Since, in.Limit)
			if err != nil {
				return nil, err
			}
			out := &changesOut{}
			out.Body.Items, out.Body.Last, out.Body.AsOf = []Change{}, in.Since, s.Service.Now().UTC()
			for _, c := range changes {
				out.Body.Items, out.Body.Last = append(out.Body.Items, changeOf(c)), c.Seq
			}
			return out, nil
		})

	type eventsIn struct {
		LastEventID string `header:"Last-Event-ID" maxLength:"20"`
		Since       int64  `query:"since" minimum:"0" doc:"Instead of Last-Event-ID; 0: from now on."`
		AccountID   string `query:"accountId" maxLength:"100"`
	}
	add(s, api, op{method: http.MethodGet, path: "/events", id: "events", tag: "live", summary: "Server-sent events: something changed, and up to which number"},
		func(ctx context.Context, in *eventsIn) (*huma.StreamResponse, error) {
			if in.AccountID != "" { // a mistyped id would else be a stream in which nothing happens
				if _, err := s.Service.Account(ctx, CallerFrom(ctx), in.AccountID); err != nil {
					return nil, err
				}
			}
			since := in.Since
			if seq, err := strconv.ParseInt(in.LastEventID, 10, 64); err == nil && seq >= 0 {
				since = seq
			}
			if since == 0 {
				var err error
				if since, err = s.Service.LastChange(ctx); err != nil {
					return nil, err
				}
			}
			return &huma.StreamResponse{Body: func(c huma.Context) { s.stream(humaecho.Unwrap(c), in.AccountID, since) }}, nil
		})
}

// stream writes an event whenever something that the caller sees has changed,
// until the browser goes, the session ends or the process stops. Events carry no
// data of customers: the page asks for what it shows.
func (s *server) stream(c echo.Context, accountID string, since int64) {
	ctx := c.Request().Context()
	w := c.Response()
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Time{}) // the server's bound is for answers that end
	h := w.Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	send := func(format string, args ...any) bool {
		_, err := fmt.Fprintf(w, format, args...)
		return err == nil && rc.Flush() == nil
	}
	grown, done := s.feed.listen(ctx)
	defer done()
	comment := time.NewTicker(streamComment)
	defer comment.Stop()
	if !send("retry: 2000\n: live\n\n") {
		return
	}
	caller := CallerFrom(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Stopping:
			return
		case <-comment.C:
			// Roles may have been taken away, or the session or token may have ended.
			now, err := s.callerOf(c)
			if _, refused := errors.AsType[*Problem](err); refused || (err == nil && now.Kind == domain.CallerAnonymous) {
				return
			}
			if err == nil {
				caller = now
			}
			if !send(": live\n\n") {
				return
			}
		case <-grown:
			last := s.lastFor(ctx, caller, accountID, since)
			if last > since && !send("event: changed\nid: %d\ndata: {}\n\n", last) {
				return
			}
			since = max(since, last)
		}
	}
}

// lastFor gives the newest number of the log that the caller may know.
func (s *server) lastFor(ctx context.Context, caller domain.Caller, accountID string, since int64) int64 {
	for {
		changes, err := s.Service.ChangesSince(ctx, caller, accountID, since, streamBatch)
		if err != nil || len(changes) == 0 {
			return since
		}
		since = changes[len(changes)-1].Seq
		if len(changes) < streamBatch {
			return since
		}
	}
}
