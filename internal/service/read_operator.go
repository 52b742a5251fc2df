package service

import (
	"context"

	"consentry/internal/domain"
)

// CampaignRead is a campaign with how far its migrations are.
type CampaignRead struct {
	Campaign domain.Campaign
	Phases   map[domain.Phase]int // open and ended migrations
	Overdue  int
}

var allPhases = []domain.Phase{
	domain.AwaitingConsent, domain.ConfirmingConsent, domain.AwaitingDescription, domain.Proving, domain.AwaitingApproval, domain.CuttingOver,
	domain.Migrated, domain.CleanUp, domain.Closed, domain.RolledBack, domain.Cancelled,
}

// Campaigns lists campaigns. They are the vendor's, and nobody else sees a list.
func (s *Service) Campaigns(ctx context.Context, caller domain.Caller, p Page) (list List[domain.Campaign], err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		if err := operatorsList(caller, "campaigns"); err != nil {
			return err
		}
		list, err = page(t, t.Rows.Campaigns(), nil, "created_at", p, func(c domain.Campaign) place { return place{c.CreatedAt, c.ID} })
		return err
	})
	return list, err
}

// Campaign reads one.
func (s *Service) Campaign(ctx context.Context, caller domain.Caller, id string) (r CampaignRead, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		if err := t.operatorsOnly("campaign"); err != nil {
			return err
		}
		if r.Campaign, err = t.Rows.Campaigns().Get(id); err != nil {
			return notHere("campaign", err)
		}
		r.Phases = map[domain.Phase]int{}
		for _, phase := range allPhases {
			n, err := t.Rows.Migrations().Count(By(Where{"campaign_id": id, "phase": string(phase)}))
			if err != nil {
				return err
			}
			if n > 0 {
				r.Phases[phase] = n
			}
		}
		r.Overdue, err = t.Rows.Migrations().Count(By(Where{"campaign_id": id, "open": true, "overdue": true}))
		return err
	})
	return r, err
}

// CellRead is a cell with the public facts of its certificates.
type CellRead struct {
	Cell        domain.Cell
	Credentials []domain.Credential // the latest first; no reference to a key
}

// Cells lists the vendor's own app registrations for its operators.
func (s *Service) Cells(ctx context.Context, caller domain.Caller, p Page) (list List[CellRead], err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		if err := operatorsList(caller, "cells"); err != nil {
			return err
		}
		cells, err := page(t, t.Rows.Cells(), nil, "created_at", p, func(c domain.Cell) place { return place{c.CreatedAt, c.ID} })
		if err != nil {
			return err
		}
		list = List[CellRead]{Items: []CellRead{}, Next: cells.Next, AsOf: cells.AsOf}
		for _, c := range cells.Items {
			r, err := t.cell(c)
			if err != nil {
				return err
			}
			list.Items = append(list.Items, r)
		}
		return nil
	})
	return list, err
}

// Cell reads one.
func (s *Service) Cell(ctx context.Context, caller domain.Caller, id string) (r CellRead, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		if err := t.operatorsOnly("cell"); err != nil {
			return err
		}
		c, err := t.Rows.Cells().Get(id)
		if err != nil {
			return notHere("cell", err)
		}
		r, err = t.cell(c)
		return err
	})
	return r, err
}

// credentialsOfRead is how many certificates a cell's answer carries.
const credentialsOfRead = 30

func (t *Tx) cell(c domain.Cell) (CellRead, error) {
	list, err := t.Credentials().List(Query{Where: Where{"cell_id": c.ID}, Order: []string{"-prepared_at", "-id"}, Limit: credentialsOfRead})
	for i := range list {
		list[i].SecretRef = ""
	}
	return CellRead{Cell: c, Credentials: list}, err
}

// ChangesSince lists what changed after an entry of the change log, in order,
// at most limit entries. Operators see every account's; entries of the vendor's
// own things (no account) are for them alone; accountID narrows it. Entries are written under the
// store's one write lock, so a reader never passes a gap that may still commit.
func (s *Service) ChangesSince(ctx context.Context, caller domain.Caller, accountID string, seq int64, limit int) (changes []domain.Change, err error) {
	err = s.look(ctx, caller, func(t *Tx) error {
		where, err := t.scope(accountID)
		if err != nil {
			return err
		}
		where["seq >"] = seq
		changes, err = t.Rows.Changes().List(Query{Where: where, Order: []string{"seq"}, Limit: limit})
		return err
	})
	return changes, err
}

// LastChange is the newest entry of the whole log: its number tells nothing
// about whose it is.
func (s *Service) LastChange(ctx context.Context) (seq int64, err error) {
	err = s.store.Look(ctx, func(rows Rows) error {
		last, err := optional(rows.Changes().Find(Query{Order: []string{"-seq"}, Limit: 1}))
		seq = last.Seq
		return err
	})
	return seq, err
}

// AccountsOf lists the accounts the caller may look at, by creation.
func (s *Service) AccountsOf(ctx context.Context, caller domain.Caller, p Page) (list List[domain.Account], err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		where := Where{}
		if !caller.Operator() {
			where = Where{"id": caller.Accounts()}
		}
		list, err = page(t, t.Rows.Accounts(), where, "created_at", p, func(a domain.Account) place { return place{a.CreatedAt, a.ID} })
		return err
	})
	return list, err
}

// Account reads one.
func (s *Service) Account(ctx context.Context, caller domain.Caller, id string) (a domain.Account, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		if !caller.Sees(id) {
			return domain.Missing("account")
		}
		a, err = t.Rows.Accounts().Get(id)
		if err != nil {
			return notHere("account", err)
		}
		return nil
	})
	return a, err
}
