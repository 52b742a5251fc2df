package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"consentry/internal/service"
	"consentry/test/standin"
)

// A database that stands still keeps nobody for ever: the answer is the one that
// programs wait on.
func TestARequestThatNothingAnswersEnds(t *testing.T) {
	w := newWorld(t)
	e := echo.New()
	Mount(e, Deps{
		Service: w.service, Consent: service.NewConsentFlow(w.service, w.door), Console: standin.Provider{}, PublicURL: &url.URL{Scheme: "http", Host: "consentry.test"},
		AnswerWithin: 20 * time.Millisecond, Stopping: w.stop, Log: zap.NewNop(),
	})
	in, err := w.service.SignIn(t.Context(), issuer, "olga-operator")
	require.NoError(t, err)
	w.store.still.Store(true)
	t.Cleanup(func() { w.store.still.Store(false) })
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, prefix+"/migrations", nil)
	r.AddCookie(&http.Cookie{Name: sessionCookie, Value: in.Cookie})
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	require.Equal(t, http.StatusServiceUnavailable, rec.Code, rec.Body)
	require.NotEmpty(t, rec.Header().Get("Retry-After"))
	require.Contains(t, rec.Body.String(), "Ask again")
}

func TestWhatTakesItsTimeIsNotBounded(t *testing.T) {
	for address, bounded := range map[string]bool{prefix + "/migrations": true, "/auth/sign-in": true, "/events": false, prefix + "/inventory": false} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, nil)
		require.NoError(t, (&server{}).bound(func(c echo.Context) error {
			_, is := c.Request().Context().Deadline()
			require.Equal(t, bounded, is, address)
			return nil
		})(echo.New().NewContext(r, httptest.NewRecorder())))
	}
}
