package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// A file may be older than what has happened since: a role that was taken away is
// given back only by an import that means to change something.
func TestAnOldInventoryGivesNoRoleBackThatWasTaken(t *testing.T) {
	w := newWorld(t)
	grants := func() []domain.Grant {
		return list(t, w, func(r service.Rows) service.Table[domain.Grant] { return r.Grants() }, service.By(service.Where{"account_id": "contoso"}))
	}
	_, err := w.ImportInventory(t.Context(), domain.System("test"), "", sampleInventory())
	require.NoError(t, err)
	require.NoError(t, w.RevokePerson(t.Context(), olga, grants()[0].PersonID, "contoso"))
	require.Empty(t, grants())

	_, err = w.ImportInventory(t.Context(), domain.System("test"), "", sampleInventory())
	require.Equal(t, "import-takes-away", codeOf(t, err))
	require.ErrorContains(t, err, "the role of the person t/o2 was taken away and would be given again (approve)")
	require.Empty(t, grants())

	rep, err := w.ImportInventoryWith(t.Context(), domain.System("test"), "", sampleInventory(), service.ImportOptions{Change: true})
	require.NoError(t, err)
	require.Len(t, grants(), 1)
	for _, row := range rep.Rows() {
		if row.Kind == "person" {
			require.Equal(t, []service.InventoryChange{{Field: "role", From: "taken away", To: "approve"}}, row.Changes)
		}
	}
}
