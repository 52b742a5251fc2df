// Preview serves the console over a store with every state a page can show, for
// looking at pages while they are made: no engine, no emulator, no sign-in.
//
//	go run ./test/preview           then open the address it prints
//	/as/ana|ben|leo|tess|olga       look as somebody else; /as/nobody signs out
//	POST /preview/phase?id=mig_new&phase=Proving   move a migration, to see the page follow
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"consentry/api/server"
	"consentry/console"
	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/mirror"
	"consentry/internal/service"
	"consentry/internal/store"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8095", "where to listen")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string) error {
	dir, err := os.MkdirTemp("", "consentry-preview")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	db, err := store.Open(ctx, filepath.Join(dir, "preview.db"), mirror.On)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := consoletest.Seed(ctx, db, time.Now()); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	e := echo.New()
	e.Listener = listener
	e.HideBanner, e.HidePort = true, true
	svc := service.New(service.Deps{Store: db, Now: time.Now, Log: zap.NewNop()})
	pages, err := console.Mount(e, console.Deps{
		Service: svc, Caller: caller, BrowserAuthorities: []string{"https://login.microsoftonline.com"}, Now: time.Now, Log: zap.NewNop(), Public: base,
		Temporal: "https://temporal.example.com" + server.TemporalEnter,
	})
	if err != nil {
		return err
	}
	e.HTTPErrorHandler = func(err error, c echo.Context) { _ = pages.Error(c, err) }
	e.GET("/as/:name", func(c echo.Context) error {
		c.SetCookie(&http.Cookie{Name: "preview", Value: c.Param("name"), Path: "/"})
		return c.Redirect(http.StatusSeeOther, "/connectors")
	})
	e.POST("/preview/phase", func(c echo.Context) error {
		return move(c.Request().Context(), db, c.QueryParam("id"), c.QueryParam("phase"))
	})
	e.GET("/events", func(c echo.Context) error { return events(c, db) })
	go func() { <-ctx.Done(); _ = e.Close() }()
	fmt.Println(base)
	if err := e.Start(""); ctx.Err() == nil {
		return err
	}
	return nil
}

func caller(c echo.Context) domain.Caller {
	people := map[string]domain.Caller{
		"": consoletest.Ana, "ana": consoletest.Ana, "ben": consoletest.Ben, "leo": consoletest.Leo, "tess": consoletest.Tess, "olga": consoletest.Olga,
	}
	name := ""
	if cookie, err := c.Cookie("preview"); err == nil {
		name = cookie.Value
	}
	if who, known := people[name]; known {
		return who
	}
	return domain.Anonymous()
}

func move(ctx context.Context, db *store.Store, id, phase string) error {
	return db.Write(ctx, func(rows service.Rows) error {
		m, err := rows.Migrations().Get(id)
		if err != nil {
			return err
		}
		m.Phase, m.PhaseSince = domain.Phase(phase), domain.At(time.Now())
		if err := rows.Migrations().Update(&m); err != nil {
			return err
		}
		return rows.Changes().Insert(&domain.Change{AccountID: m.AccountID, Kind: "migration", SubjectID: id, What: "moved", At: domain.At(time.Now())})
	})
}

// events is a stand-in for the API's stream: it looks four times a second.
func events(c echo.Context, db *store.Store) error {
	w := c.Response()
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	w.Flush()
	var seen int64
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.Request().Context().Done():
			return nil
		case <-tick.C:
		}
		err := db.Read(c.Request().Context(), func(rows service.Rows) error {
			last, err := rows.Changes().Find(service.Query{Order: []string{"-seq"}, Limit: 1})
			if err == nil && last.Seq != seen {
				if seen != 0 {
					_, err = fmt.Fprintf(w, "id: %d\nevent: changed\ndata:\n\n", last.Seq)
					w.Flush()
				}
				seen = last.Seq
			}
			return err
		})
		if err != nil {
			return err
		}
	}
}
