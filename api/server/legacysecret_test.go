package server

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"consentry/internal/service"
	"consentry/test/standin"
)

const (
	newSecret  = "Xq8~aNewSecretOfTheOldAppThatNobodySees0"
	secretPath = prefix + "/integrations/contoso/legacy-secret"
)

func secretBody(w *world) string {
	return fmt.Sprintf(`{"secret":%q,"secretEndsAt":%q}`, newSecret, w.clock.Now().Add(700*24*time.Hour).UTC().Format(time.RFC3339))
}

func TestAReplacedSecretIsInNoAnswerLogOrRow(t *testing.T) {
	w := emptyWorld(t, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	core, logged := observer.New(zapcore.DebugLevel)
	w.service = service.New(service.Deps{Store: w.store, Engine: w.engine, Keeper: sealer{}, Now: w.clock.Now, Log: zap.New(core)})
	w.mount(echo.New(), w.door)
	standin.Customers(t, w.service, w.clock.Now())
	mia := w.as("mia-migrator")
	before := mia.get(prefix + "/integrations/contoso")
	require.Contains(t, before.body, `"secretState":"ending"`)

	said := []answer{before}
	put := func(body, key string) answer {
		a := mia.do(http.MethodPut, secretPath, body, map[string]string{"Idempotency-Key": key})
		said = append(said, a)
		return a
	}
	done := put(secretBody(w), "k")
	require.Equal(t, http.StatusOK, done.status, done.body)
	var r LegacySecretReplaced
	done.into(&r)
	require.Equal(t, "contoso", r.IntegrationID)
	require.Contains(t, r.Next, "tries it now")
	after := mia.get(prefix + "/integrations/contoso")
	said = append(said, after, mia.get(prefix+"/integrations/contoso/explanation"), mia.get(prefix+"/changes"), mia.get(prefix+"/notices"))
	require.Contains(t, after.body, `"secretState":"untried"`)

	rows := w.rows()
	again := put(secretBody(w), "k")
	require.Equal(t, done.body, again.body)
	require.Equal(t, rows, w.rows(), "a repeat changes nothing")

	ends := w.clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		body   string
		status int
		field  string
	}{
		{strings.Replace(secretBody(w), newSecret, newSecret+" "+newSecret, 1), 422, "secret"},
		{strings.Replace(secretBody(w), newSecret, strings.Repeat(newSecret, 9), 1), 422, "secret"},
		{`{"secret":"` + newSecret + `","secretEndsAt":null}`, 422, "secretEndsAt"},
		{`{"secret":"` + ends + `","secretEndsAt":"` + newSecret + `"}`, 422, ""},        // each in the other's place
		{`{"secret":["` + newSecret + `"],"secretEndsAt":"` + ends + `"}`, 422, ""},      // of another type
		{`{"value":"` + newSecret + `","secretEndsAt":"` + ends + `"}`, 422, ""},         // under another name
		{`{"secret":"` + newSecret + `","secretEndsAt":"` + ends + `"`, 400, ""},         // cut short
		{`{"secret":"` + newSecret + `",secretEndsAt:"` + newSecret + `"}`, 400, ""},     // no JSON
		{`{"secret":"` + newSecret + "\n" + `","secretEndsAt":"` + ends + `"}`, 400, ""}, // a line break as it is
	} {
		a := put(c.body, "")
		require.Equal(t, c.status, a.status, a.body)
		if p := a.problem(); c.field != "" {
			require.Equal(t, c.field, p.Field)
		}
	}
	for _, a := range said {
		require.NotContains(t, a.body+fmt.Sprint(a.header), newSecret[:12])
	}
	for _, entry := range logged.All() {
		require.NotContains(t, fmt.Sprint(entry.Message, entry.ContextMap()), newSecret[:12])
	}
	for table, text := range w.rows() {
		require.NotContains(t, text, newSecret[:12], table)
	}
	require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
		entries, err := r.Audit().List(service.Query{})
		require.NotContains(t, fmt.Sprint(entries), newSecret[:12])
		return err
	}))
	for _, call := range w.engine.Named("DirectorySyncWorkflow") {
		require.NotContains(t, string(call.Payload), newSecret[:12])
	}
}

func TestOnlyItsAccountAndOperatorsReplaceASecret(t *testing.T) {
	w := newWorld(t)
	for subject, status := range map[string]int{"fay-fabric": 404, "vic-viewer": 403, "mia-migrator": 200, "ana-approver": 200, "olga-operator": 200} {
		before := w.rows()["legacy_apps"]
		a := w.as(subject).do(http.MethodPut, secretPath, secretBody(w), nil)
		require.Equal(t, status, a.status, "%s: %s", subject, a.body)
		require.Equal(t, status != 200, before == w.rows()["legacy_apps"], subject)
		if status == 404 {
			require.NotContains(t, a.body, "ontoso")
		}
	}
	before := w.rows()
	require.Equal(t, 401, w.browser().do(http.MethodPut, secretPath, secretBody(w), nil).status)
	a := w.as("mia-migrator").do(http.MethodPut, secretPath, secretBody(w), map[string]string{"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"})
	require.Equal(t, 403, a.status, "another site in somebody's name: %s", a.body)
	require.Equal(t, before["legacy_apps"]+before["secrets"], w.rows()["legacy_apps"]+w.rows()["secrets"])
}
