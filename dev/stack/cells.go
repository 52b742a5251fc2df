package stack

import (
	"context"
	"fmt"
	"time"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// inviteOperator makes the vendor's first operator known: somebody has to be
// there before anybody can be invited through the console or the API.
func (s *Stack) inviteOperator(ctx context.Context) error {
	first := service.Inventory{Operators: s.options.World.Inventory(s.Issuer, nil).Operators}
	if _, err := s.App.Service.ImportInventory(ctx, domain.System("set-up"), "", first); err != nil {
		return fmt.Errorf("invite the first operator: %w", err)
	}
	return nil
}

// firstCertificateFor is how long the certificate lives that a person adds.
const firstCertificateFor = 90 * 24 * time.Hour

// registerCells does what an engineer of the vendor does once: mint a cell's
// first key pair, add the certificate to the app registration in the portal,
// and make the cell known. Cells that are known stay as they are.
func (s *Stack) registerCells(ctx context.Context) error {
	caller := domain.System("set-up")
	for _, cell := range s.options.World.Cells {
		known, err := s.App.Service.CellKnown(ctx, cell.ID)
		if err != nil {
			return err
		}
		if known {
			continue
		}
		now := time.Now().UTC()
		minted, err := s.App.Keeper().Mint(ctx, cell.Name, now.Add(-5*time.Minute), now.Add(firstCertificateFor))
		if err != nil {
			return fmt.Errorf("mint the first certificate of %s: %w", cell.ID, err)
		}
		keyID, err := s.Emulator.AddCertificate(cell.ClientID, minted.CertificateDER)
		if err != nil {
			return fmt.Errorf("add the first certificate of %s: %w", cell.ID, err)
		}
		_, err = s.App.Service.RegisterCell(ctx, caller, cell, service.FirstCertificate{
			Sealed: minted.Sealed, CertificateDER: minted.CertificateDER, Thumbprint: minted.Thumbprint, SHA1: minted.SHA1, KeyID: keyID,
			NotBefore: domain.At(minted.NotBefore), NotAfter: domain.At(minted.NotAfter),
		})
		if err != nil {
			return err
		}
		if err := s.verifyCell(ctx, cell.ID); err != nil {
			return err
		}
	}
	return nil
}

// verifyCell waits until Microsoft has spread the certificate that was added.
func (s *Stack) verifyCell(ctx context.Context, cellID string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := s.App.VerifyCell(ctx, cellID)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the first certificate of %s does not work: %w", cellID, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
