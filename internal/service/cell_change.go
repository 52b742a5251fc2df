package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"consentry/internal/domain"
)

// CellChange corrects what a cell was added with; nil leaves a field as it is.
type CellChange struct {
	Name                *string `json:"name,omitempty"`
	Region              *string `json:"region,omitempty"`
	ClientID            *string `json:"clientId,omitempty"`
	ApplicationObjectID *string `json:"applicationObjectId,omitempty"`
	HomeTenantID        *string `json:"homeTenantId,omitempty"`
}

// ChangeCell corrects a cell. Its name may change at any time. What says which
// registration it is, and for whom, may change only before anything relies on it:
// a verified certificate proves the registration, and customers consented to it.
// The certificate that waits stays, and is proven anew against what was
// corrected. Operators only; a change to what is there already changes nothing.
func (s *Service) ChangeCell(ctx context.Context, caller domain.Caller, key, cellID string, change CellChange) (domain.Cell, error) {
	return keyed(ctx, s, caller, key, "change-cell", cellID, change, func(tx *Tx) (domain.Cell, error) {
		cell, err := tx.ownCell(cellID, "change")
		if err != nil {
			return cell, err
		}
		changed, identity, err := tx.corrected(&cell, change)
		if err != nil || len(changed) == 0 {
			return cell, err
		}
		if identity {
			if err := tx.unproven(cell, "Its name can be changed; for another registration, add a cell of its own."); err != nil {
				return cell, err
			}
			if err := tx.alone(cell); err != nil {
				return cell, err
			}
			if err := tx.proveAnew(cell.ID); err != nil {
				return cell, err
			}
			if err := tx.turnRotation(cell.ID); err != nil {
				return cell, err
			}
		}
		if err := tx.Rows.Cells().Update(&cell); err != nil {
			return cell, err
		}
		return cell, tx.Done("", "change-cell", "cell", cell.ID, map[string]string{"fields": strings.Join(changed, ","), "clientId": cell.ClientID})
	})
}

// ownCell gives a cell to an operator.
func (t *Tx) ownCell(cellID, verb string) (domain.Cell, error) {
	if !t.Caller.Operator() {
		return domain.Cell{}, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may %s a cell.", verb)
	}
	cell, err := t.Rows.Cells().Get(cellID)
	if err != nil {
		return cell, notHere("cell", err)
	}
	return cell, nil
}

// corrected writes a change onto the cell, and tells which fields differ now and
// whether one of them says which registration it is.
func (t *Tx) corrected(cell *domain.Cell, change CellChange) (changed []string, identity bool, err error) {
	always := func(string, string) error { return nil }
	var wrong []error
	for _, f := range []struct {
		name  string
		to    *string
		asked *string
		check func(field, v string) error
		also  func(field, v string) error
	}{
		{"name", &cell.Name, change.Name, text, always},
		{"region", &cell.Region, change.Region, key, t.served.region},
		{"clientId", &cell.ClientID, lowered(change.ClientID), guid, always},
		{"applicationObjectId", &cell.ApplicationObjectID, lowered(change.ApplicationObjectID), guid, always},
		{"homeTenantId", &cell.HomeTenantID, lowered(change.HomeTenantID), guid, always},
	} {
		if f.asked == nil {
			continue
		}
		if err := f.check(f.name, *f.asked); err != nil {
			wrong = append(wrong, err)
		} else {
			wrong = append(wrong, f.also(f.name, *f.asked))
		}
		if *f.asked != *f.to {
			*f.to, changed, identity = *f.asked, append(changed, f.name), identity || f.name != "name"
		}
	}
	return changed, identity, domain.Mistakes(wrong...)
}

func lowered(v *string) *string {
	if v == nil {
		return nil
	}
	small := strings.ToLower(*v)
	return &small
}

// unproven refuses when something relies on which registration a cell is; instead
// says what else may be done.
func (t *Tx) unproven(cell domain.Cell, instead string) error {
	rows, err := t.credentialsOf(cell.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(rows, proven) {
		return domain.Refuse(domain.Conflict, "cell-proven", "A certificate of the cell %s is verified: Microsoft knows it as this registration. Nothing was changed. %s", cell.ID, instead)
	}
	connectors, err := t.Rows.Connectors().Count(By(Where{"cell_id": cell.ID}))
	if err != nil {
		return err
	}
	sessions, err := t.Rows.ConsentSessions().Count(By(Where{"cell_id": cell.ID}))
	if err != nil {
		return err
	}
	if connectors+sessions > 0 {
		return domain.Refuse(domain.Conflict, "cell-used", "Customers were asked to consent to the cell %s (connectors: %d, consent sessions: %d). Nothing was changed. %s", cell.ID, connectors, sessions, instead)
	}
	return nil
}

// alone refuses a registration that is another cell's: two rotations of one would
// remove each other's certificates.
func (t *Tx) alone(cell domain.Cell) error {
	same, err := t.Rows.Cells().List(By(Where{"client_id": cell.ClientID, "id <>": cell.ID}))
	if err != nil || len(same) == 0 {
		return err
	}
	return &domain.Error{Kind: domain.Conflict, Code: "registration-taken", Field: "clientId", Message: fmt.Sprintf("The app registration %s is the cell %s already. Nothing was changed; a cell needs a registration of its own.", cell.ClientID, same[0].ID)}
}

// proveAnew forgets what Microsoft said of the certificates that wait: it was said
// of another registration.
func (t *Tx) proveAnew(cellID string) error {
	rows, err := t.credentialsOf(cellID)
	if err != nil {
		return err
	}
	for i := range rows {
		c := &rows[i]
		if c.State != domain.CredentialPrepared && c.State != domain.CredentialPublished {
			continue
		}
		c.State, c.Proofs, c.ProofCode, c.ProofText = domain.CredentialPrepared, 0, "", ""
		c.LastProofAt, c.PublishedAt = domain.Instant{}, domain.Instant{}
		if err := t.Rows.Credentials().Update(c); err != nil {
			return err
		}
	}
	return nil
}
