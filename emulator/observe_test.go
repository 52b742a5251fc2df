package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func which(text string, marks ...string) string {
	for _, mark := range marks {
		if strings.Contains(text, mark) {
			return mark
		}
	}
	return text
}

// told is the AADSTS number that a token request is refused with, or "token".
func (s *stage) told(t *testing.T, path string, form url.Values) string {
	t.Helper()
	status, body := s.post(t, path, form)
	if status == 200 {
		return "token"
	}
	return fmt.Sprintf("%.0f", body["error_codes"].([]any)[0])
}

// statuses are those of several requests of a new app in a row, with what a 429 says of itself.
func (s *stage) statuses(t *testing.T, method, path, body string, n int) string {
	t.Helper()
	token := s.tokenWith(t, "User.Read.All", "Application.ReadWrite.All")
	var all []string
	for range n {
		resp, _ := s.ask(t, method, token, path, body)
		all = append(all, fmt.Sprint(resp.StatusCode))
		if information := resp.Header.Get("x-ms-throttle-information"); strings.HasPrefix(information, "Write") {
			scope, _, _ := strings.Cut(resp.Header.Get("x-ms-throttle-scope"), "/12121212")
			all = append(all, information, scope)
		}
	}
	return fmt.Sprint(all)
}

func (s *stage) agedDelta(t *testing.T, age time.Duration) string {
	t.Helper()
	_, link := s.round(t, s.legacyToken(t), "/v1.0/users/delta?$select=id")
	s.clock.Advance(age)
	status, _ := s.get(t, s.legacyToken(t), link)
	return fmt.Sprint(status)
}

// rollOwn lets the roller add a certificate to itself.
func (s *stage) rollOwn(t *testing.T, change func(header, claims map[string]any), n int) string {
	t.Helper()
	path := "/" + customerTenant + "/oauth2/v2.0/token"
	form := s.assertionForm(t, path, s.key, func(_, c map[string]any) { c["iss"], c["sub"] = rollerApp, rollerApp })
	form.Set("client_id", rollerApp)
	_, body := s.post(t, path, form)
	next := newKeyPair(t, n, s.clock.Now(), s.clock.Now().AddDate(0, 0, 30))
	if s.next == nil {
		s.next = &next
	}
	raw, err := json.Marshal(map[string]any{"passwordCredential": nil,
		"keyCredential": map[string]any{"type": "AsymmetricX509Cert", "usage": "Verify", "key": s.next.cert.Raw},
		"proof": s.proof(t, s.key, func(h, c map[string]any) {
			c["iss"] = rollerObject
			if change != nil {
				change(h, c)
			}
		})})
	require.NoError(t, err)
	resp, text := s.ask(t, "POST", body["access_token"].(string), "/v1.0/applications(appId='"+rollerApp+"')/addKey", string(raw))
	if strings.Contains(text, `"keyId":`) && resp.StatusCode == http.StatusOK && change == nil {
		return "200 with its id"
	}
	return fmt.Sprint(resp.StatusCode)
}

func (s *stage) patchKey(t *testing.T, key string) string {
	t.Helper()
	resp, _ := s.ask(t, "PATCH", s.tokenWith(t, "Application.ReadWrite.All"), "/v1.0/applications(appId='"+rollerApp+"')", `{"keyCredentials":[`+key+`]}`)
	return fmt.Sprint(resp.StatusCode)
}
