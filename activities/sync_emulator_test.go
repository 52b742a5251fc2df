package activities_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/activities"
	"consentry/emulator"
	"consentry/internal/contract"
	"consentry/internal/dirsync"
	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/service"
)

const (
	tenant    = "11111111-aaaa-4bbb-8ccc-000000000001"
	vendor    = "33333333-aaaa-4bbb-8ccc-000000000003"
	cellApp   = "55555555-aaaa-4bbb-8ccc-000000000005"
	legacyApp = "88888888-aaaa-4bbb-8ccc-000000000008"
)

// microsoftReader reads the emulated directory through the real adapter.
type microsoftReader struct {
	directory *entra.Directory
	key       entra.SigningKey
	secret    string
}

func (r *microsoftReader) Page(ctx context.Context, a activities.DirectoryAccess, stream dirsync.Stream, link string) ([]byte, error) {
	return r.directory.Page(ctx, entra.Access(a), entra.Collection(stream), link)
}

func (r *microsoftReader) CellSigner(context.Context, string) (entra.SigningKey, error) {
	return r.key, nil
}

func (r *microsoftReader) LegacySecret(context.Context, string) (entra.ClientSecret, error) {
	return entra.ClientSecret{ClientID: legacyApp, Secret: r.secret}, nil
}

// emulated is a bench whose directory is the emulator's, read by its legacy app.
type emulated struct {
	*syncBench
	*emulator.Server
	reader *microsoftReader
}

func newEmulated(t *testing.T) *emulated {
	t.Helper()
	b := newSyncBench(t)
	b.now = time.Now()
	server, err := emulator.New(emulator.Config{PageSize: 40, MemberPage: 25, Now: func() time.Time { return b.now }})
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { require.NoError(t, server.Close(context.WithoutCancel(t.Context()))) })

	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cell"}, NotBefore: b.now.Add(-time.Hour), NotAfter: b.now.Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)

	roles := []string{"df021288-bdef-4463-88db-98f22de89214", "98830695-27a2-44f7-8c18-0c3ebc9698f6"}
	for _, err := range []error{
		server.AddTenant(emulator.Tenant{ID: vendor, DisplayName: "Vendor", Domain: "vendor.example"}),
		server.AddTenant(emulator.Tenant{ID: tenant, DisplayName: "Contoso", Domain: "contoso.example", Generate: &emulator.Generate{Seed: 3, Users: 130, Groups: 15}}),
		server.AddApplication(emulator.Application{AppID: cellApp, TenantID: vendor, DisplayName: "Connector", MultiTenant: true, RequiredRoles: roles, Certificates: [][]byte{der}, ServicePrincipal: true}),
		server.AddApplication(emulator.Application{AppID: legacyApp, TenantID: tenant, DisplayName: "Old sync", RequiredRoles: roles, ServicePrincipal: true, Consented: true,
			Secrets: []emulator.Secret{{Value: "legacy~secret", NotAfter: b.now.Add(time.Hour)}}}),
		server.GrantConsent(tenant, cellApp),
	} {
		require.NoError(t, err)
	}
	reader := &microsoftReader{secret: "legacy~secret", key: entra.SigningKey{CellID: "cell", ClientID: cellApp, CredentialID: "crd", Certificate: certificate, Signer: key}}
	cloud := entra.Cloud{Name: "emulator", Authority: server.HTTPSURL(), BrowserAuthority: server.HTTPURL(), GraphURL: server.HTTPSURL() + "/v1.0", HTTP: server.HTTPClient()}
	reader.directory, err = entra.NewDirectory(cloud, entra.NewTokens(cloud, reader, func() time.Time { return b.now }))
	require.NoError(t, err)
	b.sync.Directory = reader
	require.NoError(t, b.st.Write(t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Get("i")
		if err != nil {
			return err
		}
		i.TenantID = tenant
		return errors.Join(
			r.Integrations().Update(&i),
			r.Cells().Insert(&domain.Cell{ID: "cell", ClientID: cellApp}),
			r.Connectors().Insert(&domain.Connector{ID: "conn", AccountID: "acc", TenantID: tenant, CellID: "cell"}),
		)
	}))
	return &emulated{b, server, reader}
}

func (e *emulated) round() contract.DirectorySyncResult {
	e.t.Helper()
	id := e.begin()
	e.mustRead(id)
	out := e.apply(id)
	require.Equal(e.t, domain.RunDone, out.State)
	return out
}

// truth is the emulated directory as a mirror of it reads: every property we
// select, and every membership.
func (e *emulated) truth() map[string]string {
	e.t.Helper()
	dump := e.Directory(tenant)
	out := map[string]string{}
	add := func(stream dirsync.Stream, objects any) {
		body, err := json.Marshal(map[string]any{"value": objects, "@odata.deltaLink": "d"})
		require.NoError(e.t, err)
		page, err := dirsync.DecodePage(stream, body)
		require.NoError(e.t, err)
		for _, o := range page.Objects {
			record, err := o.Record()
			require.NoError(e.t, err)
			out[string(stream)+" "+record.ID] = string(record.Data)
		}
	}
	add(dirsync.Users, dump.Users)
	add(dirsync.Groups, dump.Groups)
	for _, m := range dump.Memberships {
		out[m.GroupID+" has "+m.MemberID] = m.MemberType
	}
	return out
}

func (e *emulated) mirror() map[string]string {
	e.t.Helper()
	out := map[string]string{}
	read := func(kind string) service.DirectoryPage {
		page, err := e.svc.ReadDirectory(e.t.Context(), domain.System("test"), "i", kind, dirsync.Edge{}, 2000)
		require.NoError(e.t, err)
		return page
	}
	for _, s := range dirsync.Streams {
		for _, o := range read(string(s)).Objects {
			out[string(s)+" "+o.ID] = string(o.Data)
		}
	}
	for _, m := range read("memberships").Memberships {
		out[m.GroupID+" has "+m.MemberID] = m.MemberKind
	}
	return out
}

// TestAMirrorFollowsTheDirectoryThroughTheRealLibraries goes the whole road but
// for the engine: token, delta pages split inside memberships, staging, mirror;
// and compares object by object, first whole, then by changes, then after the
// links have died.
func TestAMirrorFollowsTheDirectoryThroughTheRealLibraries(t *testing.T) {
	e := newEmulated(t)
	out := e.round()
	require.Equal(t, e.truth(), e.mirror())
	require.Greater(t, out.Added, int64(145))

	dump := e.Directory(tenant)
	user, err := e.CreateUser(tenant, emulator.User{DisplayName: "New", UserPrincipalName: "new@contoso.example", AccountEnabled: true, UserType: "Member"})
	require.NoError(t, err)
	group, err := e.CreateGroup(tenant, emulator.Group{DisplayName: "New group", SecurityEnabled: true})
	require.NoError(t, err)
	gone := dump.Memberships[0]
	for _, err := range []error{
		e.AddMember(tenant, group, user),
		e.AddMember(tenant, group, dump.Groups[0].ID),
		e.UpdateUser(tenant, dump.Users[0].ID, emulator.Patch{"jobTitle": "Changed", "department": nil}),
		e.DeleteUser(tenant, dump.Users[1].ID),
		e.DeleteUser(tenant, dump.Users[2].ID),
		e.Restore(tenant, dump.Users[2].ID),
		e.DeleteGroup(tenant, dump.Groups[1].ID),
		e.RemoveMember(tenant, group, dump.Groups[0].ID),
	} {
		require.NoError(t, err)
	}
	if gone.GroupID != dump.Groups[1].ID && gone.MemberID != dump.Users[1].ID {
		require.NoError(t, e.RemoveMember(tenant, gone.GroupID, gone.MemberID))
	}
	out = e.round()
	require.Equal(t, e.truth(), e.mirror())
	require.Less(t, out.Read, int64(60), "a delta, and no reading of everything")

	require.NoError(t, e.DeleteUser(tenant, dump.Users[3].ID))
	e.now = e.now.Add(time.Minute)
	require.NoError(t, e.ExpireDeltas(tenant))
	id := e.begin()
	require.True(t, e.mustRead(id).Full)
	e.apply(id)
	require.Equal(t, e.truth(), e.mirror())
}

// TestTheConnectorReadsTheSameDirectory: a shadow through the certificate shows
// no difference, and the first synchronization brings what changed since.
func TestTheConnectorReadsTheSameDirectory(t *testing.T) {
	e := newEmulated(t)
	e.round()
	m := domain.Migration{ID: "m", AccountID: "acc", IntegrationID: "i", ConnectorID: "conn", Phase: domain.Proving, Open: true}
	require.NoError(t, e.st.Write(t.Context(), func(r service.Rows) error { return r.Migrations().Insert(&m) }))
	start, err := run(e.syncBench, e.sync.ServiceBeginRun, contract.BeginRun{Key: "shadow", Input: contract.DirectorySyncInput{IntegrationID: "i", AttemptID: "m", Purpose: domain.RunShadow}})
	require.NoError(t, err)
	e.mustRead(start.RunID)
	proof, err := service.Do(t.Context(), e.svc, domain.System("test"), "", "test", "m", func(tx *service.Tx) (domain.Proof, error) {
		return tx.CompareShadow(m, start.RunID, false)
	})
	require.NoError(t, err)
	require.True(t, proof.Equal(), "%+v", proof)
	require.EqualValues(t, len(e.truth()), proof.Shadow.Total())

	_, err = e.CreateUser(tenant, emulator.User{DisplayName: "Since", UserPrincipalName: "since@contoso.example", AccountEnabled: true, UserType: "Member"})
	require.NoError(t, err)
	require.NoError(t, e.st.Write(t.Context(), func(r service.Rows) error {
		i, err := r.Integrations().Get("i")
		if err != nil {
			return err
		}
		i.Binding, i.ConnectorID, i.Epoch, m.Phase = domain.BoundConnector, "conn", 2, domain.CuttingOver
		return errors.Join(r.Integrations().Update(&i), r.Migrations().Update(&m))
	}))
	first, err := run(e.syncBench, e.sync.ServiceBeginRun, contract.BeginRun{Key: "first", Input: contract.DirectorySyncInput{IntegrationID: "i", AttemptID: "m", Purpose: domain.RunFirst, ShadowRunID: start.RunID}})
	require.NoError(t, err)
	slice := e.mustRead(first.RunID)
	require.Less(t, slice.Read, int64(10), "only what changed since the shadow")
	out := e.apply(first.RunID)
	require.EqualValues(t, 1, out.Added)
	require.Equal(t, e.truth(), e.mirror())
}

func TestMicrosoftsTroublesMeanWhatTheyShould(t *testing.T) {
	for name, c := range map[string]struct {
		trouble func(*emulated) error
		kind    string
		retry   bool
	}{
		"throttled for longer than anyone waits in a call": {func(e *emulated) error {
			e.SetFault(emulator.Fault{PathPrefix: "/v1.0/users", Status: http.StatusTooManyRequests, RetryAfter: "150", Remaining: -1})
			return nil
		}, contract.ErrThrottled, true},
		"Graph is down": {func(e *emulated) error {
			e.SetFault(emulator.Fault{PathPrefix: "/v1.0/groups", Status: http.StatusServiceUnavailable, Remaining: -1})
			return nil
		}, contract.ErrUnavailable, true},
		"the token service is down": {func(e *emulated) error {
			e.SetFault(emulator.Fault{PathPrefix: "/oauth2/v2.0/token", Status: http.StatusServiceUnavailable, Remaining: -1})
			return nil
		}, contract.ErrUnavailable, true},
		"a page that is an empty object": {func(e *emulated) error {
			e.SetFault(emulator.Fault{PathPrefix: "/v1.0/users", Status: http.StatusOK, Body: "{}", Remaining: -1})
			return nil
		}, contract.ErrPageUnreadable, true},
		"the legacy secret expired":  {func(e *emulated) error { e.now = e.now.Add(2 * time.Hour); return nil }, contract.ErrLegacyCredentialDead, false},
		"the legacy secret is wrong": {func(e *emulated) error { e.reader.secret = "other"; return nil }, contract.ErrLegacyCredentialDead, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEmulated(t)
			id := e.begin()
			require.NoError(t, c.trouble(e))
			_, err := e.read(id)
			requireType(t, err, c.kind, c.retry)
			require.Empty(t, e.mirror(), "nothing is applied of a round that was not read")
			e.ClearFaults()
			if c.retry { // goes on where it stood
				e.mustRead(id)
				e.apply(id)
				require.Equal(t, e.truth(), e.mirror())
			}
		})
	}
}

// A secret is never believed: each answer of Microsoft has its own words on the
// integration, and only a round that was read to its end takes them away.
func TestAReplacedSecretIsProvenByReading(t *testing.T) {
	e := newEmulated(t)
	condition := func() domain.Integration {
		var i domain.Integration
		require.NoError(t, e.st.Read(t.Context(), func(r service.Rows) (err error) { i, err = r.Integrations().Get("i"); return err }))
		return i
	}
	refused := func(says string) {
		t.Helper()
		id := e.begin()
		_, err := e.read(id)
		requireType(t, err, contract.ErrLegacyCredentialDead, false)
		_, err = run(e.syncBench, e.sync.ServiceEndRun, contract.EndRun{RunID: id, State: string(domain.RunError), Code: contract.SyncLegacyDead})
		require.NoError(t, err)
		require.Equal(t, domain.ConditionError, condition().Condition)
		require.Contains(t, condition().ConditionText, says)
	}
	app := emulator.Application{AppID: legacyApp, TenantID: tenant, DisplayName: "Old sync", ServicePrincipal: true, Consented: true,
		RequiredRoles: []string{"df021288-bdef-4463-88db-98f22de89214", "98830695-27a2-44f7-8c18-0c3ebc9698f6"}}

	e.round()
	e.now = e.now.Add(2 * time.Hour)
	refused("has expired. Nothing is deleted. Enter a new client secret of the same app")
	e.reader.secret = "of~another~app"
	refused("a Secret ID, or the secret of another app")
	app.Secrets = []emulator.Secret{{Value: "the~new~secret", NotAfter: e.now.Add(time.Hour)}}
	require.NoError(t, e.AddApplication(app))
	refused("a Secret ID, or the secret of another app")
	e.reader.secret = "the~new~secret"
	require.Equal(t, domain.ConditionError, condition().Condition, "entered is not taken")
	e.round()
	require.Equal(t, domain.ConditionOK, condition().Condition)
	require.Equal(t, e.truth(), e.mirror())
}
