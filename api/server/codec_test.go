package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// opened stands for the codec: it answers what is a secret to everybody else.
type opened struct{}

func (opened) DecodeJSON(_ context.Context, namespace string, body []byte) ([]byte, error) {
	switch {
	case namespace != "consentry":
		return nil, domain.Refuse(domain.Invalid, "invalid-namespace", "Not ours.")
	case strings.Contains(string(body), "away"):
		return nil, domain.Refuse(domain.Unavailable, "keys-unavailable", "The key service is away.")
	}
	return []byte(`{"payloads":[{"data":"c2VjcmV0"}]}`), nil
}

const temporalUI = "http://temporal.test:8233"

// fromUI is what a browser sends with the Temporal UI's request.
func fromUI(change ...string) map[string]string {
	h := map[string]string{"Origin": temporalUI, "Sec-Fetch-Site": "same-site", "X-Namespace": "consentry", "Content-Type": "application/json"}
	for i := 0; i < len(change); i += 2 {
		if h[change[i]] = change[i+1]; change[i+1] == "" {
			delete(h, change[i])
		}
	}
	return h
}

const someLoad = `{"payloads":[{"data":"eA=="}]}`

func TestAnOperatorReadsPayloadsInTheTemporalUI(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	a := olga.do(http.MethodPost, "/codec/decode?preserveStorageRefs=true", someLoad, fromUI())
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, "c2VjcmV0")
	require.Equal(t, temporalUI, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
	require.Equal(t, "Origin", a.header.Get("Vary"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))

	require.Equal(t, http.StatusUnprocessableEntity, olga.do(http.MethodPost, "/codec/decode", someLoad, fromUI("X-Namespace", "other")).status)
	require.Equal(t, http.StatusServiceUnavailable, olga.do(http.MethodPost, "/codec/decode", `"away"`, fromUI()).status)
	require.Equal(t, http.StatusRequestEntityTooLarge, olga.do(http.MethodPost, "/codec/decode", strings.Repeat(" ", codecBody+1), fromUI()).status)
	require.Equal(t, http.StatusMethodNotAllowed, olga.do(http.MethodGet, "/codec/decode", "", fromUI()).status)
	// The engineers' command line has no origin; who it is counts all the same.
	require.Equal(t, http.StatusOK, olga.do(http.MethodPost, "/codec/decode", someLoad, fromUI("Origin", "", "Sec-Fetch-Site", "")).status)
}

func TestABrowserMayAskFirst(t *testing.T) {
	w := newWorld(t)
	ask := fromUI("Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-namespace")
	a := w.browser().do(http.MethodOptions, "/codec/decode", "", ask)
	require.Equal(t, http.StatusNoContent, a.status)
	require.Equal(t, temporalUI, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", a.header.Get("Access-Control-Allow-Credentials"))
	require.Equal(t, "POST", a.header.Get("Access-Control-Allow-Methods"))
	require.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "X-Namespace")
}

// Whatever another site makes an operator's browser send, it gets nothing and may
// read nothing.
func TestNoOtherOriginReadsPayloads(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	for _, origin := range []string{
		"http://evil.test", "null", "http://temporal.test", "https://temporal.test:8233", "http://temporal.test:82330", "http://temporal.test:8233.evil.test",
		"http://xtemporal.test:8233", "HTTP://TEMPORAL.TEST:8233", temporalUI + "/", " " + temporalUI + ", http://evil.test", w.URL,
	} {
		for _, site := range []string{"cross-site", "same-site", "same-origin", "none", ""} {
			for _, method := range []string{http.MethodPost, http.MethodOptions} {
				a := olga.do(method, "/codec/decode", someLoad, fromUI("Origin", origin, "Sec-Fetch-Site", site))
				require.Equal(t, http.StatusForbidden, a.status, "%s %q %s", method, origin, site)
				require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), origin)
				require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"), origin)
				require.NotContains(t, a.body, "c2VjcmV0")
			}
		}
	}
	require.Equal(t, http.StatusForbidden, olga.do(http.MethodPost, "/codec/decode", someLoad, fromUI("Origin", "", "Sec-Fetch-Site", "cross-site")).status)
}

// The exemption is the endpoint's alone.
func TestTheTemporalUIMayDoNothingElse(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	before := w.rows()
	for _, path := range []string{prefix + "/cells/cell-eu/rotations", prefix + "/codec-keys/rotations", "/auth/sign-out", "/codecs/decode"} {
		a := olga.do(http.MethodPost, path, "", fromUI())
		require.Equal(t, http.StatusForbidden, a.status, path)
		require.Equal(t, "cross-origin", codeOfBody(a), path)
		require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), path)
	}
	around := olga.do(http.MethodPost, "/codec/../api/v1/codec-keys/rotations", "", fromUI())
	require.Equal(t, http.StatusNotFound, around.status, "an address that only looks like the endpoint's leads nowhere")
	read := olga.do(http.MethodGet, prefix+"/me", "", fromUI())
	require.Empty(t, read.header.Get("Access-Control-Allow-Origin"), "the UI's scripts may not read our answers")
	require.Equal(t, before, w.rows())
}

func codeOfBody(a answer) string {
	if a.header.Get("Content-Type") != problemType { // a page
		if strings.Contains(a.body, "another site") {
			return "cross-origin"
		}
		return a.body
	}
	return a.problem().Code
}

func TestOnlyOperatorsReadPayloads(t *testing.T) {
	w := newWorld(t)
	a := w.browser().do(http.MethodPost, "/codec/decode", someLoad, fromUI())
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Equal(t, temporalUI, a.header.Get("Access-Control-Allow-Origin"), "the UI must be able to read why")
	a.problem()
	for _, who := range []string{"ana-approver", "mia-migrator", "vic-viewer", "fay-fabric"} {
		for range 3 {
			a := w.as(who).do(http.MethodPost, "/codec/decode", someLoad, fromUI())
			require.Equal(t, http.StatusForbidden, a.status, who)
			require.NotContains(t, a.body, "c2VjcmV0", who)
			require.Equal(t, "operator-needed", a.problem().Code)
		}
	}
	forged := w.browser().do(http.MethodPost, "/codec/decode", someLoad, fromUI("Cookie", "consentry_session=forged"))
	require.Equal(t, http.StatusUnauthorized, forged.status)
}

func TestNothingIsEncryptedForOthers(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, http.StatusUnauthorized, w.browser().do(http.MethodPost, "/codec/encode", someLoad, fromUI()).status)
	a := w.as("olga-operator").do(http.MethodPost, "/codec/encode", someLoad, fromUI())
	require.Equal(t, http.StatusForbidden, a.status)
	require.Equal(t, "encoding-refused", a.problem().Code)
}

// That payloads are read is written down, but not once a request.
func TestReadingIsWrittenDownNowAndThen(t *testing.T) {
	w := newWorld(t)
	olga, vic := w.as("olga-operator"), w.as("vic-viewer")
	read := func() (done, refused int) {
		for range 20 {
			olga.do(http.MethodPost, "/codec/decode", someLoad, fromUI())
			vic.do(http.MethodPost, "/codec/decode", someLoad, fromUI())
		}
		require.NoError(t, w.store.Read(t.Context(), func(r service.Rows) error {
			entries, err := r.Audit().List(service.By(service.Where{"action": "read-payloads"}))
			for _, e := range entries {
				if e.Outcome == "done" {
					done++
				} else {
					refused++
				}
			}
			return err
		}))
		return done, refused
	}
	done, refused := read()
	require.Equal(t, []int{1, 1}, []int{done, refused})
	w.clock.Pass(codecNoted + time.Second)
	done, refused = read()
	require.Equal(t, []int{2, 2}, []int{done, refused})
}

func TestAnOperatorReplacesThePayloadKey(t *testing.T) {
	w := newWorld(t)
	olga := w.as("olga-operator")
	first := olga.do(http.MethodPost, prefix+"/codec-keys/rotations", "", nil)
	require.Equal(t, http.StatusCreated, first.status, first.body)
	require.Equal(t, http.StatusCreated, olga.do(http.MethodPost, prefix+"/codec-keys/rotations", "", nil).status)
	var l struct{ Items []CodecKey }
	olga.get(prefix + "/codec-keys").into(&l)
	require.Len(t, l.Items, 2)
	states := map[domain.CodecKeyState]int{}
	for _, k := range l.Items {
		states[k.State]++
	}
	require.Equal(t, map[domain.CodecKeyState]int{domain.CodecKeyActive: 1, domain.CodecKeyRetired: 1}, states)
	require.Equal(t, http.StatusForbidden, w.as("ana-approver").do(http.MethodPost, prefix+"/codec-keys/rotations", "", nil).status)
}
