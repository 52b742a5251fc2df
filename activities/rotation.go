package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"consentry/internal/contract"
	"consentry/internal/rotation"
	"consentry/internal/service"
)

// Rotation keeps a cell's certificates fresh. Each method asks the plan again,
// records what it is about to do, does it, and records how it went. Between
// those, everything may be lost: the plan knows from the intent what may have
// happened outside, and no step assumes that it did not.
type Rotation struct {
	Service *service.Service
	Keys    KeyMint
	Graph   ApplicationKeys
	Entra   KeyProver
}

// MintedKey is a new certificate whose private key exists nowhere but in Sealed.
type MintedKey struct {
	Sealed         []byte
	CertificateDER []byte
	Thumbprint     string // SHA-256, hex
	SHA1           string // hex
	NotBefore      time.Time
	NotAfter       time.Time
}

// KeyMint makes key pairs and seals them at once.
type KeyMint interface {
	MintKey(ctx context.Context, commonName string, notBefore, notAfter time.Time) (MintedKey, error)
}

// ApplicationKeys changes the keys of a cell's registration. signerID is the
// credential that proves possession.
type ApplicationKeys interface {
	// AddKey answers Microsoft's id of the key; "" without an error means that
	// the key was added and its id is lost.
	AddKey(ctx context.Context, cellID, signerID string, certificateDER []byte) (keyID string, err error)
	// RemoveKey finds a key that is gone already in order.
	RemoveKey(ctx context.Context, cellID, signerID, keyID string) error
}

// KeyProver obtains one token signed by exactly this credential, past every
// cache.
type KeyProver interface {
	ProveKey(ctx context.Context, cellID, credentialID string) error
}

// ServicePlanRotation says what to do next with a cell's certificates.
func (a *Rotation) ServicePlanRotation(ctx context.Context, in contract.RotationInput) (contract.RotationStep, error) {
	step, err := a.Service.PlanRotation(ctx, worker, in.CellID)
	return step, commandFault(err)
}

// KeysMintCredential makes the next certificate. Its sealed key is durable
// before anybody can use it; a key that was minted and not recorded is lost
// without harm.
func (a *Rotation) KeysMintCredential(ctx context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	order, err := a.Service.BeginMint(ctx, worker, in)
	if err != nil || order.Overtaken {
		return contract.RotationOutcome{Overtaken: order.Overtaken}, commandFault(err)
	}
	key, err := a.Keys.MintKey(ctx, order.CommonName, order.NotBefore, order.NotAfter)
	if err != nil {
		return contract.RotationOutcome{}, temporal.NewApplicationErrorWithCause("a certificate could not be made or sealed", contract.ErrUnavailable, err)
	}
	out, err := a.Service.RecordMinted(ctx, worker, in, service.NewCredential{
		Sealed: key.Sealed, CertificateDER: key.CertificateDER, Thumbprint: key.Thumbprint, SHA1: key.SHA1, NotBefore: key.NotBefore, NotAfter: key.NotAfter,
	})
	return out, commandFault(err)
}

// GraphAddKey publishes a certificate. An answer that did not arrive leaves the
// intent standing, and a token will tell whether the key did; a clear refusal
// takes the intent back, because then it certainly did not.
func (a *Rotation) GraphAddKey(ctx context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	c, overtaken, err := a.Service.BeginStep(ctx, worker, in)
	if err != nil || overtaken {
		return contract.RotationOutcome{Overtaken: overtaken}, commandFault(err)
	}
	keyID, fault := a.Graph.AddKey(ctx, in.CellID, in.SignerID, c.CertificateDER)
	if fault == nil {
		out, err := a.Service.RecordPublished(ctx, worker, in, keyID)
		return out, commandFault(err)
	}
	if !answered(fault) {
		return contract.RotationOutcome{Lost: true}, nil
	}
	if err := a.Service.WithdrawIntent(context.WithoutCancel(ctx), worker, in); err != nil {
		return contract.RotationOutcome{}, commandFault(err)
	}
	return contract.RotationOutcome{}, keyFault(fault)
}

// EntraProveCredential asks for one fresh token signed by the credential. That
// the key is not known is an answer; that nobody answered proves nothing. For the
// certificate that a person adds every clear no is an answer, kept with its
// reason: the registration is being set up, and whoever does that reads it.
func (a *Rotation) EntraProveCredential(ctx context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	_, overtaken, err := a.Service.BeginStep(ctx, worker, in)
	if err != nil || overtaken {
		return contract.RotationOutcome{Overtaken: overtaken}, commandFault(err)
	}
	err = a.Entra.ProveKey(ctx, in.CellID, in.CredentialID)
	var refused service.ProofRefused
	switch kind := kindOf(err); {
	case err == nil:
	case kind == "key_unknown", in.Reason == string(rotation.WaitingForPerson) && answered(err) && kind != "throttled":
		refused = service.ProofRefused{Code: kind, Text: err.Error()}
	default:
		return contract.RotationOutcome{}, keyFault(err)
	}
	out, err := a.Service.RecordProofOfKey(ctx, worker, in, refused)
	return out, commandFault(err)
}

// ServiceActivateCredential lets a proven certificate sign from now on and
// begins the retirement of the one before.
func (a *Rotation) ServiceActivateCredential(ctx context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	out, err := a.Service.ActivateCredential(ctx, worker, in)
	return out, commandFault(err)
}

// GraphRemoveKey takes a replaced certificate off the registration, by the id
// that was recorded when it was added, and destroys its private key.
func (a *Rotation) GraphRemoveKey(ctx context.Context, in contract.RotationStep) (contract.RotationOutcome, error) {
	c, overtaken, err := a.Service.BeginStep(ctx, worker, in)
	if err != nil || overtaken {
		return contract.RotationOutcome{Overtaken: overtaken}, commandFault(err)
	}
	if in.SignerID != "" && c.KeyID != "" {
		if err := a.Graph.RemoveKey(ctx, in.CellID, in.SignerID, c.KeyID); err != nil {
			return contract.RotationOutcome{}, keyFault(err)
		}
	}
	out, err := a.Service.RecordRetired(ctx, worker, in)
	return out, commandFault(err)
}

// answered reports whether Microsoft certainly refused, so that nothing was
// changed. Anything else may have arrived.
func answered(err error) bool {
	switch kindOf(err) {
	case "throttled", "proof_rejected", "consent_missing", "app_missing", "app_disabled", "key_unknown", "token_rejected", "tenant_missing", "misconfigured", "not_found":
		return true
	}
	return false
}

func kindOf(err error) string {
	if f, ok := errors.AsType[fault](err); ok {
		return f.FaultKind()
	}
	return ""
}

// keyFault decides whether waiting can help: then the same step again, when
// Microsoft asks for it; else a person of the vendor has to act and the run
// fails in sight.
func keyFault(err error) error {
	kind, wait := kindOf(err), time.Duration(0)
	if f, ok := errors.AsType[fault](err); ok {
		wait = f.Wait()
	}
	switch kind {
	case "throttled":
		return temporal.NewApplicationErrorWithOptions(err.Error(), contract.ErrThrottled, temporal.ApplicationErrorOptions{Cause: err, NextRetryDelay: wait})
	case "proof_rejected":
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrProofRejected, err)
	case "misconfigured", "app_missing", "app_disabled", "tenant_missing", "consent_missing", "not_found":
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.ErrMisconfigured, err)
	default:
		return temporal.NewApplicationErrorWithOptions(err.Error(), contract.ErrUnavailable, temporal.ApplicationErrorOptions{Cause: err, NextRetryDelay: wait})
	}
}
