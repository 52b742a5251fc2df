package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// issueOperatorToken writes the bearer token with which the command line works
// on this system. Each start issues another and ends the one before: the value
// of that is in a file alone, and this start is to have one that works.
func (s *Stack) issueOperatorToken(ctx context.Context) error {
	caller, name := domain.System("set-up"), "consentry-dev"
	old, err := s.App.Service.Tokens(ctx, caller, "", service.Page{Limit: service.PageMax})
	if err != nil {
		return err
	}
	for _, t := range old.Items {
		if t.Name != name || t.AccountID != "" {
			continue
		}
		if _, err := s.App.Service.RevokeToken(ctx, caller, t.ID); err != nil {
			return err
		}
	}
	issued, err := s.App.Service.IssueToken(ctx, caller, service.TokenOrder{Name: name, Role: domain.RoleOperator})
	if err != nil {
		return fmt.Errorf("issue a token for the command line: %w", err)
	}
	if err := os.WriteFile(s.OperatorToken(), []byte(issued.Value+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the token of the command line: %w", err)
	}
	return nil
}

// OperatorToken is the file of an operator's bearer token.
func (s *Stack) OperatorToken() string { return filepath.Join(s.options.Dir, "operator-token") }

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
