package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// step is one command. With keys it runs with --json, and the document has
// exactly those: scripts rely on them.
type step struct {
	by   *shell
	args string // split at blanks; {name} is what an earlier step kept
	exit int
	says string // on standard output, or on standard error when it does not end well
	keys string
	keep string // name=key: a value of the document for later steps
}

// TestEachCommandOnceWellAndOnceRefused walks through the commands in an order
// in which they make sense; what needs a worker is walked through on the whole
// system.
func TestEachCommandOnceWellAndOnceRefused(t *testing.T) {
	w := newWorldOfNow(t)
	operator := w.shell("", domain.RoleOperator)
	ana, mia, vic := w.shell("acc-contoso", domain.RoleApprove), w.shell("acc-contoso", domain.RoleMigrate), w.shell("acc-contoso", domain.RoleView)
	w.leavings()
	_, err := w.service.AddCell(t.Context(), domain.System("test"), domain.Cell{ID: "cell-typo", Name: "T", Region: "eu", Cloud: "global", ClientID: contoso, ApplicationObjectID: contoso, HomeTenantID: contoso})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "value")
	later := w.clock.Now().Add(90 * 24 * time.Hour).UTC().Format(time.DateOnly)
	secret, guid := filepath.Join(t.TempDir(), "secret"), filepath.Join(t.TempDir(), "guid")
	require.NoError(t, os.WriteFile(secret, []byte("hush~"+newSecret+"\n"), 0o600)) // what is printed never contains "hush"
	require.NoError(t, os.WriteFile(guid, []byte(fabric+"\n"), 0o600))
	kept := map[string]string{"migration": w.migration("contoso").ID, "foreign": w.migration("fabric").ID, "secret": secret, "guid": guid, "file": file, "later": later, "earlier": w.clock.Now().Add(24 * time.Hour).UTC().Format(time.DateOnly)}
	for n, s := range []step{
		{by: operator, args: "whoami", says: "operator of the vendor"},
		{by: vic, args: "status", exit: 5, says: "Only an operator"},
		{by: vic, args: "whoami", keys: "grants id kind name operator"},

		{by: vic, args: "explain contoso", says: "waits for the consent of its tenant"},
		{by: vic, args: "explain contoso", keys: "accountId asOf campaignId canAct dateFrom dateInForce facts integrationId migrationId name needsPerson next nextAt overdue phase sentence since status who why"},
		{by: vic, args: "explain fabric", exit: 4, says: "integration"},
		{by: mia, args: "migrate contoso", says: "waits for the consent"},
		{by: mia, args: "migrate contoso --wait", exit: 7},
		{by: vic, args: "migrate contoso", exit: 5, says: "role"},

		{by: operator, args: "extend contoso --until {later}", keys: "accountId decidedAt givenAt givenBy givenByName id kind migrationId state"},
		{by: vic, args: "explain contoso", says: "(extension)"},
		{by: operator, args: "extend contoso --until {earlier}", exit: 3},
		{by: operator, args: "extend contoso --until soon", exit: 2, says: "--until"},
		{by: operator, args: "extend contoso --until 2020-01-01", exit: 2, says: `--until "2020-01-01"`},
		{by: operator, args: "extend contoso --until 2999-01-01 --reason " + strings.Repeat("x", 241), exit: 2, says: "2 values make no sense"},
		{by: vic, args: "explain acc-contoso", exit: 4, says: "`consentry account show acc-contoso`"},
		{by: vic, args: "explain acc-fabric", exit: 4, says: "There is no such integration. `consentry integration list`"},
		{by: vic, args: "explain {migration}", exit: 4, says: "of the integration contoso: say that one"},
		{by: mia, args: "migrate {migration}", exit: 4, says: "of the integration contoso"},
		{by: vic, args: "explain {foreign}", exit: 4, says: "{foreign} has the form of an id of a migration"},
		{by: vic, args: "explain con_free", exit: 4, says: "is the id of a connector"},
		{by: operator, args: "synchronize campaign-eu", exit: 4, says: "`consentry campaign status campaign-eu`"},
		{by: vic, args: "explain campaign-eu", exit: 4, says: "There is no such integration. `consentry integration list`"},
		{by: ana, args: "extend contoso --until {later}", exit: 5, says: "operator"},
		{by: vic, args: "cancel contoso-two", exit: 5, says: "role"},
		{by: mia, args: "cancel contoso-two --reason later", says: "cancelled"},
		{by: mia, args: "cancel contoso-two", exit: 3, says: "nothing to decide"},
		{by: operator, args: "extend contoso-two --until {later}", exit: 3, says: "`consentry migrate contoso-two` begins one"},
		{by: mia, args: "migrate contoso-two", keys: ""},
		{by: ana, args: "roll-back contoso --reason test", exit: 3, says: "not migrated yet"},
		{by: operator, args: "roll-back contoso --reason test", exit: 3, says: "not migrated yet"},
		{by: mia, args: "roll-back contoso --reason test", exit: 5, says: "role"},
		{by: ana, args: "roll-back contoso", exit: 2, says: "--reason"},

		{by: operator, args: "campaign status", says: "campaign-eu"},
		{by: operator, args: "campaign status campaign-eu", says: "WHO CAN ACT"},
		{by: operator, args: "campaign status campaign-eu", keys: "campaign waiting"},
		{by: operator, args: "campaign status none", exit: 4},
		{by: ana, args: "campaign status campaign-eu", exit: 4},
		{by: operator, args: "campaign start campaign-eu", keys: "already opened"},
		{by: ana, args: "campaign start campaign-eu", exit: 5},
		{by: operator, args: "campaign pause campaign-eu", keys: "createdAt id name paused product region startedAt terms updatedAt version"},
		{by: operator, args: "campaign pause campaign-eu", says: "It is so already; this is still version 2."},
		{by: vic, args: "explain contoso-two", says: "its campaign is paused"},
		{by: operator, args: "campaign resume campaign-eu", says: "version 3"},
		{by: operator, args: "campaign extend campaign-eu --until {later}", says: later + " 23:59 UTC, the end of that day"},
		{by: operator, args: "campaign extend campaign-eu --until {later}", says: "It is so already; this is still version 4."},
		{by: operator, args: "campaign extend campaign-eu --until 2999-01-01", exit: 2, says: "too far away"},
		{by: vic, args: "explain contoso-two", says: "(campaign)"},
		{by: operator, args: "campaign extend campaign-eu --until {earlier}", exit: 3, says: "--earlier"},
		{by: operator, args: "campaign extend campaign-eu --until 2020-01-01", exit: 2, says: "has passed already"},
		{by: operator, args: "campaign extend campaign-eu --until 2020-01-01 --earlier", exit: 2, says: `--until "2020-01-01"`},
		{by: operator, args: "campaign pause none", exit: 4},
		{by: ana, args: "campaign resume campaign-eu", exit: 4},

		{by: operator, args: "cell list", says: "cell-eu"},
		{by: operator, args: "rotate cell-eu", keys: "applicationObjectId certificates clientId cloud createdAt homeTenantId id name redirectUris region"},
		{by: operator, args: "rotate none", exit: 4},
		{by: operator, args: "rotate cell-typo", exit: 3, says: "consentry cell verify cell-typo --wait"},
		{by: ana, args: "rotate cell-eu", exit: 4},
		{by: operator, args: "cell add cell-x --name X --region eu --client-id none --object-id " + fabric + " --home-tenant " + fabric, exit: 2, says: `--client-id "none"`},
		{by: operator, args: "cell add cell-eu --name X --region eu --client-id " + fabric + " --object-id " + fabric + " --home-tenant " + fabric, exit: 3, says: "another app registration"},
		{by: ana, args: "cell verify cell-eu", exit: 4},
		{by: operator, args: "cell change cell-eu --name Europe", says: "Europe"},
		{by: operator, args: "cell change cell-eu --client-id " + fabric, exit: 3, says: "is verified"},
		{by: operator, args: "cell change cell-eu --client-id none --home-tenant none", exit: 2, says: `--home-tenant "none": Enter a GUID`},
		{by: operator, args: "cell change none --name X", exit: 4},
		{by: ana, args: "cell change cell-eu --name X", exit: 5, says: "operator"},
		{by: operator, args: "cell remove cell-eu", exit: 3, says: "is verified"},
		{by: ana, args: "cell remove cell-eu", exit: 4},
		{by: operator, args: "cell change cell-typo --client-id " + fabric, keys: "applicationObjectId certificates clientId cloud createdAt homeTenantId id name redirectUris region"},
		{by: operator, args: "cell remove cell-typo --yes", keys: "cellId certificates clientId homeTenantId nextStep removedAt"},
		{by: operator, args: "cell remove cell-typo --yes", exit: 4},

		{by: ana, args: "people list --account acc-contoso", says: "mia-migrator"},
		{by: vic, args: "people list", keys: "asOf items"},
		{by: ana, args: "people invite Nia --account acc-contoso --role view --issuer " + issuer + " --subject nia", keys: "accountId grantedAt grantedBy grantedByName issuer name personId role signedInAt subject", keep: "nia=personId"},
		{by: ana, args: "people invite Nia --account acc-contoso", exit: 2, says: "--role"},
		{by: vic, args: "people invite Eve --account acc-contoso --role view", exit: 5, says: "role"},
		{by: ana, args: "people invite Otto --account acc-contoso --role view", keys: "accountId createdAt expiresAt id invitedBy link name redeemedAt revokedAt role", keep: "otto=id"},
		{by: ana, args: "people invited --account acc-contoso", says: "token approve of the command line of Contoso  open until"},
		{by: vic, args: "people withdraw {otto}", exit: 5, says: "role"},
		{by: ana, args: "people withdraw {otto}", says: "works no more"},
		{by: ana, args: "people withdraw none", exit: 4},
		{by: ana, args: "people invited", says: "withdrawn"},
		{by: ana, args: "people role {nia} migrate --account acc-contoso", says: "has the role migrate"},
		{by: mia, args: "people role {nia} view --account acc-contoso", exit: 5},
		{by: ana, args: "people role {nia} owner --account acc-contoso", exit: 2},
		{by: mia, args: "people revoke {nia} --account acc-contoso", exit: 5},
		{by: operator, args: "people revoke {nia}", exit: 2, says: "--role operator"},
		{by: operator, args: "people revoke {nia} --account acc-contoso --role operator", exit: 2, says: "which role is taken"},
		{by: operator, args: "people revoke {nia} --role operator", exit: 4},
		{by: ana, args: "people revoke {nia} --account acc-contoso", keys: "accountId personId state"},
		{by: ana, args: "people revoke {nia} --account acc-contoso", exit: 4},

		{by: ana, args: "token issue exporter --account acc-contoso --role view --for 1h", keys: "accountId createdAt createdBy expiresAt id lastUsedAt name revokedAt role value", keep: "exporter=id"},
		{by: ana, args: "token issue exporter --account acc-contoso --role view --for 1h", exit: 3, says: "name"},
		{by: ana, args: "token issue deployer --account acc-contoso --role view --for 1h --out {file}", says: "its value is in"},
		{by: ana, args: "token issue other --account acc-contoso --role view --for 1h --out {file}", exit: 2, says: "--out"},
		{by: ana, args: "token issue lasting --account acc-contoso --role view --out {file}.2", says: "its value is in"},
		{by: mia, args: "token issue other --account acc-contoso --role view", exit: 5},
		{by: ana, args: "token issue other --account acc-contoso --role view --for 2y", exit: 2, says: "give for example 90d, 36h or 30m"},
		{by: ana, args: "token issue other --account acc-contoso --role view --for 367d", exit: 2, says: `--for "367d"`},
		{by: ana, args: "token issue other --account acc-contoso --role view --for 300d", exit: 3, says: "A token issues none that outlives it"},
		{by: ana, args: "token issue " + strings.Repeat("x", 300) + " --account acc-contoso --role view --for 400d", exit: 2, says: "2 values make no sense"},
		{by: operator, args: "people invite Olaf", exit: 2, says: "--account ID with --role view, migrate or approve for a role in an account, or --role operator"},
		{by: operator, args: "people invite Olaf --role operator", keys: "createdAt expiresAt id invitedBy link name redeemedAt revokedAt role"},
		{by: operator, args: "token issue olafs --for 1h", exit: 2, says: "or --role operator for an operator of the vendor"},
		{by: operator, args: "token issue olafs --for 1h --role operator", keys: "createdAt createdBy expiresAt id lastUsedAt name revokedAt role value"},
		{by: ana, args: "people invite Eve --account acc-contoso --role operator", exit: 2, says: "no role in an account"},
		{by: ana, args: "people invite Eve --account acc-contoso --role view --for 15d", exit: 2, says: `--for "15d"`},
		{by: ana, args: "token list --account acc-contoso", says: "token approve of the command line of Contoso  ends "},
		{by: vic, args: "token revoke {exporter}", exit: 5},
		{by: ana, args: "token revoke {exporter}", says: "works no more"},
		{by: ana, args: "token revoke none", exit: 4},
		{by: ana, args: "token list --all", says: "revoked"},

		{by: operator, args: "account list", says: "acc-fabric"},
		{by: vic, args: "account list", keys: "asOf items"},
		{by: vic, args: "account show acc-contoso", says: "To do for the people of the account:"},
		{by: operator, args: "account show acc-contoso", keys: "account actions deletion integrations"},
		{by: vic, args: "account show acc-fabric", exit: 4, says: "account"},
		{by: operator, args: "account receipt acc-leave", says: "nobody has asked to delete it"},
		{by: operator, args: "account undo acc-leave", exit: 4, says: "request"},
		{by: operator, args: "account delete acc-leave --yes", keys: "accountId asOf beganAt deleted due evidenceUntil finishedAt kept requestedAt requestedBy requestedByName state withdrawnAt"},
		{by: operator, args: "account receipt acc-leave", says: "by token operator of the command line of an operator"},
		{by: operator, args: "account undo acc-leave", says: "acc-leave stays"},
		{by: operator, args: "account receipt acc-leave", says: "the request was taken back on "},
		{by: vic, args: "account delete acc-contoso --yes", exit: 5, says: "role"},
		{by: ana, args: "account delete acc-contoso --yes", exit: 3, says: "migration"},
		{by: ana, args: "account delete acc-leave --yes", exit: 4},

		{by: vic, args: "integration list", says: "contoso-two"},
		{by: mia, args: "synchronize contoso", says: "Directory of contoso was never synchronized"},
		{by: mia, args: "synchronize fabric", exit: 4},
		{by: vic, args: "synchronize contoso", exit: 5, says: "role"},
		{by: mia, args: "integration replace-secret contoso --ends {later} --secret-file {secret}", says: "23:59 UTC, the end of that day"},
		{by: vic, args: "explain contoso", says: "has not been tried at Microsoft yet"},
		{by: operator, args: "integration replace-secret contoso --ends {later} --secret-file {secret}", keys: "integrationId next secretEndsAt secretEnteredAt"},
		{by: mia, args: "integration replace-secret contoso --ends {later} --secret-file {guid}", exit: 2, says: "Secret ID"},
		{by: mia, args: "integration replace-secret contoso --ends 2026-01-01 --secret-file {secret}", exit: 2, says: "has passed"},
		{by: mia, args: "integration replace-secret contoso --ends soon --secret-file {secret}", exit: 2, says: "--ends"},
		{by: mia, args: "integration replace-secret contoso --secret-file {secret}", exit: 2, says: "--ends"},
		{by: mia, args: "integration replace-secret contoso --ends {later} --secret-file none", exit: 2, says: "--secret-file: there is no file none: name one that is there"},
		{by: mia, args: "integration replace-secret contoso --ends {later}", exit: 2, says: "standard input: empty; it must hold the secret's Value"},
		{by: vic, args: "integration replace-secret contoso --ends {later} --secret-file {secret}", exit: 5, says: "role"},
		{by: mia, args: "integration replace-secret fabric --ends {later} --secret-file {secret}", exit: 4, says: "integration"},
		{by: vic, args: "connector list", says: "con_free"},
		{by: vic, args: "connector disconnect con_free --yes", exit: 5, says: "role"},
		{by: operator, args: "connector disconnect con_free --yes", exit: 5},
		{by: ana, args: "connector disconnect con_used", exit: 3, says: "used by"},
		{by: ana, args: "connector disconnect con_free --yes", says: "is disconnected since "},
		{by: vic, args: "connector list", says: "cell-eu  disconnected 20"},
		{by: ana, args: "connector disconnect none", exit: 4},

		{by: operator, args: "tenant allow " + contoso + " --account acc-contoso --reason merger", says: "may be used by acc-contoso;"},
		{by: operator, args: "tenant allow " + contoso + " --account acc-contoso --account acc-fabric --reason merger", exit: 2, says: "The account acc-fabric has no integration and no connector in the tenant " + contoso + "; these have: acc-contoso"},
		{by: operator, args: "tenant allow 99999999-9999-4999-8999-999999999999 --account acc-contoso --reason merger", exit: 2, says: "No account has an integration"},
		{by: ana, args: "tenant allow " + contoso + " --account acc-contoso --reason merger", exit: 4},
		{by: operator, args: "payload-key rotate", keys: "createdAt id retiredAt state"},
		{by: operator, args: "payload-key list", says: "active"},
		{by: ana, args: "payload-key rotate", exit: 5},
		{by: operator, args: "campaign kill-switch campaign-eu on", says: "false"},
		{by: operator, args: "campaign status campaign-eu", says: "deadline not enforced"},
		{by: operator, args: "campaign kill-switch campaign-eu off", says: "true"},
		{by: operator, args: "campaign kill-switch campaign-eu perhaps", exit: 2},
		{by: vic, args: "get /decisions", keys: "asOf items"},
		{by: vic, args: "get api/v1/integrations/fabric", exit: 4},
		{by: vic, args: "get /decisions?colour=red", exit: 2, says: "colour"},
		{by: operator, args: "campaign status campaign-eu --limit 201", exit: 2, says: `--limit "201"`},
		{by: vic, args: "get ../../auth/sign-out", exit: 2, says: "no address below"},
	} {
		for name, value := range kept {
			s.args, s.says = strings.ReplaceAll(s.args, "{"+name+"}", value), strings.ReplaceAll(s.says, "{"+name+"}", value)
		}
		t.Run(fmt.Sprintf("%02d %s", n, s.args), func(t *testing.T) {
			args := strings.Fields(s.args)
			if s.keys != "" {
				args = append(args, "--json")
			}
			p := s.by.run(args...)
			require.Equal(t, s.exit, p.exit, p.out+p.errs)
			switch {
			case s.exit == 0, s.exit == 7:
				require.Contains(t, p.out, s.says)
				require.Empty(t, p.errs)
			default:
				require.Empty(t, p.out)
				require.Contains(t, p.errs, s.says)
				require.Equal(t, "consentry: ", p.errs[:11])
			}
			if s.keys == "" {
				return
			}
			var doc map[string]any
			require.NoError(t, json.Unmarshal([]byte(p.out), &doc), p.out)
			require.Equal(t, strings.Fields(s.keys), slices.Sorted(maps.Keys(doc)))
			if name, key, ok := strings.Cut(s.keep, "="); ok {
				kept[name] = fmt.Sprint(doc[key])
			}
		})
	}
	value, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, w.shellWith(strings.TrimSpace(string(value))).run("whoami").out, "deployer")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// TestStatusEndsByWhatItShows, so that a script sees a trouble without reading it.
func TestStatusEndsByWhatItShows(t *testing.T) {
	w := newWorldOfNow(t)
	operator, vic := w.shell("", domain.RoleOperator), w.shell("acc-contoso", domain.RoleView)
	asOf := `(?m)^as of \d{4}-\d\d-\d\d \d\d:\d\d UTC`
	ends := func(code int, says string) {
		t.Helper()
		p := operator.run("status")
		require.Equal(t, code, p.exit, p.out+p.errs)
		require.Contains(t, p.out, says)
		require.Regexp(t, asOf, p.out)
		require.Empty(t, p.errs, "the answer says it all")
		p = operator.run("status", "--json")
		require.Equal(t, code, p.exit)
		var doc map[string]any
		require.NoError(t, json.Unmarshal([]byte(p.out), &doc), p.out)
		require.Equal(t, []string{"asOf", "items", "troubles"}, slices.Sorted(maps.Keys(doc)))
		require.Empty(t, p.errs)
	}
	ends(1, "No worker runs")
	require.NoError(t, w.service.TellProcess(t.Context(), domain.Process{
		ID: domain.NewID("prc"), Program: "consentry-dev", Kinds: []string{domain.KindWorker, domain.KindAPI}, Version: "1", Revision: "r", StartedAt: domain.At(w.clock.Now()),
	}))
	ends(0, "Everything that is needed runs")

	p := vic.run("status", "--json")
	require.Equal(t, 5, p.exit)
	require.Empty(t, p.out)
	require.Contains(t, p.errs, "Only an operator")
}

// TestAnExplanationOfEachPhaseIsASentenceAndItsFacts with the date in force and
// when all of it was so.
func TestAnExplanationOfEachPhaseIsASentenceAndItsFacts(t *testing.T) {
	w := newWorldOfNow(t)
	s := w.shell("acc-contoso", domain.RoleView)
	seen := map[string]domain.Phase{}
	for _, phase := range []domain.Phase{
		domain.AwaitingConsent, domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval, domain.CuttingOver,
		domain.Migrated, domain.CleanUp, domain.Closed, domain.RolledBack, domain.Cancelled,
	} {
		w.inPhase("contoso", phase)
		p := s.run("explain", "contoso")
		require.Equal(t, 0, p.exit, p.errs)
		sentence, facts, _ := strings.Cut(p.out, "\n\n")
		require.True(t, strings.HasPrefix(sentence, "Directory of contoso ") && strings.HasSuffix(sentence, "."), sentence)
		require.NotContains(t, sentence, ". ", "it is one sentence")
		require.NotContains(t, sentence, "\n")
		require.NotContains(t, seen, sentence, "two phases must not read alike")
		seen[sentence] = phase
		require.Regexp(t, `(?m)^  As of +\d{4}-\d\d-\d\d \d\d:\d\d UTC$`, facts)
		require.Regexp(t, `(?m)^  Date in force +(none|\d+ \w+ \d{4} \d\d:\d\d UTC \((campaign|extension)\))$`, facts)
		require.Contains(t, facts, string(phase)+" since ")
		require.Equal(t, sentence+"\n", s.run("explain", "contoso", "--quiet").out)
	}
}

// TestAnImportSaysWhatItDidAndWhere a file is wrong.
func TestAnImportSaysWhatItDidAndWhere(t *testing.T) {
	w := newWorldOfNow(t)
	operator := w.shell("", domain.RoleOperator)
	const good = `{
  "accounts": [
    {
      "id": "acc-tailspin", "name": "Tailspin", "region": "us", "timeZone": "America/New_York",
      "integrations": [
        {"id": "tailspin", "name": "Tailspin", "tenantId": "77777777-7777-4777-8777-777777777777", "tenantDomain": "tailspin.test",
         "schedule": {"timesADay": 3}, "settings": {"includeGuests": true, "includeDisabled": true},
         "legacyApp": {"clientId": "88888888-8888-4888-8888-888888888888", "name": "old", "secret": "hush~hush~hush", "secretEndsAt": "2099-01-01T00:00:00Z"}}
      ]
    }
  ]
}
`
	file := filepath.Join(t.TempDir(), "inventory.json")
	require.NoError(t, os.WriteFile(file, []byte(good), 0o600))
	require.Contains(t, w.shell("acc-contoso", domain.RoleApprove).run("import", file).errs, "operator")
	before := w.rows()["accounts"]
	for name, c := range map[string]struct {
		file, says string
		exit       int
	}{
		"a field that breaks a rule":  {strings.Replace(good, "77777777-7777-4777-8777-777777777777", "tailspin", 1), "line 6, accounts[0].integrations[0].tenantId: ", 2},
		"a field of a wrong kind":     {strings.Replace(good, `"name": "Tailspin", "region"`, `"name": 7, "region"`, 1), "line 4, accounts[0].name: ", 2},
		"a field that nobody knows":   {strings.Replace(good, `"region": "us"`, `"region": "us", "regoin": "us"`, 1), "line 4, accounts[0].regoin: ", 2},
		"a field that is missing":     {strings.Replace(good, `"timeZone": "America/New_York"`, `"x": 1`, 1), "line 3, accounts[0].timeZone: This field is missing: write it", 2},
		"a bracket that is missing":   {strings.Replace(good, "      ]\n", "", 1), "line 9, column 5", 2},
		"a file that is empty":        {"\n", "empty", 2},
		"the shape of something else": {`{"users": []}`, "users", 2},
		"a field that is there twice": {strings.Replace(good, `"region": "us"`, `"region": "eu", "region": "us"`, 1), "line 4, accounts[0].region: This field is written twice", 2},
		"twice in another case":       {strings.Replace(good, `"region": "us"`, `"region": "us", "Region": "eu"`, 1), "line 4, accounts[0].Region: This field is written twice", 2},
		"a secret of three letters":   {strings.Replace(good, "hush~hush~hush", "abc", 1), "line 8, accounts[0].integrations[0].legacyApp.secret: A client secret has 12 to 256 characters", 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := operator.fed(c.file, "import", "-")
			require.Equal(t, c.exit, p.exit, p.errs)
			require.Contains(t, p.errs, c.says)
			require.Equal(t, before, w.rows()["accounts"], "whole or not at all")
		})
	}
	require.Equal(t, 2, operator.run("import", file+".none").exit)
	list := operator.fed("[]", "import", "-")
	require.Equal(t, 2, list.exit)
	require.Contains(t, list.errs, "in curly braces")
	require.NotContains(t, list.errs, "larger than can be read", "it is about no number")

	all := strings.NewReplacer(`"region": "us"`, `"region": "us", "regoin": "us"`, `"acc-tailspin"`, `"A"`, `"timeZone": "America/New_York",`, ``, `"tenantId": "77777777-7777-4777-8777-777777777777"`, `"tenantId": "none"`,
		`{"timesADay": 3}`, `3`, `"name": "old"`, `"name": 7`, `"2099-01-01T00:00:00Z"`, `"soon"`, `"settings": {`, `"settings": {"includeGuests": false, `).Replace(good)
	p := operator.fed(all, "import", "-")
	require.Equal(t, 2, p.exit)
	for _, says := range []string{
		"accounts[0].regoin: There is no field of this name here: correct the name, or take it out",
		"accounts[0].timeZone: This field is missing: write it",
		"accounts[0].integrations[0].schedule: Write fields with their values, in curly braces",
		"accounts[0].integrations[0].legacyApp.name: Write a text, in quotation marks",
		"accounts[0].integrations[0].legacyApp.secretEndsAt: Write a date with time and zone",
		"accounts[0].integrations[0].tenantId: Enter a GUID",
		"accounts[0].id: Enter 2 to 63 lower-case letters",
		"accounts[0].integrations[0].settings.includeGuests: This field is written twice",
	} {
		require.Contains(t, p.errs, says)
	}
	require.Contains(t, p.errs, "8 values make no sense", "each once: what has no form breaks no rule beside")
	require.NotContains(t, p.errs, "body.")
	require.NotContains(t, p.errs, "expected")

	first := operator.run("import", file)
	require.Equal(t, 0, first.exit, first.errs)
	require.Contains(t, first.out, "Imported, as of ")
	rows := w.rows()
	again := operator.run("import", file)
	require.Equal(t, 0, again.exit, again.errs)
	require.Contains(t, again.out, "nothing was changed now")
	require.Equal(t, rows, w.rows())
	anew := operator.run("import", file, "--again", "--json")
	var report service.InventoryReport
	require.NoError(t, json.Unmarshal([]byte(anew.out), &report), anew.out)
	require.False(t, report.Repeated)
	require.Equal(t, 1, report.Integrations)
}
