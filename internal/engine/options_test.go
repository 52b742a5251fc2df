package engine

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// cloud answers as much of Temporal's API as a start needs, the way Temporal
// Cloud does: over TLS, and without letting anybody add search attributes.
type cloud struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	known map[string]enumspb.IndexedValueType
	list  error

	mu         sync.Mutex
	key        string // the Authorization header of the last call
	namespace  string // whose attributes were asked for
	clientName string // the common name of the client's certificate
}

func (c *cloud) note(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("authorization"); len(v) > 0 {
		c.key = v[0]
	}
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(info.State.PeerCertificates) > 0 {
			c.clientName = info.State.PeerCertificates[0].Subject.CommonName
		}
	}
}

func (c *cloud) GetSystemInfo(ctx context.Context, _ *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	c.note(ctx)
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (c *cloud) AddSearchAttributes(context.Context, *operatorservice.AddSearchAttributesRequest) (*operatorservice.AddSearchAttributesResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "not on this endpoint")
}

func (c *cloud) ListSearchAttributes(ctx context.Context, r *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	c.note(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.namespace = r.GetNamespace()
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: c.known}, c.list
}

// serve starts the server and returns its address and the folder of ca.pem,
// client.pem and client-key.pem.
func (c *cloud) serve(t *testing.T) (address, dir string) {
	t.Helper()
	dir = t.TempDir()
	authority, authorityKey := certify(t, dir, "ca", "the authority", nil, nil)
	server, serverKey := certify(t, dir, "server", "temporal.test", authority, authorityKey)
	certify(t, dir, "client", "consentry of the test", authority, authorityKey)
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
		ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool,
	})))
	workflowservice.RegisterWorkflowServiceServer(s, c)
	operatorservice.RegisterOperatorServiceServer(s, c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Stop(); served.Wait() })
	return l.Addr().String(), dir
}

func certify(t *testing.T, dir, file, name string, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: by == nil, BasicConstraintsValid: true,
	}
	if by == nil {
		template.KeyUsage, template.DNSNames = x509.KeyUsageCertSign, nil
		by, byKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, byKey)
	require.NoError(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, file+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, file+"-key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600))
	made, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return made, key
}

// bare removes what the machine's own environment says of Temporal.
func bare(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"ADDRESS", "NAMESPACE", "API_KEY", "TLS", "TLS_CLIENT_CERT_PATH", "TLS_CLIENT_KEY_PATH", "TLS_SERVER_CA_CERT_PATH", "TLS_SERVER_NAME", "CONFIG_FILE", "PROFILE"} {
		t.Setenv("TEMPORAL_"+name, "")
		require.NoError(t, os.Unsetenv("TEMPORAL_"+name))
	}
}

func dial(t *testing.T) *Connection {
	t.Helper()
	c, err := Dial(t.Context(), "", NewKeyring(nil, time.Now), zap.NewNop())
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestTheEnvironmentSaysWhereTemporalIs(t *testing.T) {
	bare(t)
	o, err := ClientOptions("", zap.NewNop())
	require.NoError(t, err)
	require.Equal(t, "default", o.Namespace)
	require.Nil(t, o.ConnectionOptions.TLS)

	t.Setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
	t.Setenv("TEMPORAL_NAMESPACE", "consentry")
	o, err = ClientOptions("", zap.NewNop())
	require.NoError(t, err)
	require.Equal(t, []string{"temporal.internal:7233", "consentry"}, []string{o.HostPort, o.Namespace})
	o, err = ClientOptions("127.0.0.1:1", zap.NewNop())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", o.HostPort, "a flag wins over the environment")

	t.Setenv("TEMPORAL_API_KEY", "a-key")
	o, err = ClientOptions("", zap.NewNop())
	require.NoError(t, err)
	require.NotNil(t, o.Credentials)
	require.False(t, o.ConnectionOptions.TLSDisabled, "a key is sent over TLS only")
}

func TestAnAPIKeyGoesOverTLS(t *testing.T) {
	bare(t)
	c := &cloud{known: searchAttributes}
	address, dir := c.serve(t)
	t.Setenv("TEMPORAL_ADDRESS", address)
	t.Setenv("TEMPORAL_NAMESPACE", "consentry.a1b2c")
	t.Setenv("TEMPORAL_API_KEY", "a-key")
	t.Setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", filepath.Join(dir, "ca.pem"))
	t.Setenv("TEMPORAL_TLS_SERVER_NAME", "temporal.test")
	d := dial(t)
	require.Equal(t, "Bearer a-key", c.key)
	require.NoError(t, EnsureSearchAttributes(t.Context(), d.Client, d.Namespace, zap.NewNop()), "all are there, so nothing has to be added")
	require.Equal(t, "consentry.a1b2c", c.namespace)
}

func TestAClientCertificateOfAProfileIsShown(t *testing.T) {
	bare(t)
	c := &cloud{known: searchAttributes}
	address, dir := c.serve(t)
	file := filepath.Join(dir, "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte(`
[profile.production]
address = "`+address+`"
namespace = "of-the-profile"
[profile.production.tls]
client_cert_path = "`+dir+`/client.pem"
client_key_path = "`+dir+`/client-key.pem"
server_ca_cert_path = "`+dir+`/ca.pem"
server_name = "temporal.test"
`), 0o600))
	t.Setenv("TEMPORAL_CONFIG_FILE", file)
	t.Setenv("TEMPORAL_PROFILE", "production")
	require.Equal(t, "of-the-profile", dial(t).Namespace)
	require.Equal(t, "consentry of the test", c.clientName)

	c.clientName = ""
	t.Setenv("TEMPORAL_PROFILE", "")
	t.Setenv("TEMPORAL_CONFIG_FILE", "")
	t.Setenv("TEMPORAL_ADDRESS", address)
	t.Setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", filepath.Join(dir, "client.pem"))
	t.Setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", filepath.Join(dir, "client-key.pem"))
	t.Setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", filepath.Join(dir, "ca.pem"))
	t.Setenv("TEMPORAL_TLS_SERVER_NAME", "temporal.test")
	dial(t)
	require.Equal(t, "consentry of the test", c.clientName)
}

func TestWhatMayNotBeAddedIsNamedWithItsCommands(t *testing.T) {
	bare(t)
	c := &cloud{known: map[string]enumspb.IndexedValueType{}}
	for name, kind := range searchAttributes {
		if name != "Overdue" && name != "DeadlineArmed" {
			c.known[name] = kind
		}
	}
	address, dir := c.serve(t)
	t.Setenv("TEMPORAL_ADDRESS", address)
	t.Setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", filepath.Join(dir, "ca.pem"))
	t.Setenv("TEMPORAL_TLS_SERVER_NAME", "temporal.test")
	d := dial(t)
	err := EnsureSearchAttributes(t.Context(), d.Client, "consentry.a1b2c", zap.NewNop())
	var missing *MissingSearchAttributes
	require.ErrorAs(t, err, &missing)
	require.Equal(t, []string{"DeadlineArmed", "Overdue"}, missing.Names)
	require.ErrorContains(t, err, "temporal operator search-attribute create --namespace consentry.a1b2c --name DeadlineArmed --type Datetime --name Overdue --type Bool\n")
	require.ErrorContains(t, err, "tcld namespace search-attributes add --namespace consentry.a1b2c --search-attribute DeadlineArmed=Datetime --search-attribute Overdue=Bool ")
	var lacks *LacksSearchAttributes
	require.ErrorAs(t, CheckSearchAttributes(t.Context(), d.Client, "consentry.a1b2c"), &lacks)
	require.ErrorContains(t, lacks, "DeadlineArmed, Overdue")

	c.mu.Lock()
	c.list = status.Error(codes.Unimplemented, "no such service")
	c.mu.Unlock()
	require.NoError(t, EnsureSearchAttributes(t.Context(), d.Client, "consentry.a1b2c", zaptest.NewLogger(t)), "who may not look believes")
	require.NoError(t, CheckSearchAttributes(t.Context(), d.Client, "consentry.a1b2c"))

	c.mu.Lock()
	c.list = status.Error(codes.DeadlineExceeded, "stopped")
	c.mu.Unlock()
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err = CheckSearchAttributes(soon, d.Client, "consentry.a1b2c")
	require.Error(t, err)
	require.NotErrorAs(t, err, &lacks, "who does not answer has not said that something is missing")
}
