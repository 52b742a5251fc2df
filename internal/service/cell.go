package service

import (
	"context"
	"encoding/json"

	"consentry/internal/contract"
	"consentry/internal/domain"
)

// FirstCertificate is a cell's first key pair: minted by us, its public part
// added to the app registration by a person, because an app without any valid
// certificate cannot add one to itself.
type FirstCertificate struct {
	Sealed         []byte // private key, sealed
	CertificateDER []byte
	Thumbprint     string // SHA-256, hex
	SHA1           string // hex
	KeyID          string // Graph's id of the added key; "" if the person did not note it
	NotBefore      domain.Instant
	NotAfter       domain.Instant
}

// RegisterCell makes one of the vendor's app registrations known, together with
// its first certificate as the active credential. Operators only. Registering a
// known cell again changes nothing.
func (s *Service) RegisterCell(ctx context.Context, caller domain.Caller, cell domain.Cell, first FirstCertificate) (domain.Cell, error) {
	return Do(ctx, s, caller, "", "register-cell", cell.ID, func(tx *Tx) (domain.Cell, error) {
		if !caller.Operator() {
			return cell, domain.Refuse(domain.Forbidden, "operator-needed", "Only an operator of the vendor may register a cell.")
		}
		known, err := tx.Cells().Get(cell.ID)
		if err == nil || !domain.IsNotFound(err) {
			return known, err
		}
		cell.CreatedAt = tx.At()
		if err := tx.Cells().Insert(&cell); err != nil {
			return cell, err
		}
		secret := domain.Secret{ID: domain.NewID("key"), Sealed: first.Sealed, CreatedAt: tx.At()}
		if err := tx.Secrets().Insert(&secret); err != nil {
			return cell, err
		}
		credential := domain.Credential{
			ID: domain.NewID("crd"), CellID: cell.ID, State: domain.CredentialActive, SecretRef: secret.ID,
			CertificateDER: first.CertificateDER, Thumbprint: first.Thumbprint, SHA1: first.SHA1, KeyID: first.KeyID,
			NotBefore: first.NotBefore, NotAfter: first.NotAfter, PersonPublished: true,
			PreparedAt: tx.At(), PublishedAt: tx.At(), VerifiedAt: tx.At(), ActivatedAt: tx.At(),
		}
		if err := tx.Credentials().Insert(&credential); err != nil {
			return cell, err
		}
		return cell, tx.Done("", "register-cell", "cell", cell.ID, map[string]string{"thumbprint": first.Thumbprint})
	})
}

// CellKnown reports whether a cell is registered.
func (s *Service) CellKnown(ctx context.Context, cellID string) (bool, error) {
	err := s.store.Read(ctx, func(rows Rows) error {
		_, err := rows.Cells().Get(cellID)
		return err
	})
	if domain.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// CampaignStarted reports whether a campaign is there and its migrations are
// open.
func (s *Service) CampaignStarted(ctx context.Context, campaignID string) (started bool, err error) {
	err = s.store.Read(ctx, func(rows Rows) error {
		c, err := rows.Campaigns().Get(campaignID)
		started = err == nil && !c.StartedAt.IsZero()
		return err
	})
	if domain.IsNotFound(err) {
		return false, nil
	}
	return started, err
}

// CellIDs lists the registered cells.
func (s *Service) CellIDs(ctx context.Context) (ids []string, err error) {
	err = s.store.Read(ctx, func(rows Rows) error {
		cells, err := rows.Cells().List(Query{Order: []string{"id"}})
		for _, c := range cells {
			ids = append(ids, c.ID)
		}
		return err
	})
	return ids, err
}

// RotationSchedule is the engine call that makes a cell's rotation schedule
// exist. Repeating it is harmless, so a worker does at every start.
func RotationSchedule(cellID string) (domain.EngineCall, error) {
	payload, err := json.Marshal(contract.RotationInput{CellID: cellID})
	return domain.EngineCall{
		Kind: domain.CallSchedule, Target: contract.RotationScheduleID(cellID), Name: contract.CertificateRotationWorkflow, DedupeID: cellID, Payload: payload,
	}, err
}
