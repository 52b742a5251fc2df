package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
)

// person gives somebody's role in an account as the list says it.
func (b *browser) person(accountID, subject string) (found Access) {
	b.w.t.Helper()
	var l struct{ Items []Access }
	b.get(prefix + "/people?limit=200&accountId=" + accountID).into(&l)
	for _, a := range l.Items {
		if a.Subject == subject && a.AccountID == accountID {
			found = a
		}
	}
	return found
}

func TestAnIdentityIsInvitedChangedAndRevoked(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	order := map[string]any{"issuer": issuer, "subject": "nia-new", "name": "Nia", "accountId": "acc-contoso", "role": "approve"}
	a := ana.post(prefix+"/people", order)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	var nia Access
	a.into(&nia)
	require.Equal(t, ana.person("acc-contoso", "nia-new"), nia)
	again := ana.post(prefix+"/people", order)
	require.Equal(t, a.body, again.body, "the same again changes nothing")

	b := w.as("nia-new")
	token := b.issue(map[string]any{"name": "nia's", "accountId": "acc-contoso", "role": "migrate"})
	var link Invited
	b.post(prefix+"/invitations", map[string]any{"name": "Otto", "accountId": "acc-contoso", "role": "view"}).into(&link)

	path := prefix + "/people/" + nia.PersonID + "/role"
	changed := ana.do(http.MethodPut, path, `{"accountId":"acc-contoso","role":"view"}`, nil)
	require.Equal(t, http.StatusOK, changed.status, changed.body)
	require.Equal(t, domain.RoleView, ana.person("acc-contoso", "nia-new").Role)
	require.Equal(t, http.StatusForbidden, b.post(prefix+"/people", order).status, "the role counts at once")
	require.Equal(t, http.StatusUnauthorized, w.machine(token.Value).call(http.MethodGet, prefix+"/me", "").status, "what she may no longer issue has ended")
	require.Equal(t, http.StatusGone, w.browser().get(strings.TrimPrefix(link.Link, w.URL)).status, "and so has her invitation")

	require.Equal(t, http.StatusNoContent, ana.do(http.MethodDelete, path+"?accountId=acc-contoso", "", nil).status)
	require.Equal(t, http.StatusUnauthorized, b.get(prefix+"/me").status, "her sessions end at once")
	require.Equal(t, http.StatusNotFound, ana.do(http.MethodDelete, path+"?accountId=acc-contoso", "", nil).status)
}

func TestALinkGivesItsRoleOnce(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	var i Invited
	a := ana.post(prefix+"/invitations", map[string]any{"name": "Nia", "accountId": "acc-contoso", "role": "migrate"})
	require.Equal(t, http.StatusCreated, a.status, a.body)
	a.into(&i)
	value := i.Link[strings.LastIndex(i.Link, "/")+1:]
	for table, rows := range w.rows() {
		require.NotContains(t, rows, value, table)
	}
	require.NotContains(t, ana.get(prefix+"/invitations").body, value)

	path := strings.TrimPrefix(i.Link, w.URL)
	for range 3 { // looking spends nothing
		page := w.browser().get(path)
		require.Equal(t, http.StatusOK, page.status)
		require.Contains(t, page.body, "Contoso")
	}
	redeem := func(subject string) (*browser, answer) {
		b := w.browser()
		b.get(path)
		away := b.get("/auth/sign-in")
		return b, b.get("/auth/callback?" + url.Values{"state": {away.query("state")}, "code": {subject}}.Encode())
	}
	nia, back := redeem("nia-new")
	require.Equal(t, http.StatusSeeOther, back.status, back.body)
	require.Equal(t, "/connectors?account=acc-contoso&joined=1", back.header.Get("Location"), "to what she was invited to")
	var me Me
	nia.get(prefix + "/me").into(&me)
	require.Equal(t, []RoleGrant{{AccountID: "acc-contoso", Role: domain.RoleMigrate}}, me.Grants)
	require.Equal(t, "Nia", me.Name)
	joined := ana.person("acc-contoso", "nia-new")
	require.Equal(t, "ana-approver", joined.GrantedByName, "who invited her, not she who came")
	require.Equal(t, domain.At(w.clock.Now()), joined.SignedInAt)

	_, second := redeem("eve-uninvited")
	require.Equal(t, http.StatusForbidden, second.status, "the page gave no cookie, so nobody is invited")
	spent := w.browser().get(path)
	require.Equal(t, http.StatusGone, spent.status)
	require.Contains(t, spent.body, "Sign in")
	spent = ana.get(path)
	require.Equal(t, http.StatusGone, spent.status)
	require.Contains(t, spent.body, "This invitation was not accepted")
	require.NotContains(t, spent.body, "not signed in", "she is")
	require.NotContains(t, spent.body, "/auth/sign-in")
}

func TestALinkEndsAndCanBeWithdrawn(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	invited := func() (i Invited) {
		ana.post(prefix+"/invitations", map[string]any{"name": "Nia", "accountId": "acc-contoso", "role": "view"}).into(&i)
		return i
	}
	withdrawn := invited()
	require.Equal(t, http.StatusOK, ana.do(http.MethodDelete, prefix+"/invitations/"+withdrawn.ID, "", nil).status)
	require.Equal(t, http.StatusGone, w.browser().get(strings.TrimPrefix(withdrawn.Link, w.URL)).status)
	late := invited()
	b := w.browser()
	b.get(strings.TrimPrefix(late.Link, w.URL))
	w.clock.Pass(72*time.Hour + time.Second)
	away := b.get("/auth/sign-in")
	back := b.get("/auth/callback?" + url.Values{"state": {away.query("state")}, "code": {"nia-new"}}.Encode())
	require.Equal(t, http.StatusGone, back.status, back.body)
	require.Equal(t, http.StatusGone, w.browser().get("/auth/invitation/guess").status)
}

// TestALinkTakesNothingAway from somebody who has more already, and lasts no
// longer than two weeks.
func TestALinkTakesNothingAway(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	for subject, c := range map[string]struct{ link, then domain.Role }{
		"mia-migrator": {domain.RoleView, domain.RoleMigrate}, "vic-viewer": {domain.RoleMigrate, domain.RoleMigrate},
	} {
		var i Invited
		ana.post(prefix+"/invitations", map[string]any{"name": "Nia", "accountId": "acc-contoso", "role": c.link}).into(&i)
		b := w.browser()
		b.get(strings.TrimPrefix(i.Link, w.URL))
		away := b.get("/auth/sign-in")
		require.Equal(t, http.StatusSeeOther, b.get("/auth/callback?"+url.Values{"state": {away.query("state")}, "code": {subject}}.Encode()).status)
		require.Equal(t, c.then, ana.person("acc-contoso", subject).Role, subject)
	}
	for ends, status := range map[time.Duration]int{14 * 24 * time.Hour: 201, 14*24*time.Hour + time.Second: 422, 0: 422, -time.Hour: 422} {
		a := ana.post(prefix+"/invitations", map[string]any{"name": "Nia", "accountId": "acc-contoso", "role": "view", "expiresAt": w.clock.Now().Add(ends)})
		require.Equal(t, status, a.status, a.body)
	}
}

// TestWhoIsNotHereCannotBeManaged: somebody of another account, or an operator,
// reads like somebody who never was.
func TestWhoIsNotHereCannotBeManaged(t *testing.T) {
	w := newWorld(t)
	ana := w.as("ana-approver")
	olga := w.as("olga-operator").person("", "olga-operator").PersonID
	fay := w.as("fay-fabric").person("acc-fabric", "fay-fabric").PersonID
	for name, query := range map[string]string{olga: "", fay: "?accountId=acc-fabric", fay + " ": "?accountId=acc-contoso"} {
		path := prefix + "/people/" + strings.TrimSpace(name) + "/role" + query
		theirs, nobodys := ana.do(http.MethodDelete, path, "", nil), ana.do(http.MethodDelete, prefix+"/people/per_nobody/role"+query, "", nil)
		require.Equal(t, http.StatusNotFound, theirs.status, theirs.body)
		require.Equal(t, nobodys.problem().Detail, theirs.problem().Detail)
	}
	for _, order := range []map[string]any{{"name": "Otto", "role": "operator"}, {"name": "Fred", "accountId": "acc-fabric", "role": "view"}} {
		var i Invited
		w.as("olga-operator").post(prefix+"/invitations", order).into(&i)
		a := ana.do(http.MethodDelete, prefix+"/invitations/"+i.ID, "", nil)
		require.Equal(t, http.StatusNotFound, a.status, a.body)
		require.Equal(t, "There is no such invitation.", a.problem().Detail)
	}
}

func TestTheLastOperatorStays(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	own := olga.person("", "olga-operator")
	path := prefix + "/people/" + own.PersonID + "/role"
	last := olga.do(http.MethodDelete, path, "", nil)
	require.Equal(t, http.StatusConflict, last.status, last.body)
	require.Equal(t, "last-operator", last.problem().Code)
	order := map[string]any{"issuer": issuer, "subject": "otto-operator", "name": "Otto", "role": "operator"}
	require.Equal(t, http.StatusCreated, olga.post(prefix+"/people", order).status)
	require.Equal(t, http.StatusNoContent, olga.do(http.MethodDelete, path, "", nil).status)
	require.Equal(t, http.StatusUnauthorized, olga.get(prefix+"/me").status)
}

func TestWhoManagesPeople(t *testing.T) {
	w := newWorld(t)
	order := func(account, role string) map[string]any {
		o := map[string]any{"issuer": issuer, "subject": "x-" + role, "name": "X", "role": role}
		if account != "" {
			o["accountId"] = account
		}
		return o
	}
	for name, c := range map[string]struct {
		by, account, role string
		status            int
	}{
		"a viewer":                          {"vic-viewer", "acc-contoso", "view", 403},
		"a migrator":                        {"mia-migrator", "acc-contoso", "view", 403},
		"an approver of another account":    {"fay-fabric", "acc-contoso", "view", 404},
		"an approver makes an operator":     {"ana-approver", "", "operator", 403},
		"an operator's role in an account":  {"olga-operator", "acc-contoso", "operator", 422},
		"an account's role without account": {"olga-operator", "", "approve", 422},
		"an operator brings in the first":   {"olga-operator", "acc-fabric", "approve", 201},
		"an approver":                       {"ana-approver", "acc-contoso", "approve", 201},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/people", "/invitations"} {
				o := order(c.account, c.role)
				if path == "/invitations" {
					delete(o, "issuer")
					delete(o, "subject")
				}
				a := w.as(c.by).post(prefix+path, o)
				require.Equal(t, c.status, a.status, a.body)
			}
		})
	}
}

// TestACellIsAddedWithoutAKeyOfTheAPI: the process that answers requests asks
// for a certificate and makes none, and no connector is given to the cell yet.
func TestACellIsAddedWithoutAKeyOfTheAPI(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	order := map[string]any{
		"id": "cell-new", "name": "New", "region": "eu", "cloud": "global", "clientId": "99999999-9999-4999-8999-999999999999",
		"applicationObjectId": "99999999-9999-4999-8999-999999999998", "homeTenantId": contoso,
	}
	secrets := w.rows()["secrets"]
	a := olga.post(prefix+"/cells", order)
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	require.Equal(t, secrets, w.rows()["secrets"])
	require.Len(t, w.engine.Named("CertificateRotationWorkflow"), 2, "the schedule, and one turn of it")
	require.Equal(t, http.StatusAccepted, olga.post(prefix+"/cells", order).status)
	order["region"] = "us"
	require.Equal(t, "cell-differs", olga.post(prefix+"/cells", order).problem().Code, "what is asked for otherwise is not passed over")
	order["id"], order["region"] = "cell-twin", "eu"
	require.Equal(t, "registration-taken", olga.post(prefix+"/cells", order).problem().Code)
	order["id"], order["clientId"] = "cell-new", cellApp
	require.Equal(t, "cell-exists", olga.post(prefix+"/cells", order).problem().Code)
	order["id"], order["clientId"] = "cell-odd", "no guid"
	require.Equal(t, "clientId", olga.post(prefix+"/cells", order).problem().Field)
	require.Equal(t, http.StatusAccepted, olga.post(prefix+"/cells/cell-new/verifications", nil).status)
	require.Equal(t, http.StatusForbidden, w.as("ana-approver").post(prefix+"/cells", order).status)
	_, path := w.as("ana-approver").begin(w.migration("contoso").ID)
	require.Contains(t, w.browser().get(path).header.Get("Location"), cellApp, "the cell that signs")
}
