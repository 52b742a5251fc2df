package service

import (
	"context"
	"strings"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// AddCell makes one of the vendor's app registrations known before it has any
// certificate, and asks the cell's rotation to make the first: minting happens
// on the keys queue alone, never in the process that answers requests. A person
// then adds that certificate to the registration, because an app without a valid
// one cannot add one to itself. No connector is given to the cell before a
// certificate of it signs. Adding a known cell again asks again. Operators only.
func (s *Service) AddCell(ctx context.Context, caller domain.Caller, cell domain.Cell) (domain.Cell, error) {
	return Do(ctx, s, caller, "", "add-cell", cell.ID, func(tx *Tx) (domain.Cell, error) {
		if !caller.Operator() {
			return cell, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may add a cell.")
		}
		err := domain.Mistakes(key("id", cell.ID), text("name", cell.Name), key("region", cell.Region), text("cloud", cell.Cloud),
			guid("clientId", cell.ClientID), guid("applicationObjectId", cell.ApplicationObjectID), guid("homeTenantId", cell.HomeTenantID),
			tx.served.region("region", cell.Region), tx.served.cloud("cloud", cell.Cloud))
		if err != nil {
			return cell, err
		}
		cell.ClientID, cell.ApplicationObjectID, cell.HomeTenantID = strings.ToLower(cell.ClientID), strings.ToLower(cell.ApplicationObjectID), strings.ToLower(cell.HomeTenantID)
		known, err := tx.Rows.Cells().Get(cell.ID)
		switch {
		case err == nil && known.ClientID == cell.ClientID && known.HomeTenantID == cell.HomeTenantID:
			if differs := otherwise(known, cell); len(differs) > 0 {
				return cell, domain.Refuse(domain.Conflict, "cell-differs", "The cell %s is there already, with another %s. Nothing was changed; `consentry cell change %[1]s` corrects what was mistyped.", cell.ID, strings.Join(differs, " and "))
			}
			return known, tx.turnRotation(cell.ID)
		case err == nil:
			return cell, domain.Refuse(domain.Conflict, "cell-exists", "The cell %s is there already, for another app registration. Nothing was changed; choose another id, or correct a slip with `consentry cell change %[1]s`.", cell.ID)
		case !domain.IsNotFound(err):
			return cell, err
		}
		// Two rotations of one registration would remove each other's certificates.
		same, err := tx.Rows.Cells().List(By(Where{"client_id": cell.ClientID}))
		if err != nil {
			return cell, err
		}
		if len(same) > 0 {
			return cell, domain.Refuse(domain.Conflict, "registration-taken", "The app registration %s is the cell %s already. Nothing was changed; a cell needs a registration of its own.", cell.ClientID, same[0].ID)
		}
		cell.CreatedAt = tx.At()
		if err := tx.Rows.Cells().Insert(&cell); err != nil {
			return cell, err
		}
		if err := tx.turnRotation(cell.ID); err != nil {
			return cell, err
		}
		return cell, tx.Done("", "add-cell", "cell", cell.ID, map[string]string{"clientId": cell.ClientID})
	})
}

// VerifyCell lets the rotation look at once whether Microsoft accepts the
// certificate that waits to be added. Nothing is minted or replaced that was not
// due anyhow. Operators only.
func (s *Service) VerifyCell(ctx context.Context, caller domain.Caller, cellID string) error {
	_, err := Do(ctx, s, caller, "", "verify-cell", cellID, func(tx *Tx) (struct{}, error) {
		if !caller.Operator() {
			return struct{}{}, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may have a cell verified.")
		}
		if _, err := tx.Rows.Cells().Get(cellID); err != nil {
			return struct{}{}, notHere("cell", err)
		}
		if err := tx.turnRotation(cellID); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Done("", "verify-cell", "cell", cellID, nil)
	})
	return err
}

// turnRotation has the cell's schedule, made if it is missing, run now. Each
// trigger has an id of its own: asking twice in a row means looking twice.
func (t *Tx) turnRotation(cellID string) error {
	schedule, in := contract.RotationScheduleID(cellID), contract.RotationInput{CellID: cellID}
	if err := t.Call(domain.CallSchedule, "", schedule, contract.CertificateRotationWorkflow, cellID, in); err != nil {
		return err
	}
	return t.Call(domain.CallTrigger, "", schedule, contract.CertificateRotationWorkflow, domain.NewID("rot"), in)
}

// otherwise names what a known cell was added with differently.
func otherwise(known, asked domain.Cell) (fields []string) {
	for _, f := range []struct{ name, known, asked string }{
		{"name", known.Name, asked.Name}, {"region", known.Region, asked.Region}, {"cloud", known.Cloud, asked.Cloud}, {"object id", known.ApplicationObjectID, asked.ApplicationObjectID},
	} {
		if f.known != f.asked {
			fields = append(fields, f.name)
		}
	}
	return fields
}
