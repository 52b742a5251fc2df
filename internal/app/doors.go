package app

import (
	"context"

	"consentry/internal/consent"
	"consentry/internal/domain"
	"consentry/internal/entra"
	"consentry/internal/service"
)

// tenantDoor is a customer administrator's way to Microsoft and back.
type tenantDoor struct {
	signIn   *entra.SignIn
	callback string
}

// AdminConsentURL implements service.TenantDoor.
func (d tenantDoor) AdminConsentURL(_ context.Context, cell domain.Cell, tenantID, state string) (string, error) {
	return d.signIn.AdminConsentURL(tenantID, cell.ClientID, d.callback, state), nil
}

// SignInURL implements service.TenantDoor.
func (d tenantDoor) SignInURL(_ context.Context, leg service.SignInLeg) (string, error) {
	return d.signIn.AuthorizeURL(entra.SignInRequest{
		Tenant: leg.TenantID, ClientID: leg.Cell.ClientID, RedirectURI: d.callback, State: leg.State, Nonce: leg.Nonce, Verifier: leg.Verifier, Prompt: leg.Prompt,
	}), nil
}

// Redeem implements service.TenantDoor.
func (d tenantDoor) Redeem(ctx context.Context, leg service.RedeemLeg) (consent.Identity, error) {
	return d.signIn.Redeem(ctx, entra.RedeemRequest{
		CellID: leg.Cell.ID, Tenant: leg.TenantID, ClientID: leg.Cell.ClientID, Code: leg.Code, Verifier: leg.Verifier, Nonce: leg.Nonce, RedirectURI: d.callback,
	})
}

// consoleDoor is a person's way to the vendor's identity provider and back.
type consoleDoor struct{ console *entra.Console }

// AuthorizeURL implements server.ConsoleDoor.
func (d consoleDoor) AuthorizeURL(ctx context.Context, state, nonce, verifier string) (string, error) {
	return d.console.AuthorizeURL(ctx, entra.ConsoleRequest{State: state, Nonce: nonce, Verifier: verifier})
}

// Redeem implements server.ConsoleDoor.
func (d consoleDoor) Redeem(ctx context.Context, code, nonce, verifier string) (issuer, subject string, err error) {
	who, err := d.console.Redeem(ctx, entra.ConsoleRedeemRequest{Code: code, Nonce: nonce, Verifier: verifier})
	return who.Issuer, who.Subject, err
}
