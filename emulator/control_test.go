package emulator_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

const controlTenant = "6f1f7c0e-3a51-4c4e-9d0d-1d5d8a3a7f11"

func controlled(t *testing.T) (*emulator.Server, func(method, path, body string) int) {
	t.Helper()
	s, err := emulator.New(emulator.Config{HTTPSAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	require.NoError(t, err)
	require.NoError(t, s.Start())
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	require.NoError(t, s.AddTenant(emulator.Tenant{ID: controlTenant, DisplayName: "Controlled", Domain: "controlled.example"}))
	return s, func(method, path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), method, s.HTTPURL()+path, strings.NewReader(body))
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
}

func TestAFaultStrikesATenantNamedByItsDomain(t *testing.T) {
	_, call := controlled(t)
	require.Equal(t, http.StatusOK, call(http.MethodPost, "/__control/faults", `{"tenantId":"controlled.example","pathPrefix":"/v2.0/","status":503,"remaining":-1}`))
	require.Equal(t, http.StatusServiceUnavailable, call(http.MethodGet, "/"+controlTenant+"/v2.0/.well-known/openid-configuration", ""))
}

func TestAFaultThatCouldNotStrikeIsRefused(t *testing.T) {
	s, call := controlled(t)
	for body, want := range map[string]int{
		`{"tenantId":"nowhere.example","status":503}`:    http.StatusNotFound,
		`{"appId":"` + controlTenant + `","status":503}`: http.StatusNotFound,
		`{"status":9999}`:                    http.StatusBadRequest,
		`{"status":100}`:                     http.StatusBadRequest,
		`{"status":503,"remaining":-2}`:      http.StatusBadRequest,
		`{"status":503,"delay":"-5s"}`:       http.StatusBadRequest,
		`{"status":503,"unknownField":true}`: http.StatusBadRequest,
		`{"status":503} {"status":429}`:      http.StatusBadRequest,
	} {
		require.Equal(t, want, call(http.MethodPost, "/__control/faults", body), body)
	}
	require.Empty(t, s.Faults())
}

func TestAMutationWithAnUnknownFieldChangesNothing(t *testing.T) {
	s, call := controlled(t)
	id, err := s.CreateUser(controlTenant, emulator.User{DisplayName: "Ada", UserPrincipalName: "ada@controlled.example"})
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, call(http.MethodPost, "/__control/mutations", `{"tenantId":"`+controlTenant+`","op":"delete-user","id":"`+id+`","foo":1}`))
	require.Len(t, s.Directory(controlTenant).Users, 1)
}
