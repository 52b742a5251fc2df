//go:build clients

// Package clients runs Microsoft's client libraries for JavaScript, unmodified, against the emulator. `make clients`
// installs them first.
package clients

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/emulator"
)

const (
	home     = "aaaaaaaa-0000-4000-8000-000000000001"
	customer = "bbbbbbbb-0000-4000-8000-000000000002"
	stranger = "eeeeeeee-0000-4000-8000-000000000009" // a tenant that consented to nothing
	app      = "cccccccc-0000-4000-8000-000000000003"
	oldApp   = "dddddddd-0000-4000-8000-000000000004"
	secret   = "a secret of the tour, forty characters ~~"
	callback = "http://127.0.0.1:9/callback"
)

func TestTourOfTheLibrariesForJavaScript(t *testing.T) {
	require.FileExists(t, "node_modules/.package-lock.json", "the libraries are installed by: make clients")
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tour"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	sum1, sum256 := sha1.Sum(der), sha256.Sum256(der)

	s, err := emulator.New(emulator.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.WithoutCancel(t.Context()))) })
	for _, tenant := range []emulator.Tenant{
		{ID: home, DisplayName: "Vendor", Domain: "vendor.example"},
		{ID: customer, DisplayName: "Contoso", Domain: "contoso.example", Generate: &emulator.Generate{Seed: 3, Users: 450, Groups: 20}},
		{ID: stranger, DisplayName: "Fabrikam", Domain: "fabrikam.example"},
	} {
		require.NoError(t, s.AddTenant(tenant))
	}
	require.NoError(t, s.AddPerson(emulator.Person{TenantID: customer, ObjectID: "00000000-0000-4000-8000-0000000000a1", UPN: "ada@contoso.example",
		Name: "Ada Admin", Roles: []string{emulator.RoleGlobalAdministrator}}))
	roles := []string{"df021288-bdef-4463-88db-98f22de89214", "98830695-27a2-44f7-8c18-0c3ebc9698f6"} // User.Read.All, GroupMember.Read.All
	require.NoError(t, s.AddApplication(emulator.Application{AppID: app, TenantID: home, DisplayName: "Connector", MultiTenant: true,
		RedirectURIs: []string{callback}, RequiredRoles: roles, DelegatedScopes: []string{"User.Read", "offline_access"}, Certificates: [][]byte{der}, ServicePrincipal: true}))
	require.NoError(t, s.AddApplication(emulator.Application{AppID: oldApp, TenantID: customer, DisplayName: "Old app", RequiredRoles: roles, Consented: true,
		Secrets: []emulator.Secret{{Value: secret, NotAfter: time.Now().Add(time.Hour)}}}))
	require.NoError(t, s.GrantConsent(customer, app))
	require.NoError(t, s.Start())

	tour := exec.CommandContext(t.Context(), "node", "--test", "--test-reporter=spec", "--test-timeout=60000", "tour.test.mjs")
	tour.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+write("ca.pem", s.CAPEM()), "EMULATOR="+s.HTTPSURL(), "CONTROL="+s.ControlURL()+"/__control",
		"CUSTOMER="+customer, "STRANGER="+stranger, "APP="+app, "OLD_APP="+oldApp, "SECRET="+secret, "CALLBACK="+callback,
		"KEY="+write("key.pem", keyPEM), "PEM="+write("app.pem", append(keyPEM, certPEM...)),
		"SHA1="+hex.EncodeToString(sum1[:]), "SHA256="+hex.EncodeToString(sum256[:]))
	said, err := tour.CombinedOutput()
	require.NoError(t, err, string(said))
	t.Log(string(said))
}
