package mirror_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/dirsync"
	"consentry/internal/service"
	"consentry/internal/store"
)

// round stages a page of users as a full round and applies it, and tells whom it
// wrote.
func round(t require.TestingT, m service.Mirror, stageID string, page []byte) (written []string) {
	p, err := dirsync.DecodePage(dirsync.Users, page)
	require.NoError(t, err)
	require.NoError(t, m.Stage(stageID, dirsync.Users, p.Objects))
	puts, err := m.Puts(stageID, integration, dirsync.Users, true, "", 100_000)
	require.NoError(t, err)
	var objects []dirsync.Object
	for _, put := range puts {
		next, _, err := put.Staged.On(put.Held, true)
		require.NoError(t, err)
		objects = append(objects, next)
		written = append(written, put.Staged.ID)
	}
	require.NoError(t, m.Put(integration, dirsync.Users, objects))
	return written
}

// awkwardNamesSettle: whatever a directory holds is the same when it is read
// again, or every round would write it and no comparison come out even.
func awkwardNamesSettle(t *testing.T, s *store.Store) {
	t.Helper()
	var page []string
	for n, name := range []string{
		`a\u0000b`, `\u0000`, "raw\xff\xfebytes", `half \ud83d`, `half \ude00`, `\ud83d\ude00 😀 👩‍👩‍👧`, `O'Neil \"x\" \\ \/ ? $1 :a ?0 {}`, "a\u2028b", `<b>&amp;</b>`,
		`İıſK Straße`, "e\u0301 é", `\ufeffmark`, strings.Repeat("ü'", 200_000), ``, ` `, `null`, `NULL`,
	} {
		page = append(page, fmt.Sprintf(`{"id":"u%02d","displayName":"%s","accountEnabled":true,"userType":"Member"}`, n, name))
	}
	body := []byte(`{"value":[` + strings.Join(page, ",") + `],"@odata.deltaLink":"https://graph/delta?a=b'c"}`)
	write(t, s, func(m service.Mirror) {
		require.Len(t, round(t, m, "one", body), len(page))
		before := world(t, m, integration)
		require.Empty(t, round(t, m, "two", body), "nothing has changed")
		p, err := m.Compare("two", integration)
		require.NoError(t, err)
		require.Empty(t, p.Examples)
		require.Equal(t, before, world(t, m, integration))
		objects, err := m.Objects(integration, dirsync.Users, "", 100)
		require.NoError(t, err)
		for _, o := range objects {
			require.True(t, json.Valid(o.Data), o.ID)
			again, err := dirsync.NewObject(o.ID, o.Data)
			require.NoError(t, err)
			require.Equal(t, o.Hash, again.Hash)
			require.Equal(t, strings.ReplaceAll(again.Name, "\x00", ""), o.Name)
		}
	})
}

// largeRecordsAreTaken: a page and a slice hold some hundred people, and one
// person may have hundreds of addresses.
func largeRecordsAreTaken(t *testing.T, s *store.Store) {
	t.Helper()
	var page []string
	for n := range 400 {
		page = append(page, fmt.Sprintf(`{"id":"u%03d","displayName":"%s"}`, n, strings.Repeat("n", 20_000)))
	}
	body := []byte(`{"value":[` + strings.Join(page, ",") + `],"@odata.deltaLink":"https://graph/delta"}`)
	write(t, s, func(m service.Mirror) {
		require.Len(t, round(t, m, "one", body), len(page))
		var images []service.MirrorPut
		puts, err := m.Puts("one", integration, dirsync.Users, false, "", 1000)
		require.NoError(t, err)
		images = append(images, puts...)
		require.NoError(t, m.KeepBefore("mig", integration, dirsync.Users, images))
		require.NoError(t, m.RestoreBefore("mig"))
		require.Empty(t, round(t, m, "two", body))
	})
}

// moreImagesThanAreHeldAtOnce restores a directory in which everything changed.
func moreImagesThanAreHeldAtOnce(t *testing.T, s *store.Store) {
	t.Helper()
	write(t, s, func(m service.Mirror) {
		var before, after []dirsync.Staged
		for i := range 4_100 {
			id := fmt.Sprintf("%04d", i)
			before, after = append(before, person(id, "before")), append(after, person(id, "after"))
		}
		hold(t, m, integration, before)
		stood := world(t, m, integration)
		require.NoError(t, m.Stage("st", dirsync.Users, after))
		puts, err := m.Puts("st", integration, dirsync.Users, true, "", len(after))
		require.NoError(t, err)
		require.NoError(t, m.KeepBefore("mig", integration, dirsync.Users, puts))
		hold(t, m, integration, after)
		require.NotEqual(t, stood, world(t, m, integration))
		require.NoError(t, m.RestoreBefore("mig"))
		require.Equal(t, stood, world(t, m, integration))
	})
}
