package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"consentry/internal/campaign"
	"consentry/internal/domain"
	"consentry/internal/migration"
)

// The views are what the console's pages need, each read on one consistent view
// of the store. They hand out rows; words and layout are the console's.

// ViewTask is one open migration with what it is about: a line of "Actions
// needed" and of the list of migrations to do.
type ViewTask struct {
	Migration   domain.Migration
	Integration domain.Integration
	Campaign    domain.Campaign
	DateInForce time.Time // zero: no date is enforced
	GraceUntil  time.Time // overdue, and synchronization goes on until then; zero: it does not
}

// OnHold reports whether the campaign is paused and the switch still lies ahead:
// whatever is decided meanwhile, none begins, so nobody is asked for anything.
func (v ViewTask) OnHold() bool {
	return v.Campaign.Paused && migration.BeforeCutOver(v.Migration.Phase)
}

// ViewShell is what surrounds every page of an account.
type ViewShell struct {
	Account    domain.Account
	Accounts   []domain.Account // others the caller may look at; operators search instead
	Tasks      []ViewTask       // most urgent first; some may be on hold
	Reconnects []ViewReconnect
	Leaving    domain.AccountDeletion // pending; zero: nobody asked, or it was withdrawn
	LeavingBy  string                 // who asked, by name
	Keepers    []string               // who of the account may withdraw it
	Seq        int64                  // of the change log: the page shows everything up to it
}

// Needed are the tasks that somebody is asked for: those that are not on hold.
func (v ViewShell) Needed() []ViewTask {
	return slices.DeleteFunc(slices.Clone(v.Tasks), ViewTask.OnHold)
}

// ViewAccounts lists the accounts the caller may look at, by name. Text narrows
// it by a part of the name; at most limit are answered, and more says whether
// others match.
func (s *Service) ViewAccounts(ctx context.Context, caller domain.Caller, text string, limit int) (list []domain.Account, more bool, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		list, more, err = tx.viewAccounts(text, limit)
		return err
	})
	return list, more, err
}

func (t *Tx) viewAccounts(text string, limit int) (list []domain.Account, more bool, err error) {
	q := Query{Order: []string{"name", "id"}}
	if !t.Caller.Operator() {
		ids := t.Caller.Accounts()
		if len(ids) == 0 {
			return nil, false, nil
		}
		q.Where = Where{"id": ids}
	}
	all, err := t.Accounts().List(q)
	if err != nil {
		return nil, false, err
	}
	for _, a := range all {
		if !containsFold(a.Name, text) && !slices.ContainsFunc(a.Domains, func(d string) bool { return containsFold(d, text) }) {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		list = append(list, a)
	}
	return list, false, nil
}

// viewShell reads the surroundings of an account's page. An account that the
// caller may not see does not exist.
func (t *Tx) viewShell(accountID string) (ViewShell, error) {
	var v ViewShell
	if !t.Caller.Sees(accountID) {
		return v, domain.Missing("account")
	}
	var err error
	if v.Account, err = t.Accounts().Get(accountID); err != nil {
		return v, err
	}
	if !t.Caller.Operator() {
		if v.Accounts, _, err = t.viewAccounts("", viewAccountsInMenu); err != nil {
			return v, err
		}
	}
	if v.Tasks, err = t.viewTasks(accountID); err != nil {
		return v, err
	}
	if v.Reconnects, err = t.viewReconnects(accountID); err != nil {
		return v, err
	}
	if err := t.viewLeaving(&v); err != nil {
		return v, err
	}
	last, err := t.Changes().Find(Query{Order: []string{"-seq"}, Limit: 1})
	if err != nil && !domain.IsNotFound(err) {
		return v, err
	}
	v.Seq = last.Seq
	return v, nil
}

// viewLeaving reads whether the account is to be deleted.
func (t *Tx) viewLeaving(v *ViewShell) error {
	d, err := optional(t.AccountDeletions().Get(v.Account.ID))
	if err != nil || d.State != domain.DeletionPending {
		return err
	}
	v.Leaving = d
	names, err := t.viewPeople(d.RequestedBy)
	if err != nil {
		return err
	}
	v.LeavingBy = names[d.RequestedBy]
	v.Keepers, err = t.viewHolders(v.Account.ID, domain.RoleApprove)
	return err
}

const viewAccountsInMenu = 20

// viewTasks lists the account's migrations that still have something to do
// before they are migrated, the one with the nearest date first.
func (t *Tx) viewTasks(accountID string) ([]ViewTask, error) {
	open, err := t.Migrations().List(By(Where{"account_id": accountID, "open": true}))
	if err != nil {
		return nil, err
	}
	campaigns := map[string]domain.Campaign{}
	var tasks []ViewTask
	for _, m := range open {
		if m.Phase.Switched() || m.Phase.Ended() {
			continue
		}
		task, err := t.viewTask(m, campaigns)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, task)
	}
	slices.SortFunc(tasks, func(a, b ViewTask) int {
		return cmp.Or(compareDates(a.DateInForce, b.DateInForce), cmp.Compare(a.Integration.Name, b.Integration.Name), cmp.Compare(a.Migration.ID, b.Migration.ID))
	})
	return tasks, nil
}

func (t *Tx) viewTask(m domain.Migration, campaigns map[string]domain.Campaign) (ViewTask, error) {
	task := ViewTask{Migration: m}
	var err error
	if task.Integration, err = t.Integrations().Get(m.IntegrationID); err != nil {
		return task, err
	}
	c, known := campaigns[m.CampaignID]
	if !known && m.CampaignID != "" {
		if c, err = t.Campaigns().Get(m.CampaignID); err != nil {
			return task, err
		}
		campaigns[m.CampaignID] = c
	}
	task.Campaign, task.DateInForce = c, campaign.DateInForce(c, &m)
	task.GraceUntil = t.asOfNow(&task.Migration, &task.Integration, c)
	return task, nil
}

// compareDates puts dates in order and "no date" last.
func compareDates(a, b time.Time) int {
	switch {
	case a.IsZero() && b.IsZero():
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

// NamesOf gives the names behind ids of people and tokens that the caller was
// given in an answer; who is not known any more has none.
func (s *Service) NamesOf(ctx context.Context, caller domain.Caller, ids ...string) (names map[string]string, err error) {
	err = s.Read(ctx, caller, func(tx *Tx) error {
		names, err = tx.viewPeople(ids...)
		return err
	})
	return names, err
}

// viewPeople gives the names behind the ids of people and tokens, "" ids left
// out. Somebody who was erased has no name here.
func (t *Tx) viewPeople(ids ...string) (map[string]string, error) {
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	names := map[string]string{}
	if len(ids) == 0 {
		return names, nil
	}
	people, err := t.People().List(By(Where{"id": ids}))
	for _, p := range people {
		names[p.ID] = p.Name
	}
	if err != nil || len(names) == len(ids) {
		return names, err
	}
	tokens, err := t.Tokens().List(By(Where{"id": ids}))
	for _, k := range tokens {
		whose := "an operator"
		if k.AccountID != "" {
			a, err := optional(t.Accounts().Get(k.AccountID))
			if err != nil {
				return nil, err
			}
			whose = cmp.Or(a.Name, k.AccountID)
		}
		names[k.ID] = "token " + k.Name + " of " + whose
	}
	return names, err
}

// viewHolders names the people of the account who hold at least the role, so
// that a page can say whom to ask.
func (t *Tx) viewHolders(accountID string, role domain.Role) ([]string, error) {
	grants, err := t.Grants().List(By(Where{"account_id": accountID}))
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, g := range grants {
		if g.Role.Includes(role) {
			ids = append(ids, g.PersonID)
		}
	}
	byID, err := t.viewPeople(ids...)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range byID {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
