package emulator_test

import (
	"context"
	"encoding/json"
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
		`{}`:                                 http.StatusBadRequest,
	} {
		require.Equal(t, want, call(http.MethodPost, "/__control/faults", body), body)
	}
	require.Empty(t, s.Faults())
}

func TestWhatTheControlAPIRefusesItRefusesInWordsAndChangesNothing(t *testing.T) {
	s, _ := controlled(t)
	const person = `"tenantId":"` + controlTenant + `","objectId":"00000000-0000-4000-8000-0000000000a1","name":"Ada"`
	before := s.SigningKeys()
	for _, c := range []struct{ path, body, want string }{
		{"/faults", ``, "the body is empty"},
		{"/faults", `{"status":`, "the body ends before its document does"},
		{"/faults", `{"status";5}`, "the body is not JSON, from byte 10 on"},
		{"/faults", `[]`, "the body is not a set of fields"},
		{"/faults", `{}`, "the field status: is missing"},
		{"/faults", `{"pathPrefix":"/v1.0","remaining":-1}`, "the field status: is missing"},
		{"/faults", `{"delta":{}}`, "the field delta: names no quirk"},
		{"/faults", `{"delta":{"replay":-1}}`, "the field delta.replay: is negative"},
		{"/faults", `{"status":503,"trickle":true}`, `the field trickle: "true" is not a time span`},
		{"/faults", `{"status":"many"}`, "the field status: is not a whole number"},
		{"/faults", `{"status":503,"delay":"soon"}`, `the field delay: "soon" is not a time span`},
		{"/faults", `{"status":503,"foo":1}`, "the field foo: is not known here"},
		{"/faults", `{"status":503,"status":429}`, "the field status: is there twice"},
		{"/faults", `{"delta":{"replay":1,"replay":2}}`, "the field delta.replay: is there twice"},
		{"/faults", `{"cut":-1}`, "the field cut: is negative"},
		{"/faults", `{"lag":"-1s"}`, "the field lag: is negative"},
		{"/faults", `{"status":503,"pathPrefix":"v1.0"}`, `the field pathPrefix: "v1.0" does not begin with a slash`},
		{"/faults", `{"aadsts":12}`, "the field aadsts: AADSTS12 is never said here"},
		{"/tenants", `{"id":"` + connectorApp + `","domain":"a b"}`, `the field domain: "a b" is not the name of a domain`},
		{"/tenants", `{"id":"` + connectorApp + `","domain":"b.example","policy":{"requestLifetime":"-1h"}}`, "the field policy.requestLifetime: is negative"},
		{"/tenants", `{"id":"` + connectorApp + `","domain":"b.example","policy":{"switches":{"refusals":{"90002":{"status":999}}}}}`, "refusals.90002.status is from 400 to 599, not 999"},
		{"/persons", `{` + person + `,"upn":"ada"}`, `the field upn: "ada" is not a user principal name`},
		{"/mutations", `{"tenantId":"` + controlTenant + `","op":"create-user","user":{"displayName":"Ada","userPrincipalName":"ada"}}`, `the field userPrincipalName: "ada" is not of the form name@domain`},
		{"/mutations", `[{"tenantId":"` + controlTenant + `","op":"create-user","op":"delete-user"}]`, "the field [0].op: is there twice"},
		{"/mutations", `{"op":5}`, "cannot be a number"},
		{"/signing-keys/roll", `{"keepOld":"-3s"}`, "the field keepOld: is negative"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.HTTPURL()+"/__control"+c.path, strings.NewReader(c.body))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		var told struct {
			Error string `json:"error"`
		}
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&told), c.body)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusBadRequest, resp.StatusCode, c.body)
		require.Contains(t, told.Error, c.want)
		require.NotContains(t, told.Error, "json:")
		require.NotContains(t, told.Error, "Go ")
	}
	require.Empty(t, s.Faults())
	require.Empty(t, s.Directory(controlTenant).Users)
	require.Error(t, s.ExpireDeltas(connectorApp), "no such tenant")
	require.Equal(t, before, s.SigningKeys())
}

func TestAMutationWithAnUnknownFieldChangesNothing(t *testing.T) {
	s, call := controlled(t)
	id, err := s.CreateUser(controlTenant, emulator.User{DisplayName: "Ada", UserPrincipalName: "ada@controlled.example"})
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, call(http.MethodPost, "/__control/mutations", `{"tenantId":"`+controlTenant+`","op":"delete-user","id":"`+id+`","foo":1}`))
	require.Len(t, s.Directory(controlTenant).Users, 1)
}
