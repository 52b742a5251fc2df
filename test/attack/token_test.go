package attack

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
)

// told is an attack in which the token endpoint answers with this token.
func told(name, code string, token func(*scene) string) attack {
	return attack{name: name, status: http.StatusForbidden, code: code, changes: retry, prepare: func(s *scene) func() answer {
		s.accept()
		s.microsoft.answers(token(s))
		return func() answer {
			a := s.admin.come("state", s.state, "code", "code")
			require.Equal(s.t, 1, s.microsoft.redeemed())
			return a
		}
	}}
}

// TestIdTokensThatMicrosoftDidNotIssueForThisSignIn: forged ones, and genuine ones that were issued for something else.
func TestIdTokensThatMicrosoftDidNotIssueForThisSignIn(t *testing.T) {
	const invalid = "sign_in_invalid"
	saying := func(name string, change func(*scene, claims) claims) attack {
		return told(name, invalid, func(s *scene) string {
			return microsofts().signed(s.t, "key-1", change(s, s.microsoft.administrator(contoso, s.nonce)))
		})
	}
	set := func(name, claim string, value any) attack {
		return saying(name, func(_ *scene, c claims) claims { return c.with(claim, value) })
	}
	without := func(name, claim string) attack {
		return saying(name, func(_ *scene, c claims) claims { return c.without(claim) })
	}
	run(t, []attack{
		// Nobody signed it, or somebody else.
		told("alg none", invalid, func(s *scene) string { return unsigned(s, "none") }),
		told("alg None, in another spelling", invalid, func(s *scene) string { return unsigned(s, "nOnE") }),
		told("a signature cut off", invalid, func(s *scene) string {
			head, _, _ := cut(genuine(s))
			return head + "."
		}),
		told("a signature of another token", invalid, func(s *scene) string {
			head, _, _ := cut(genuine(s))
			_, signature, _ := cut(microsofts().signed(s.t, "key-1", s.microsoft.administrator(fabric, s.nonce)))
			return head + "." + signature
		}),
		told("an exchanged payload", invalid, func(s *scene) string {
			parts := strings.Split(genuine(s), ".")
			payload, err := json.Marshal(s.microsoft.administrator(contoso, s.nonce).with("oid", "eve"))
			require.NoError(s.t, err)
			return parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + parts[2]
		}),
		told("signed by our own certificate under Microsoft's key id", invalid, func(s *scene) string {
			return ours().signed(s.t, "key-1", s.microsoft.administrator(contoso, s.nonce))
		}),
		told("signed under a key id that nobody published", invalid, func(s *scene) string {
			return ours().signed(s.t, "key-2", s.microsoft.administrator(contoso, s.nonce))
		}),
		told("signed by a key that may sign for another tenant only", invalid, func(s *scene) string {
			return microsofts().signed(s.t, "fabric-only", s.microsoft.administrator(contoso, s.nonce))
		}),
		told("HS256 with the public key's modulus as the password", invalid, func(s *scene) string {
			return symmetric(s, microsofts().key.N.Bytes())
		}),
		told("HS256 with the public key's PEM as the password", invalid, func(s *scene) string {
			der, err := x509.MarshalPKIXPublicKey(microsofts().key.Public())
			require.NoError(s.t, err)
			return symmetric(s, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		}),
		told("HS256 with an empty password", invalid, func(s *scene) string { return symmetric(s, nil) }),
		told("a key id that is a path", invalid, func(s *scene) string {
			return ours().signed(s.t, "../../../dev/null", s.microsoft.administrator(contoso, s.nonce))
		}),
		told("a key id that is SQL", invalid, func(s *scene) string {
			return ours().signed(s.t, "x' UNION SELECT 'key", s.microsoft.administrator(contoso, s.nonce))
		}),
		told("a key that the token brings itself", invalid, func(s *scene) string {
			return ours().signed(s.t, "key-1", s.microsoft.administrator(contoso, s.nonce), map[jose.HeaderKey]any{
				"jwk": jose.JSONWebKey{Key: ours().key.Public(), KeyID: "key-1", Algorithm: "RS256", Use: "sig"},
			})
		}),
		told("keys at an address that the token names", invalid, func(s *scene) string {
			return ours().signed(s.t, "key-1", s.microsoft.administrator(contoso, s.nonce), map[jose.HeaderKey]any{
				"jku": "https://evil.test/keys", "x5u": "https://evil.test/certificate",
			})
		}),
		told("a certificate that the token brings itself", invalid, func(s *scene) string {
			return ours().signed(s.t, "key-1", s.microsoft.administrator(contoso, s.nonce), map[jose.HeaderKey]any{
				"x5c": []string{base64.StdEncoding.EncodeToString(ours().certificate.Raw)},
			})
		}),
		told("no id token", invalid, func(*scene) string { return "" }),
		told("no token at all", invalid, func(*scene) string { return "not.a.token" }),
		told("two signatures", invalid, general),

		// Microsoft signed it, for something else.
		saying("the issuer of another tenant", func(s *scene, c claims) claims { return c.with("iss", s.microsoft.issuer(fabric)) }),
		saying("the tenant of another issuer", func(_ *scene, c claims) claims { return c.with("tid", fabric) }),
		saying("an administrator of another tenant", func(s *scene, _ claims) claims { return s.microsoft.administrator(fabric, s.nonce) }),
		set("the issuer of the older endpoint", "iss", "https://sts.windows.net/"+contoso+"/"),
		set("an issuer on another server", "iss", "https://evil.test/"+contoso+"/v2.0"),
		saying("an issuer that only begins like the right one", func(s *scene, c claims) claims { return c.with("iss", s.microsoft.issuer(contoso)+"/evil") }),
		saying("the issuer's placeholder", func(s *scene, c claims) claims { return c.with("iss", s.microsoft.issuer("{tenantid}")) }),
		without("no issuer", "iss"),
		without("no tenant", "tid"),
		set("a tenant that is no id", "tid", "organizations"),
		saying("the tenant in another spelling of the claim", func(_ *scene, c claims) claims { return c.without("tid").with("Tid", contoso) }),
		set("for Microsoft Graph", "aud", "00000003-0000-0000-c000-000000000000"),
		set("for another of our applications", "aud", "55555555-5555-4555-8555-555555555555"),
		set("for us and for somebody else", "aud", []string{cellApp, "55555555-5555-4555-8555-555555555555"}),
		without("for nobody", "aud"),
		saying("expired", func(s *scene, c claims) claims { return c.with("exp", s.clock.Now().Add(-time.Second).Unix()) }),
		without("without an end", "exp"),
		saying("not valid yet", func(s *scene, c claims) claims { return c.with("nbf", s.clock.Now().Add(time.Hour).Unix()) }),
		set("an answer to another sign-in", "nonce", "of-another-sign-in"),
		without("an answer to no sign-in", "nonce"),
		set("an answer to an empty sign-in", "nonce", ""),
		saying("the answer to an attacker's own sign-in", func(s *scene, c claims) claims {
			eve, _, first := s.eve()
			return c.with("nonce", eve.consented(first, fabric).query("nonce"))
		}),
		set("roles of another type", "wids", consent.RoleGlobalAdministrator),
	})
}

// TestGenuineIdTokensOfPeopleWhoMayNot: Microsoft says who it is, and it is somebody who may not bind the tenant.
func TestGenuineIdTokensOfPeopleWhoMayNot(t *testing.T) {
	who := func(name, code string, change func(claims) claims) attack {
		return told(name, code, func(s *scene) string {
			return microsofts().signed(s.t, "key-1", change(s.microsoft.administrator(contoso, s.nonce)))
		})
	}
	set := func(name, code, claim string, value any) attack {
		return who(name, code, func(c claims) claims { return c.with(claim, value) })
	}
	plain := "b79fbf4d-3ef9-4689-8143-76b194e85509"
	run(t, []attack{
		set("a guest who is Global Administrator", consent.CodeGuest, "acct", 1),
		set("a guest, written as text", consent.CodeGuest, "acct", "1"),
		set("a membership nobody has heard of", consent.CodeGuest, "acct", 2),
		set("a membership that is nothing", consent.CodeGuest, "acct", nil),
		who("a membership that is not told", consent.CodeMembershipUnknown, func(c claims) claims { return c.without("acct") }),
		who("a membership in another spelling of the claim", consent.CodeMembershipUnknown, func(c claims) claims { return c.without("acct").with("Acct", 0) }),
		set("a plain user", consent.CodeRoleMissing, "wids", []string{plain}),
		set("nobody with any role", consent.CodeRoleMissing, "wids", []string{}),
		who("roles that are not told", consent.CodeRoleMissing, func(c claims) claims { return c.without("wids") }),
		who("roles in another spelling of the claim", consent.CodeRoleMissing, func(c claims) claims {
			return c.without("wids").with("Wids", []string{consent.RoleGlobalAdministrator})
		}),
		who("the name of a role in place of its id", consent.CodeRoleMissing, func(c claims) claims {
			return c.with("wids", []string{"Global Administrator"}).with("roles", []string{consent.RoleGlobalAdministrator})
		}),
		set("a Cloud Application Administrator", consent.CodeRoleInsufficient, "wids", []string{plain, consent.RoleCloudApplicationAdministrator}),
		set("an Application Administrator", consent.CodeRoleInsufficient, "wids", []string{consent.RoleApplicationAdministrator}),
		who("an account without an object id", consent.CodeIdentityMissing, func(c claims) claims { return c.without("oid") }),
	})
}

// TestARoleActivatedAMinuteAgoNeedsAFreshSignIn: who is only eligible for the role is told to activate it, and only
// the token of a new sign-in counts.
func TestARoleActivatedAMinuteAgoNeedsAFreshSignIn(t *testing.T) {
	s := newScene(t)
	s.accept()
	s.microsoft.answers(microsofts().signed(t, "key-1", s.microsoft.administrator(contoso, s.nonce).without("wids")))
	told := s.admin.come("state", s.state, "code", "code")
	require.Equal(t, http.StatusForbidden, told.status)
	require.Contains(t, told.body, "Privileged Identity Management")
	require.Contains(t, told.body, "/consent/again/"+s.session+"?fresh=1")

	fresh := s.admin.get("/consent/again/" + s.session + "?fresh=1")
	require.Equal(t, "login", fresh.query("prompt"))
	s.at(fresh)
	s.finish()
}

// TestCodesThatMicrosoftRefuses: what the token endpoint says of a code decides the words and nothing else.
func TestCodesThatMicrosoftRefuses(t *testing.T) {
	refusing := func(name, code string, status int, body any) attack {
		return attack{name: name, status: http.StatusForbidden, code: code, changes: retry, prepare: func(s *scene) func() answer {
			s.accept()
			s.microsoft.fails(status, body)
			return func() answer { return s.admin.come("state", s.state, "code", "code") }
		}}
	}
	aadsts := func(oauth string, code int) any { return map[string]any{"error": oauth, "error_codes": []int{code}} }
	run(t, []attack{
		refusing("a code used before", "too_old", http.StatusBadRequest, aadsts("invalid_grant", 54005)),
		refusing("a code of another sign-in, whose verifier we do not have", "too_old", http.StatusBadRequest, aadsts("invalid_grant", 501481)),
		refusing("a code of another tenant", "too_old", http.StatusBadRequest, aadsts("invalid_grant", 700005)),
		refusing("Conditional Access", "conditional_access", http.StatusBadRequest, aadsts("invalid_grant", 53003)),
		refusing("a token service that is down", "microsoft_unavailable", http.StatusServiceUnavailable, map[string]any{}),
		refusing("success with an empty object", "unknown", http.StatusOK, map[string]any{}),
		refusing("success with something else", "unknown", http.StatusOK, []int{1}),
	})
}

func genuine(s *scene) string {
	return microsofts().signed(s.t, "key-1", s.microsoft.administrator(contoso, s.nonce))
}

func cut(token string) (head, signature string, found bool) {
	i := strings.LastIndex(token, ".")
	return token[:i], token[i+1:], i > 0
}

func unsigned(s *scene, alg string) string {
	header, err := json.Marshal(map[string]string{"alg": alg, "typ": "JWT", "kid": "key-1"})
	require.NoError(s.t, err)
	payload, err := json.Marshal(s.microsoft.administrator(contoso, s.nonce))
	require.NoError(s.t, err)
	return base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

func symmetric(s *scene, password []byte) string {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(s.microsoft.administrator(contoso, s.nonce)))
	token.Header["kid"] = "key-1"
	signed, err := token.SignedString(password)
	require.NoError(s.t, err)
	return signed
}

// general is the other serialization of a signed token, with our signature beside a genuine one.
func general(s *scene) string {
	payload, err := json.Marshal(s.microsoft.administrator(contoso, s.nonce))
	require.NoError(s.t, err)
	maker, err := jose.NewMultiSigner([]jose.SigningKey{{Algorithm: jose.RS256, Key: ours().key}, {Algorithm: jose.RS256, Key: microsofts().key}}, nil)
	require.NoError(s.t, err)
	made, err := maker.Sign(payload)
	require.NoError(s.t, err)
	return made.FullSerialize()
}
