package service

import (
	"context"

	"consentry/internal/domain"
)

// NamedDecision is a decision with the name of the person or token that gave it,
// "" when that is not known any more: names live as long as their people.
type NamedDecision struct {
	domain.Decision
	By string
}

// Decision reads one.
func (s *Service) Decision(ctx context.Context, caller domain.Caller, id string) (d NamedDecision, err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		one, err := t.Rows.Decisions().Get(id)
		if err != nil || !caller.Sees(one.AccountID) {
			return notHere("decision", err)
		}
		list, err := t.decided([]domain.Decision{one})
		if err == nil {
			d = list[0]
		}
		return err
	})
	return d, err
}

// Decisions lists decisions, the latest first; migrationID narrows it.
func (s *Service) Decisions(ctx context.Context, caller domain.Caller, migrationID string, p Page) (list List[NamedDecision], err error) {
	err = s.Read(ctx, caller, func(t *Tx) error {
		where, err := t.scope("")
		if err != nil {
			return err
		}
		narrow(where, map[string]string{"migration_id": migrationID})
		rows, err := page(t, t.Rows.Decisions(), where, "given_at", p, func(d domain.Decision) place { return place{d.GivenAt, d.ID} })
		if err != nil {
			return err
		}
		list = List[NamedDecision]{Next: rows.Next, AsOf: rows.AsOf}
		list.Items, err = t.decided(rows.Items)
		return err
	})
	return list, err
}

// decided adds to decisions who gave them.
func (t *Tx) decided(decisions []domain.Decision) ([]NamedDecision, error) {
	givers := make([]string, len(decisions))
	for n, d := range decisions {
		givers[n] = d.GivenBy
	}
	names, err := t.viewPeople(givers...)
	list := make([]NamedDecision, len(decisions))
	for n, d := range decisions {
		list[n] = NamedDecision{Decision: d, By: names[d.GivenBy]}
	}
	return list, err
}

// approvalOf gives the decision by which a migration went over: the approval, or
// the description that said to go on if nothing changes. Zero: it has not.
func (t *Tx) approvalOf(m domain.Migration) (NamedDecision, error) {
	if !m.Phase.Switched() {
		return NamedDecision{}, nil
	}
	applied, err := t.Rows.Decisions().List(Query{
		Where: Where{"migration_id": m.ID, "state": string(domain.DecisionApplied), "kind": []string{string(domain.DecideApprove), string(domain.DecideDescribe)}},
		Order: []string{"-given_at", "-id"},
	})
	if err != nil {
		return NamedDecision{}, err
	}
	for _, d := range applied {
		if d.Kind == domain.DecideApprove || d.Detail.GoOnIfUnchanged {
			list, err := t.decided([]domain.Decision{d})
			return list[0], err
		}
	}
	return NamedDecision{}, nil
}
