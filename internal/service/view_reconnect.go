package service

import (
	"context"

	"consentry/internal/domain"
)

// ViewReconnect is a connector in use that lost its consent: a line of "Actions
// needed". A connector that nothing reads through stops nothing; if a migration
// waits for it, the migration says so.
type ViewReconnect struct {
	Connector    domain.Connector
	TenantDomain string
	Integrations []domain.Integration // that read through it
}

// viewReconnects lists the account's connectors that somebody has to reconnect.
func (t *Tx) viewReconnects(accountID string) ([]ViewReconnect, error) {
	lost, err := t.Connectors().List(Query{
		Where: Where{"account_id": accountID, "condition": string(domain.ConditionError), "disconnected_at": domain.Instant{}}, Order: []string{"name", "id"},
	})
	if err != nil {
		return nil, err
	}
	var list []ViewReconnect
	for _, c := range lost {
		bound, err := t.boundTo(c)
		if err != nil {
			return nil, err
		}
		if len(bound) > 0 {
			list = append(list, ViewReconnect{Connector: c, TenantDomain: bound[0].TenantDomain, Integrations: bound})
		}
	}
	return list, nil
}

// Actions is what an account's people have to do, as it stands now; what is on
// hold is no part of it.
type Actions struct {
	Tasks      []ViewTask
	Reconnects []ViewReconnect
}

// Actions reads what has to be done in an account, the most urgent first.
func (s *Service) Actions(ctx context.Context, caller domain.Caller, accountID string) (a Actions, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		v, err := tx.viewShell(accountID)
		a = Actions{Tasks: v.Needed(), Reconnects: v.Reconnects}
		return err
	})
	return a, err
}
