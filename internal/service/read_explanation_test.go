package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"consentry/internal/consent"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// The rules of migrations know codes of rooms that they do not import. Every code
// with which a run can end names who mends it, and no other than its own words do.
func TestTheOutlookKnowsTheCodesOfItsNeighbours(t *testing.T) {
	require.Equal(t, consent.CodeTenantShared, migration.ConsentTenantShared)
	for code, who := range map[string]string{
		contract.SyncUnavailable: "nobody has to act", contract.SyncThrottled: "nobody has to act", contract.SyncConsentPending: "nobody has to act",
		contract.SyncDeltaExpired: "nobody has to act", contract.SyncStoreDown: "nobody has to act", contract.SyncBudgetExceeded: "nobody has to act",
		contract.SyncLost: "nobody has to act", contract.SyncUnexpectedFault: "nobody has to act",
		contract.SyncMisconfigured: "an operator has to mend that", contract.SyncPageUnreadable: "an operator has to mend that",
		contract.SyncConsentLost: "somebody with the role migrate can reconnect it", contract.SyncTenantMismatch: "somebody with the role migrate can reconnect it",
	} {
		s := migration.Situation{Condition: domain.ConditionError, ConditionCode: code, Facts: migration.Facts{Bound: true, Migration: domain.Migration{ID: "mig_1", Phase: domain.Closed}}}
		o := migration.OutlookOf(s)
		require.Contains(t, o.Who, who, code)
		require.Equal(t, who != "nobody has to act", o.Waits, code)
	}
	for _, code := range []string{string(consent.ReasonConfiguration), consent.CodeMembershipUnknown} {
		s := migration.Situation{Facts: migration.Facts{Migration: domain.Migration{ID: "mig_1", Phase: domain.AwaitingConsent, ConsentCode: code}}}
		require.Contains(t, migration.OutlookOf(s).Who, "an operator can mend that", code)
	}
}
