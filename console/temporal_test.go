package console_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/console"
	"consentry/console/consoletest"
	"consentry/internal/domain"
	"consentry/internal/service"
)

// olga is an operator in a session, which a pass needs.
func olga() domain.Caller {
	who := consoletest.Olga
	who.Session = "digest"
	return who
}

func TestAnOperatorIsSentToTheTemporalUIWithAPass(t *testing.T) {
	w := open(t).as(olga())
	const address = "/temporal?return=%2Fnamespaces%2Fconsentry"
	asked := w.do(http.MethodGet, address, nil)
	require.Equal(t, http.StatusOK, asked.Code)
	require.NotContains(t, asked.Header().Get("Content-Security-Policy"), "temporal.example", "the page that only asks leads nowhere else")
	page := parse(t, asked.Body.String())
	require.Equal(t, address, page.one(t, "main form").attr("action"))
	require.Contains(t, page.one(t, "main").text(), "temporal.example")
	page.none(t, "input[name=pass]")
	require.Equal(t, "/temporal", page.one(t, "nav [aria-current=page]").attr("href"))
	require.Empty(t, w.visits(), "looking makes no pass")

	page, h := w.post(address, http.StatusOK, url.Values{})
	form := page.one(t, "main form[data-go]")
	require.Equal(t, "https://temporal.example/consentry-ui/enter", form.attr("action"))
	require.Equal(t, "post", form.attr("method"), "a pass is in no address")
	require.Len(t, page.one(t, "input[name=pass]").attr("value"), len(domain.NewToken()))
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	require.Contains(t, h.Get("Content-Security-Policy"), "form-action 'self' https://temporal.example;", "there and nowhere else")
	require.Equal(t, "strict-origin", h.Get("Referrer-Policy"), "the other side sees that the console sends it")
	visits := w.visits()
	require.Len(t, visits, 1)
	require.Equal(t, "/namespaces/consentry", visits[0].Return)
	require.Equal(t, "digest", visits[0].SessionID)
}

func (w *world) visits() (all []domain.TemporalVisit) {
	w.t.Helper()
	require.NoError(w.t, w.store.Read(w.t.Context(), func(r service.Rows) (err error) {
		all, err = r.TemporalVisits().List(service.Query{})
		return err
	}))
	return all
}

func TestThereIsNoWayToTheTemporalUIForOthers(t *testing.T) {
	w := open(t)
	for _, who := range []domain.Caller{consoletest.Ana, consoletest.Leo} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			require.Equal(t, http.StatusNotFound, w.as(who).do(method, "/temporal", nil).Code)
		}
		w.get(contosoPeople).none(t, "nav a[href=/temporal]")
	}
	require.Equal(t, http.StatusUnauthorized, w.as(domain.Anonymous()).do(http.MethodPost, "/temporal", nil).Code)
	require.Empty(t, w.visits())

	e := echo.New() // without a host of its own
	_, err := console.Mount(e, console.Deps{Service: w.commands, Caller: func(echo.Context) domain.Caller { return olga() }, Now: w.commands.Now, Log: zap.NewNop()})
	require.NoError(t, err)
	w.echo = e
	require.Equal(t, http.StatusNotFound, w.do(http.MethodGet, "/temporal", nil).Code)
	w.get("/operators").none(t, "nav a[href=/temporal]")
}
