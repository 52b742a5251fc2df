package entra_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/entra"
)

// TestAKeyChangeIsSentOnceAndAsItIs: the SDK's own chain of middleware has a random order, in some of which a repeated
// body goes out plain under a header that calls it compressed. Ours is fixed, compresses nothing, and leaves it to
// rotation, which knows what was recorded, whether a change is tried again.
func TestAKeyChangeIsSentOnceAndAsItIs(t *testing.T) {
	f := newFake(t)
	type sent struct {
		encoding string
		body     map[string]json.RawMessage
	}
	var all []sent
	f.graph = func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		s := sent{encoding: r.Header.Get("Content-Encoding")}
		_ = json.Unmarshal(raw, &s.body)
		all = append(all, s)
		w.Header().Set("Retry-After", "0.01")
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{})
	}
	for range 20 { // an order of six would show
		tokens := entra.NewTokens(f.cloud(), newCredentials(), time.Now)
		change, err := entra.NewApplicationKeys(f.cloud(), tokens)
		require.NoError(t, err)
		all = nil
		_, err = change.AddKey(t.Context(), entra.AddKeyRequest{
			CellID: "cell-1", HomeTenantID: contoso, AppID: cellApp, ApplicationObjectID: "object-1", Proof: pairs()[0].signing("credential-1"),
			CertificateDER: pairs()[1].certificate.Raw,
		})
		require.Equal(t, entra.Unavailable, entra.KindOf(err))
		require.Len(t, all, 1, "a change of keys is repeated by nobody but rotation")
		require.Empty(t, all[0].encoding)
		require.JSONEq(t, `null`, string(all[0].body["passwordCredential"]), "the service insists on an explicit null")
		require.NotEmpty(t, all[0].body["proof"])
	}
}
