package demo

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"consentry/emulator"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/engine"
	"consentry/internal/service"
)

// commandLine runs the command line's program as this system's operator.
func (s *show) commandLine(t *testing.T, args ...string) (out, errs string, exit int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	program, err := filepath.Abs("../../bin/consentry")
	require.NoError(t, err)
	c := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	c.Env, c.Stdout, c.Stderr = []string{"CONSENTRY_API=" + s.Console, "CONSENTRY_TOKEN_FILE=" + s.OperatorToken()}, &stdout, &stderr
	err = c.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		require.NoError(t, err, "`make build` makes the programs that this test starts")
	}
	t.Log(args, c.ProcessState.ExitCode(), stdout.String(), stderr.String())
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

// upload adds a certificate to a registration as a person does in the portal.
func (s *show) upload(t *testing.T, appID string, der []byte) {
	t.Helper()
	body, err := json.Marshal(map[string][]byte{"der": der})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Emulator.ControlURL()+"/__control/applications/"+appID+"/certificates", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// A new cell: it is added with a slip, the keys queue mints its first
// certificate, the slip is corrected, a person uploads the certificate, at first
// another one, a token proves it, and from then on it rotates by itself. One that
// was never used is forgotten, with its schedule.
func TestACellIsAddedByAPersonAndRotatesByItself(t *testing.T) {
	s := open(t)
	app := emulator.Application{
		AppID: "cccccccc-0000-4000-8000-000000000001", ObjectID: "cccccccc-0000-4000-8000-000000000002", TenantID: s.world.Home.ID, DisplayName: "Consentry Connector (eu-2)",
		MultiTenant: true, ServicePrincipal: true, RedirectURIs: []string{s.Console + "/consent/callback"}, DelegatedScopes: []string{"openid", "profile"},
	}
	require.NoError(t, s.Emulator.AddApplication(app))
	file := filepath.Join(t.TempDir(), "first.pem")
	add := []string{"cell", "add", "cell-eu-2", "--name", "Europe 2", "--region", "eu", "--cloud", "custom", "--client-id", app.AppID, "--object-id", app.ObjectID, "--home-tenant", app.TenantID, "--out", file}
	const slip = "cccccccc-0000-4000-8000-00000000000f"
	slipped := slices.Clone(add)
	slipped[slices.Index(slipped, app.AppID)] = slip
	_, _, exit := s.commandLine(t, slipped...)
	require.Equal(t, 7, exit)
	minted, err := os.ReadFile(file)
	require.NoError(t, err)
	// Proofs a minute apart are for Microsoft; the emulated one spreads a key within seconds.
	_, err = service.Do(t.Context(), s.App.Service, domain.System("test"), "", "test", "cell-eu-2", func(tx *service.Tx) (struct{}, error) {
		c, err := tx.Rows.Cells().Get("cell-eu-2")
		c.Rotation = s.world.Cells[0].Rotation
		return struct{}{}, errors.Join(err, tx.Rows.Cells().Update(&c))
	})
	require.NoError(t, err)
	out, errs, exit := s.commandLine(t, "cell", "verify", "cell-eu-2")
	require.Equal(t, 7, exit, errs)
	require.Contains(t, out, "compare what `cell add` was given")
	out, errs, exit = s.commandLine(t, "cell", "change", "cell-eu-2", "--client-id", app.AppID)
	require.Equal(t, 0, exit, errs)
	require.Contains(t, out, "Its first certificate is still ")
	out, errs, exit = s.commandLine(t, add...)
	require.Equal(t, 7, exit, "it waits for a person")
	require.Empty(t, errs)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, out, string(text))
	require.Equal(t, string(minted), string(text), "the certificate that is at hand stays")
	require.NotContains(t, out+string(text), "PRIVATE")
	for _, step := range []string{
		"redirect URI " + s.Console + "/consent/callback", "multi-tenant", "User.Read.All and GroupMember.Read.All", "openid and profile",
		`groupMembershipClaims "DirectoryRole"`, "optional claim acct", "App instance property lock", "A service principal of the application in this tenant",
	} {
		require.Contains(t, out, step, "the checklist is whole")
	}
	require.Contains(t, out, "Then: consentry cell verify cell-eu-2")
	block, rest := pem.Decode(text)
	require.NotNil(t, block)
	require.Empty(t, rest)
	first, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	out, _, exit = s.commandLine(t, add...)
	require.Equal(t, 7, exit)
	require.Contains(t, out, string(text), "again shows the same certificate")
	for exists, args := range map[string][]string{
		"with another region":           {"--region", "us"},
		"for another app registration":  {"--client-id", s.world.Cells[0].ClientID},
		"is the cell cell-eu-2 already": nil,
	} {
		other := append(slices.Clone(add), args...)
		if args == nil {
			other[2] = "cell-eu-3"
		}
		_, errs, exit = s.commandLine(t, other...)
		require.Equal(t, 3, exit, "one cell is one registration")
		require.Contains(t, errs, exists)
	}

	s.upload(t, app.AppID, another(t))
	out, _, exit = s.commandLine(t, "cell", "verify", "cell-eu-2")
	require.Equal(t, 7, exit)
	require.Contains(t, out, "Not verified: Microsoft does not know the certificate ")
	require.Contains(t, out, "exactly this thumbprint")

	s.upload(t, app.AppID, first.Raw)
	out, errs, exit = s.commandLine(t, "cell", "verify", "cell-eu-2", "--wait")
	require.Equal(t, 0, exit, errs)
	require.Contains(t, out, "Verified: Microsoft accepts the certificate ")
	out, errs, exit = s.commandLine(t, "rotate", "cell-eu-2", "--wait")
	require.Equal(t, 0, exit, errs)
	require.Contains(t, out, " signs since ")
	require.Len(t, s.Emulator.Keys(app.AppID), 3, "another's, the first, and the one that the cell added to itself")
	signing, err := s.App.Service.ActiveCredential(t.Context(), "cell-eu-2")
	require.NoError(t, err)
	require.NotEqual(t, first.Raw, signing.Credential.CertificateDER)
	require.NotEmpty(t, signing.Credential.KeyID, "added by ourselves")
	out, _, exit = s.commandLine(t, add...)
	require.Equal(t, 0, exit)
	require.Contains(t, out, "has a certificate that works")
	_, errs, exit = s.commandLine(t, "cell", "change", "cell-eu-2", "--client-id", slip)
	require.Equal(t, 3, exit)
	require.Contains(t, errs, "is verified")

	slipped[slices.Index(slipped, "cell-eu-2")] = "cell-eu-9"
	_, _, exit = s.commandLine(t, slipped...)
	require.Equal(t, 7, exit)
	require.NoError(t, s.rotation(t, "cell-eu-9"))
	out, errs, exit = s.commandLine(t, "cell", "remove", "cell-eu-9", "--yes")
	require.Equal(t, 0, exit, errs)
	require.Contains(t, out, "PRIVATE KEY DESTROYED")
	require.Eventually(t, func() bool {
		_, gone := errors.AsType[*serviceerror.NotFound](s.rotation(t, "cell-eu-9"))
		return gone
	}, time.Minute, 50*time.Millisecond, "its schedule ends with it")
	require.NoError(t, s.rotation(t, "cell-eu-2"))
}

// rotation asks Temporal for the schedule of a cell.
func (s *show) rotation(t *testing.T, cellID string) error {
	t.Helper()
	o, err := engine.ClientOptions(s.Temporal(), zap.NewNop())
	require.NoError(t, err)
	c, err := client.DialContext(t.Context(), o)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.WorkflowService().DescribeSchedule(t.Context(), &workflowservice.DescribeScheduleRequest{Namespace: o.Namespace, ScheduleId: contract.RotationScheduleID(cellID)})
	return err
}

// another is a certificate that nobody here holds the key of.
func another(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return der
}
