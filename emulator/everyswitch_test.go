package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

const (
	rollerApp    = "13131313-0000-4000-8000-000000000001"
	rollerObject = "13131313-0000-4000-8000-0000000000ff"
)

// switchCase shows what one switch changes, by the same observation without and with it.
type switchCase struct {
	base, set     emulator.Switches // base is what the observation needs besides
	observe       func(*testing.T, *stage) string
	without, with string
	everywhere    bool   // of the emulator, because no tenant is named
	standard      string // the default column of README.md; "false" where empty
}

func graphOnly(g emulator.GraphSwitches) emulator.Switches { return emulator.Switches{Graph: g} }

func quirk(q emulator.DeltaQuirks) emulator.Switches {
	return graphOnly(emulator.GraphSwitches{Delta: q})
}

// switchCases are all switches, by their place in the configuration.
func switchCases() map[string]switchCase {
	asserted := func(change func(*stage, map[string]any, map[string]any)) func(*testing.T, *stage) string {
		return func(t *testing.T, s *stage) string {
			t.Helper()
			path := "/" + customerTenant + "/oauth2/v2.0/token"
			form := s.assertionForm(t, path, s.key, func(h, c map[string]any) { change(s, h, c) })
			form.Set("client_id", rollerApp)
			return s.told(t, path, form)
		}
	}
	ofRoller := func(_ *stage, _, c map[string]any) { c["iss"], c["sub"] = rollerApp, rollerApp }
	secret := func(read func(map[string]any) any) func(*testing.T, *stage) string {
		return func(t *testing.T, s *stage) string {
			t.Helper()
			_, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", legacyForm())
			return fmt.Sprint(read(body))
		}
	}
	wrongSecret := func(read func(map[string]any) any) func(*testing.T, *stage) string {
		return func(t *testing.T, s *stage) string {
			t.Helper()
			form := legacyForm()
			form.Set("client_secret", "wrong")
			_, body := s.post(t, "/"+customerTenant+"/oauth2/v2.0/token", form)
			return fmt.Sprint(read(body))
		}
	}
	graph := func(path string, read func(int, map[string]any) any) func(*testing.T, *stage) string {
		return func(t *testing.T, s *stage) string {
			t.Helper()
			status, body := s.get(t, s.legacyToken(t), path)
			return fmt.Sprint(read(status, body))
		}
	}
	status := func(status int, _ map[string]any) any { return status }
	length := func(_ int, body map[string]any) any { return len(body["value"].([]any)) }
	first := "/v1.0/users/delta?$select=id"
	day := emulator.Duration(24 * time.Hour)
	return map[string]switchCase{
		"consentDeclined": {set: emulator.Switches{ConsentDeclined: emulator.DeclinedConsentRequired}, standard: "`access_denied`",
			without: "access_denied", with: "consent_required", observe: func(t *testing.T, s *stage) string {
				t.Helper()
				b, at := newBrowser(t), s.address("/"+customerTenant+"/v2.0/adminconsent", consentQuery())
				return b.press(at, b.press(at, b.open(at), "login="+globalAdmin), "consent=cancel").sent.Get("error")
			}},
		"missingPrincipal": {set: emulator.Switches{MissingPrincipal: emulator.MissingIsNotFound}, standard: "`7000229`",
			without: "[7000229]", with: "[700016]", observe: func(t *testing.T, s *stage) string {
				t.Helper()
				return fmt.Sprint(s.answers(t, s.key, 1))
			}},
		"principalFirst": {set: emulator.Switches{PrincipalFirst: true}, without: "[700027]", with: "[7000229]", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			return fmt.Sprint(s.answers(t, newKeyPair(t, 1, s.clock.Now().Add(-time.Hour), s.clock.Now().AddDate(0, 0, 30)), 1))
		}},
		"looseRedirects": {set: emulator.Switches{LooseRedirects: true}, without: "false", with: "true", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			query := consentQuery()
			query.Set("redirect_uri", callback+"/more")
			return fmt.Sprint(!strings.Contains(newBrowser(t).open(s.address("/"+customerTenant+"/adminconsent", query)).text, "AADSTS50011"))
		}},
		"strictAudience": {set: emulator.Switches{StrictAudience: true}, without: "token", with: "700023", observe: asserted(func(s *stage, h, c map[string]any) {
			ofRoller(s, h, c)
			c["aud"] = s.HTTPSURL() + "/" + customerTenant + "/v2.0"
		})},
		"looseAudience": {set: emulator.Switches{LooseAudience: true}, without: "700023", with: "token", observe: asserted(func(s *stage, h, c map[string]any) {
			ofRoller(s, h, c)
			c["aud"] = s.HTTPSURL() + "/contoso.example/oauth2/token"
		})},
		"commonConsent": {set: emulator.Switches{CommonConsent: true}, everywhere: true, without: "AADSTS50059", with: "Pick an account", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			text := newBrowser(t).open(s.address("/common/v2.0/adminconsent", consentQuery())).text
			return which(text, "AADSTS50059", "Pick an account")
		}},
		"oldAssertionWording": {set: emulator.Switches{OldAssertionWording: true}, without: "is not registered on application", with: "contains an invalid signature",
			observe: func(t *testing.T, s *stage) string {
				t.Helper()
				path := "/" + customerTenant + "/oauth2/v2.0/token"
				_, body := s.post(t, path, s.assertionForm(t, path, newKeyPair(t, 1, s.clock.Now().Add(-time.Hour), s.clock.Now().AddDate(0, 0, 30)), nil))
				return which(body["error_description"].(string), "is not registered on application", "contains an invalid signature")
			}},
		"tokenLifetime": {set: emulator.Switches{TokenLifetime: emulator.Duration(10 * time.Minute)}, standard: "60 to 90 min at random", without: "random", with: "599",
			observe: secret(func(body map[string]any) any {
				if seconds := body["expires_in"].(float64); seconds < 3599 || seconds > 5400 {
					return seconds
				}
				return "random"
			})},
		"refreshIn": {base: emulator.Switches{TokenLifetime: day}, set: emulator.Switches{TokenLifetime: day, RefreshIn: true}, without: "<nil>", with: "43199",
			observe: secret(func(body map[string]any) any { return body["refresh_in"] })},
		"plainGraphTokens": {set: emulator.Switches{PlainGraphTokens: true}, without: "true", with: "false", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			_, nonce := decodedPart(t, s.legacyToken(t), 0)["nonce"]
			return fmt.Sprint(nonce)
		}},
		"newerClaims": {set: emulator.Switches{NewerClaims: true}, without: "false", with: "true", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			_, newer := decodedPart(t, s.legacyToken(t), 1)["xms_ftd"]
			return fmt.Sprint(newer)
		}},
		"spacedDescriptions": {set: emulator.Switches{SpacedDescriptions: true}, without: "false", with: "true",
			observe: wrongSecret(func(body map[string]any) any {
				return strings.Contains(body["error_description"].(string), " Trace ID: ")
			})},
		"noErrorUri": {set: emulator.Switches{NoErrorURI: true}, without: "true", with: "false", observe: wrongSecret(func(body map[string]any) any {
			_, there := body["error_uri"]
			return there
		})},
		"refusals": {set: emulator.Switches{Refusals: map[int]emulator.Refusal{7000215: {Error: "invalid_request"}}}, standard: "the table below",
			without: "invalid_client", with: "invalid_request", observe: wrongSecret(func(body map[string]any) any { return body["error"] })},

		"graph.throttling": {base: graphOnly(emulator.GraphSwitches{ThrottleUnits: 4}), set: graphOnly(emulator.GraphSwitches{Throttling: true, ThrottleUnits: 4}),
			without: "[200 200 200]", with: "[200 200 429]", observe: func(t *testing.T, s *stage) string {
				t.Helper()
				return s.statuses(t, "GET", "/v1.0/users", "", 3)
			}},
		"graph.throttleUnits": {base: graphOnly(emulator.GraphSwitches{Throttling: true}), set: graphOnly(emulator.GraphSwitches{Throttling: true, ThrottleUnits: 2}), standard: "by size of the tenant",
			without: "[200 200]", with: "[200 429]", observe: func(t *testing.T, s *stage) string {
				t.Helper()
				return s.statuses(t, "GET", "/v1.0/users", "", 2)
			}},
		"graph.throttleWrites": {base: graphOnly(emulator.GraphSwitches{Throttling: true}), set: graphOnly(emulator.GraphSwitches{Throttling: true, ThrottleWrites: 1}), standard: "3,000",
			without: "[204 204]", with: "[204 429 WriteLimitExceeded Tenant_Application/Write]", observe: func(t *testing.T, s *stage) string {
				t.Helper()
				return s.statuses(t, "PATCH", "/v1.0/applications(appId='"+rollerApp+"')", `{"displayName":"x"}`, 2)
			}},
		"graph.deltaLifetime": {set: graphOnly(emulator.GraphSwitches{DeltaLifetime: day}), standard: "7 days", without: "200", with: "410",
			observe: func(t *testing.T, s *stage) string {
				t.Helper()
				return s.agedDelta(t, 25*time.Hour)
			}},
		"graph.expiredDelta": {set: graphOnly(emulator.GraphSwitches{ExpiredDelta: http.StatusNotFound}), standard: "410", without: "410", with: "404",
			observe: func(t *testing.T, s *stage) string {
				t.Helper()
				return s.agedDelta(t, 8*24*time.Hour)
			}},
		"graph.pageTokenLifetime": {set: graphOnly(emulator.GraphSwitches{PageTokenLifetime: day}), standard: "1 h", without: "400", with: "200", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			_, body := s.get(t, s.legacyToken(t), "/v1.0/users?$top=5")
			s.clock.Advance(61 * time.Minute)
			status, _ := s.get(t, s.legacyToken(t), body["@odata.nextLink"].(string))
			return fmt.Sprint(status)
		}},
		"graph.defaultTop": {set: graphOnly(emulator.GraphSwitches{DefaultTop: 4}), standard: "100", without: "65", with: "4", observe: graph("/v1.0/users", length)},
		"graph.maxTop":     {set: graphOnly(emulator.GraphSwitches{MaxTop: 5}), standard: "999", without: "200", with: "400", observe: graph("/v1.0/users?$top=999", status)},
		"graph.proofForGraph": {set: graphOnly(emulator.GraphSwitches{ProofForGraph: true}), without: "401", with: "200", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			return s.rollOwn(t, func(_, c map[string]any) { c["aud"] = "00000003-0000-0000-c000-000000000000" }, 1)
		}},
		"graph.proofPs256": {set: graphOnly(emulator.GraphSwitches{ProofPS256: true}), without: "401", with: "200", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			return s.rollOwn(t, func(h, _ map[string]any) { h["alg"] = "PS256" }, 1)
		}},
		"graph.bareAddKey": {set: graphOnly(emulator.GraphSwitches{BareAddKey: true}), without: "200 with its id", with: "200", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			return s.rollOwn(t, nil, 1)
		}},
		"graph.sameKeyRefused": {set: graphOnly(emulator.GraphSwitches{SameKeyRefused: true}), without: "200 with its id", with: "400", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			s.rollOwn(t, nil, 1)
			return s.rollOwn(t, nil, 1)
		}},
		"graph.nullKeyRefused": {set: graphOnly(emulator.GraphSwitches{NullKeyRefused: true}), without: "204", with: "400", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			return s.patchKey(t, fmt.Sprintf(`{"keyId":%q,"type":"AsymmetricX509Cert","usage":"Verify","key":null}`, s.Keys(rollerApp)[0].KeyID))
		}},
		"graph.lateKeyEnd": {set: graphOnly(emulator.GraphSwitches{LateKeyEnd: true}), without: "400", with: "204", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			return s.patchKey(t, `{"type":"AsymmetricX509Cert","usage":"Verify","endDateTime":"2099-01-01T00:00:00Z","key":"`+base64.StdEncoding.EncodeToString(s.key.cert.Raw)+`"}`)
		}},
		"graph.orderedBatch": {set: graphOnly(emulator.GraphSwitches{OrderedBatch: true}), without: "21", with: "12", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			_, text := s.ask(t, "POST", s.legacyToken(t), "/v1.0/$batch", `{"requests":[{"id":"1","method":"GET","url":"/organization"},{"id":"2","method":"GET","url":"/organization"}]}`)
			var answer struct {
				Responses []struct {
					ID string `json:"id"`
				} `json:"responses"`
			}
			require.NoError(t, json.Unmarshal([]byte(text), &answer))
			return answer.Responses[0].ID + answer.Responses[1].ID
		}},
		"graph.noErrorCode": {set: graphOnly(emulator.GraphSwitches{NoErrorCode: true}), without: "BadRequest", with: "",
			observe: graph("/v1.0/planets", func(_ int, body map[string]any) any { return code(body) })},
		"graph.lowerInnerError": {set: graphOnly(emulator.GraphSwitches{LowerInnerError: true}), without: "innerError", with: "innererror",
			observe: graph("/v1.0/planets", func(_ int, body map[string]any) any {
				for name := range body["error"].(map[string]any) {
					if strings.EqualFold(name, "innererror") {
						return name
					}
				}
				return "none"
			})},

		"graph.delta.duplicates": {set: quirk(emulator.DeltaQuirks{Duplicates: true}), without: "65", with: "68", observe: graph(first, length)},
		"graph.delta.reordered": {set: quirk(emulator.DeltaQuirks{Reordered: true}), without: "true", with: "false", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			_, body := s.get(t, s.legacyToken(t), first)
			var ids, listed []any
			for _, v := range body["value"].([]any) {
				ids = append(ids, v.(map[string]any)["id"])
			}
			_, body = s.get(t, s.legacyToken(t), "/v1.0/users?$select=id")
			for _, v := range body["value"].([]any) {
				listed = append(listed, v.(map[string]any)["id"])
			}
			return fmt.Sprint(slices.Equal(ids, listed))
		}},
		"graph.delta.emptyPages": {set: quirk(emulator.DeltaQuirks{EmptyPages: 2}), standard: "0", without: "65", with: "0", observe: graph(first, length)},
		"graph.delta.replay": {set: quirk(emulator.DeltaQuirks{Replay: 1}), standard: "0", without: "0", with: "1", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			require.NoError(t, s.UpdateUser(customerTenant, s.Directory(customerTenant).Users[0].ID, emulator.Patch{"city": fmt.Sprint(s.clock.Now())}))
			token := s.legacyToken(t)
			_, link := s.round(t, token, first+",city")
			again, _ := s.round(t, token, link)
			return fmt.Sprint(len(again))
		}},
		"graph.delta.tombstones": {set: quirk(emulator.DeltaQuirks{Tombstones: true}), without: "0", with: "1", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			id := s.Directory(customerTenant).Users[0].ID
			require.NoError(t, s.DeleteUser(customerTenant, id))
			all, _ := s.round(t, s.legacyToken(t), first)
			require.NoError(t, s.Restore(customerTenant, id))
			return fmt.Sprint(len(slices.DeleteFunc(all, func(o map[string]any) bool { return o["@removed"] == nil })))
		}},
		"graph.delta.chunk": {set: quirk(emulator.DeltaQuirks{Chunk: 5}), standard: "the page of members", without: "20", with: "more", observe: func(t *testing.T, s *stage) string {
			t.Helper()
			all, _ := s.round(t, s.legacyToken(t), "/v1.0/groups/delta?$select=members")
			if len(all) > 20 {
				return "more"
			}
			return fmt.Sprint(len(all))
		}},
	}
}

// TestEverySwitchChangesWhatItSays holds each row of the table of switches to what it does, and to its default.
func TestEverySwitchChangesWhatItSays(t *testing.T) {
	cases := switchCases()
	for _, row := range readmeTable(t, "Switches") {
		name := strings.Trim(row[0], "`")
		t.Run(name, func(t *testing.T) {
			c, known := cases[name]
			require.True(t, known, "nobody shows what it changes")
			standard := c.standard
			if standard == "" {
				standard = "false"
			}
			require.Equal(t, standard, row[1])
			require.NotEqual(t, c.without, c.with)
			for _, on := range []bool{false, true} {
				s := newStage(t, func(config *config) {
					if on && c.everywhere {
						config.Switches = c.set
					}
				})
				require.NoError(t, s.AddApplication(emulator.Application{AppID: rollerApp, ObjectID: rollerObject, TenantID: customerTenant, DisplayName: "Roller",
					Certificates: [][]byte{s.key.cert.Raw}, Consented: true, RequiredRoles: []string{userReadAll}}))
				want := c.without
				if s.switches(t, c.base); on {
					s.switches(t, c.set)
					want = c.with
				}
				require.Equal(t, want, c.observe(t, s), "switched on: %t", on)
			}
		})
	}
}
