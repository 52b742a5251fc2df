package entra_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/entra"
)

func TestGraphErrorsByWhatToDoNext(t *testing.T) {
	f := newFake(t)
	directory, err := entra.NewDirectory(f.cloud(), entra.NewTokens(f.cloud(), newCredentials(), time.Now))
	require.NoError(t, err)
	graph := func(code, message string) string {
		return fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innerError":{"date":"2026-03-10T12:00:00","request-id":"req-1","client-request-id":"cor-1"}}}`, code, message)
	}
	for sentence, test := range map[string]struct {
		status int
		media  string
		body   string
		header http.Header
		kind   entra.Kind
		code   string
		retry  time.Duration
	}{
		"throttled for long":               {429, "application/json", graph("TooManyRequests", ""), http.Header{"Retry-After": {"120"}}, entra.Throttled, "TooManyRequests", 2 * time.Minute},
		"throttled until a date":           {429, "application/json", "", http.Header{"Retry-After": {"Tue, 10 Mar 2026 12:10:00 GMT"}, "Date": {"Tue, 10 Mar 2026 12:00:00 GMT"}}, entra.Throttled, "", 10 * time.Minute},
		"throttled as the old service did": {503, "application/json", graph("Request_ThrottledTemporarily", ""), nil, entra.Throttled, "Request_ThrottledTemporarily", 0},
		"no permission":                    {403, "application/json", graph("Authorization_RequestDenied", "Insufficient privileges to complete the operation."), nil, entra.ConsentMissing, "Authorization_RequestDenied", 0},
		"no identity yet":                  {401, "application/json", graph("Authorization_IdentityNotFound", ""), nil, entra.ConsentMissing, "Authorization_IdentityNotFound", 0},
		"token not accepted":               {401, "application/json", graph("InvalidAuthenticationToken", "Access token is empty."), nil, entra.TokenRejected, "InvalidAuthenticationToken", 0},
		"delta gone":                       {410, "application/json", graph("syncStateNotFound", ""), http.Header{"Location": {"https://example.org"}}, entra.DeltaExpired, "syncStateNotFound", 0},
		"delta gone without a word":        {410, "", "", nil, entra.DeltaExpired, "", 0},
		"delta gone by code":               {400, "application/json", graph("SyncStateNotFound", ""), nil, entra.DeltaExpired, "SyncStateNotFound", 0},
		"delta gone by inner code":         {404, "application/json", `{"error":{"code":"itemNotFound","innererror":{"code":"resyncApplyDifferences"}}}`, nil, entra.DeltaExpired, "itemNotFound", 0},
		"a token nobody made":              {400, "application/json", graph("Request_BadRequest", "Badly formed token."), nil, entra.DeltaExpired, "Request_BadRequest", 0},
		"a token of another application":   {400, "application/json", graph("Request_BadRequest", "..."), nil, entra.DeltaExpired, "Request_BadRequest", 0},
		"not found":                        {404, "application/json", graph("Request_ResourceNotFound", ""), nil, entra.NotFound, "Request_ResourceNotFound", 0},
		"an empty object":                  {500, "application/json", `{}`, nil, entra.Unavailable, "", 0},
		"an empty object, forbidden":       {403, "application/json", `{}`, nil, entra.Unexpected, "", 0},
		"an error without fields":          {403, "application/json", `{"error":{}}`, nil, entra.ConsentMissing, "", 0},
		"an empty code":                    {503, "application/json", graph("", ""), nil, entra.Unavailable, "", 0},
		"nulls":                            {502, "application/json", `{"error":{"code":null,"message":null,"innerError":null}}`, nil, entra.Unavailable, "", 0},
		"an array":                         {500, "application/json", `[1,2]`, nil, entra.Unavailable, "", 0},
		"a page of a proxy":                {502, "text/html", `<html>Bad gateway</html>`, nil, entra.Unavailable, "", 0},
		"a forbidding page of a proxy":     {403, "text/html", `<html>Forbidden</html>`, nil, entra.Unexpected, "", 0},
		"no body":                          {504, "", "", nil, entra.Unavailable, "", 0},
		"a redirect":                       {302, "text/html", "", http.Header{"Location": {"https://example.org"}}, entra.Unexpected, "", 0},
		"success that is a web page":       {200, "text/html", `<html>Sign in to the hotel</html>`, nil, entra.Unavailable, "", 0},
		"success without a body":           {204, "", "", nil, entra.Unexpected, "", 0},
		"not implemented":                  {501, "application/json", graph("NotImplemented", ""), nil, entra.Unexpected, "NotImplemented", 0},
	} {
		t.Run(sentence, func(t *testing.T) {
			var sent http.Header
			f.graph = func(w http.ResponseWriter, r *http.Request) {
				sent = r.Header.Clone()
				maps.Copy(w.Header(), test.header)
				w.Header().Set("Content-Type", test.media)
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}
			_, err := directory.Page(t.Context(), connector, entra.Users, f.URL+"/v1.0/users/delta?$deltatoken=link-token")
			require.Equal(t, "Bearer token", sent.Get("Authorization"))
			require.Equal(t, "Low", sent.Get("x-ms-throttle-priority"))
			e, ok := errors.AsType[*entra.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, test.kind, e.Kind, "%v", err)
			require.Equal(t, test.code, e.Code)
			require.Equal(t, test.retry, e.RetryAfter)
			if test.status != 204 {
				require.Equal(t, test.status, e.HTTPStatus)
			}
			if test.code != "" && test.code != "itemNotFound" {
				require.Equal(t, "req-1", e.RequestID)
				require.Equal(t, "cor-1", e.CorrelationID)
				require.Contains(t, err.Error(), "req-1")
			}
			require.NotContains(t, err.Error(), "link-token")
		})
	}
}

func TestABadFirstRequestIsNoExpiredLink(t *testing.T) {
	f := newFake(t)
	directory, err := entra.NewDirectory(f.cloud(), entra.NewTokens(f.cloud(), newCredentials(), time.Now))
	require.NoError(t, err)
	f.graph = func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": "Request_BadRequest", "message": "Parsing OData Select and Expand failed."}})
	}
	_, err = directory.Page(t.Context(), connector, entra.Users, "")
	require.Equal(t, entra.Unexpected, entra.KindOf(err), "a full round would fail the same way, for ever")
}

func TestTokenErrorsByWhatToDoNext(t *testing.T) {
	f := newFake(t)
	tokens := entra.NewTokens(f.cloud(), newCredentials(), time.Now)
	oauth := func(code int, name string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":"AADSTS%d: ana@contoso.com is not welcome.\r\nTrace ID: x","error_codes":[%d],"trace_id":"trace-1","correlation_id":"cor-1"}`, name, code, code)
	}
	for sentence, test := range map[string]struct {
		status int
		body   string
		kind   entra.Kind
		code   string
	}{
		"not in this directory":              {400, oauth(700016, "unauthorized_client"), entra.AppMissing, "AADSTS700016"},
		"no service principal":               {401, oauth(7000229, "invalid_client"), entra.AppMissing, "AADSTS7000229"},
		"disabled":                           {401, oauth(7000112, "unauthorized_client"), entra.AppDisabled, "AADSTS7000112"},
		"key not known":                      {401, oauth(700027, "invalid_client"), entra.KeyUnknown, "AADSTS700027"},
		"secret wrong":                       {401, oauth(7000215, "invalid_client"), entra.SecretInvalid, "AADSTS7000215"},
		"secret expired":                     {401, oauth(7000222, "invalid_client"), entra.SecretExpired, "AADSTS7000222"},
		"tenant unknown":                     {400, oauth(90002, "invalid_request"), entra.TenantMissing, "AADSTS90002"},
		"clock wrong":                        {401, oauth(700024, "invalid_client"), entra.Misconfigured, "AADSTS700024"},
		"busy":                               {503, oauth(90033, "temporarily_unavailable"), entra.Unavailable, "AADSTS90033"},
		"throttled":                          {429, oauth(90055, "temporarily_unavailable"), entra.Throttled, "AADSTS90055"},
		"asked in a loop":                    {400, oauth(50196, "invalid_grant"), entra.Throttled, "AADSTS50196"},
		"a code nobody knows":                {400, oauth(123456789, "invalid_request"), entra.Unexpected, "AADSTS123456789"},
		"a code in the text only":            {400, `{"error":"unauthorized_client","error_description":"AADSTS700016: no"}`, entra.AppMissing, "AADSTS700016"},
		"no code":                            {500, `{"error":"server_error"}`, entra.Unavailable, "server_error"},
		"an empty object":                    {400, `{}`, entra.Unexpected, ""},
		"an empty object, unauthorized":      {401, `{}`, entra.Unexpected, ""},
		"codes of another type":              {400, `{"error":"invalid_client","error_codes":"700027"}`, entra.Unexpected, "invalid_client"},
		"success with nothing in it":         {200, `{}`, entra.Unexpected, ""},
		"success that is no object":          {200, `"token"`, entra.Unexpected, ""},
		"an error name that is no such name": {400, `{"error":"<b>ana@contoso.com</b>"}`, entra.Unexpected, ""},
	} {
		t.Run(sentence, func(t *testing.T) {
			f.token = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}
			_, err := tokens.Token(t.Context(), connector)
			e, ok := errors.AsType[*entra.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, test.kind, e.Kind, "%v", err)
			require.Equal(t, test.code, e.Code)
			require.NotContains(t, err.Error(), "ana@contoso.com", "free text of Microsoft may name people")
			if test.code != "" && len(test.code) > 10 && test.kind != entra.Unavailable && e.RequestID != "" {
				require.Contains(t, err.Error(), "trace-1")
			}
		})
	}
}

func TestATokenServiceThatIsDownIsUnavailable(t *testing.T) {
	f := newFake(t)
	cloud := f.cloud()
	f.Close()
	_, err := entra.NewTokens(cloud, newCredentials(), time.Now).Token(t.Context(), connector)
	require.Equal(t, entra.Unavailable, entra.KindOf(err), "%v", err)
}

func TestACancelledCallerGetsHisCancellation(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	f.token = func(http.ResponseWriter, *http.Request) {
		cancel()
		<-release
	}
	_, err := entra.NewTokens(f.cloud(), newCredentials(), time.Now).Token(ctx, connector)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, entra.KindOf(err), "a cancellation is no failure of Microsoft's")
}

func TestAShortPauseIsWaitedOutAndALongOneHandedBack(t *testing.T) {
	f := newFake(t)
	directory, err := entra.NewDirectory(f.cloud(), entra.NewTokens(f.cloud(), newCredentials(), time.Now))
	require.NoError(t, err)
	pause := "0.01"
	calls := 0
	f.graph = func(w http.ResponseWriter, _ *http.Request) {
		calls++
		if calls%3 != 0 {
			w.Header().Set("Retry-After", pause)
			writeJSON(w, http.StatusServiceUnavailable, map[string]any{})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"value": []any{}})
	}
	body, err := directory.Page(t.Context(), connector, entra.Groups, "")
	require.NoError(t, err)
	require.JSONEq(t, `{"value":[]}`, string(body))
	require.Equal(t, 3, calls)

	calls, pause = 0, "3600"
	_, err = directory.Page(t.Context(), connector, entra.Groups, "")
	require.Equal(t, 1, calls, "an hour is slept by the workflow, not here")
	e, ok := errors.AsType[*entra.Error](err)
	require.True(t, ok)
	require.Equal(t, time.Hour, e.RetryAfter)
}

// TestEveryErrorNamesTheRequest: whatever goes wrong after a request left us, somebody can ask Microsoft about it.
func TestEveryErrorNamesTheRequest(t *testing.T) {
	const requestID = "55555555-5555-4555-8555-555555555555"
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("request-id", requestID)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("request-id", requestID)
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"value":[`))
	}
	reset := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for sentence, test := range map[string]struct {
		answer http.HandlerFunc
		kind   entra.Kind
		id     bool
	}{
		"a web page in place of a directory": {answer(200, "text/html", "<html>"), entra.Unavailable, true},
		"a web page as an error":             {answer(502, "text/html", "<html>"), entra.Unavailable, true},
		"an empty object as an error":        {answer(403, "application/json", "{}"), entra.Unexpected, true},
		"no body as an error":                {answer(500, "application/json", ""), entra.Unavailable, true},
		"an empty object as a directory":     {answer(200, "application/json", "{}"), entra.Unexpected, true},
		"a body that is no document":         {answer(200, "application/json", "[["), entra.Unexpected, true},
		"a body that breaks off":             {cut, entra.Unavailable, true},
		"a connection that breaks off":       {reset, entra.Unavailable, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			f := newFake(t)
			f.Config.ErrorLog = log.New(io.Discard, "", 0)
			f.graph = test.answer
			directory, err := entra.NewDirectory(f.cloud(), entra.NewTokens(f.cloud(), newCredentials(), time.Now))
			require.NoError(t, err)
			_, err = directory.Organization(t.Context(), connector, false)
			e, ok := errors.AsType[*entra.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, test.kind, e.Kind, "%v", err)
			require.Regexp(t, `^[0-9a-f-]{36}$`, e.CorrelationID)
			if test.id {
				require.Equal(t, requestID, e.RequestID)
			}
			require.Contains(t, err.Error(), e.CorrelationID)
		})
	}
}

func TestASignInThatBreaksNamesTheRequestToo(t *testing.T) {
	f := newFake(t)
	f.token = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("x-ms-request-id", "66666666-6666-4666-8666-666666666666")
		w.Header().Set("Content-Length", "1000")
		_, _ = w.Write([]byte(`{"id_token":"`))
	}
	_, err := entra.NewSignIn(f.cloud(), newCredentials(), time.Now).Redeem(t.Context(), redeemRequest())
	e, ok := errors.AsType[*entra.Error](err)
	require.True(t, ok)
	require.Equal(t, entra.Unavailable, e.Kind, "the library keeps only the words of a broken connection: %v", err)
	require.Equal(t, "66666666-6666-4666-8666-666666666666", e.RequestID)
}

// silence never answers: what a connection looks like when everything on the way was dropped.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestATokenServiceThatNeverAnswersIsAnOutage: it is our patience that ends here, not the caller's, so the caller has to
// be told what to do next and which request it was.
func TestATokenServiceThatNeverAnswersIsAnOutage(t *testing.T) {
	pairs() // outside of the bubble, where other tests wait for them too
	synctest.Test(t, func(t *testing.T) {
		cloud := entra.Global()
		cloud.HTTP = &http.Client{Transport: silence{}}
		tokens := entra.NewTokens(cloud, newCredentials(), time.Now)
		_, noToken := tokens.Token(t.Context(), connector)
		_, noIdentity := entra.NewSignIn(cloud, newCredentials(), time.Now).Redeem(t.Context(), redeemRequest())
		_, nobody := entra.NewConsole(entra.ConsoleConfig{Issuer: cloud.Authority, ClientID: cellApp, HTTP: cloud.HTTP}, time.Now).
			Redeem(t.Context(), entra.ConsoleRedeemRequest{Code: "code-1"})
		require.ErrorContains(t, noToken, "no answer within 30s")
		for _, err := range []error{noToken, noIdentity, nobody} {
			e, ok := errors.AsType[*entra.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, entra.Unavailable, e.Kind, "%v", err)
			require.Regexp(t, `^[0-9a-f-]{36}$`, e.CorrelationID)
		}

		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := tokens.Token(impatient, connector)
		require.ErrorIs(t, err, context.DeadlineExceeded, "the caller gave up")
		require.Empty(t, entra.KindOf(err))
		time.Sleep(time.Minute) //nolint:forbidigo // of the bubble: the exchange that nobody waits for ends, too
	})
}

func TestAnEndlessAnswerIsNotReadToItsEnd(t *testing.T) {
	f := newFake(t)
	f.graph = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		block := bytes.Repeat([]byte(" "), 1<<20)
		for range 80 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
	directory, err := entra.NewDirectory(f.cloud(), entra.NewTokens(f.cloud(), newCredentials(), time.Now))
	require.NoError(t, err)
	_, err = directory.Page(t.Context(), connector, entra.Users, "")
	require.Equal(t, entra.Unexpected, entra.KindOf(err))
	require.ErrorContains(t, err, "longer than any")
}
