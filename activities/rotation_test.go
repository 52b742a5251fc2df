package activities_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.uber.org/zap"

	"consentry/activities"
	"consentry/internal/contract"
	"consentry/internal/domain"
	"consentry/internal/rotation"
	"consentry/internal/service"
	"consentry/internal/store"
	"consentry/internal/store/storetest"
	"consentry/test/standin"
)

// registration plays Microsoft and the key mint for one cell: which certificates
// are on the app registration, since when, and what goes wrong next.
type registration struct {
	b       *rotationBench
	keys    map[string]string // key id → certificate
	since   map[string]time.Time
	spreads time.Duration // how long token servers take to learn of a key

	minted, added, removed, proven int
	loseAnswer                     bool  // the next AddKey works and its answer is lost
	refuse                         error // the next call of any kind
}

func (r *registration) fails() error {
	err := r.refuse
	r.refuse = nil
	return err
}

func (r *registration) MintKey(_ context.Context, commonName string, from, to time.Time) (activities.MintedKey, error) {
	if err := r.fails(); err != nil {
		return activities.MintedKey{}, err
	}
	require.Equal(r.b.t, "consentry EU 1", commonName)
	r.minted++
	name := fmt.Sprintf("certificate %d", r.minted)
	return activities.MintedKey{Sealed: []byte("sealed " + name), CertificateDER: []byte(name), Thumbprint: name, NotBefore: from, NotAfter: to}, nil
}

func (r *registration) AddKey(_ context.Context, _, signerID string, der []byte) (string, error) {
	r.b.signs(signerID)
	if err := r.fails(); err != nil {
		return "", err
	}
	r.added++
	id := fmt.Sprintf("key %d", r.added)
	r.keys[id], r.since[string(der)] = string(der), r.b.now
	if r.loseAnswer {
		r.loseAnswer = false
		return "", errors.New("the connection was reset")
	}
	return id, nil
}

func (r *registration) RemoveKey(_ context.Context, _, signerID, keyID string) error {
	r.b.signs(signerID)
	require.NotEqual(r.b.t, r.b.credential(signerID).KeyID, keyID, "no key signs its own removal")
	if err := r.fails(); err != nil {
		return err
	}
	r.removed++
	delete(r.keys, keyID)
	return nil
}

func (r *registration) ProveKey(_ context.Context, _, credentialID string) error {
	if err := r.fails(); err != nil {
		return err
	}
	r.proven++
	c := r.b.credential(credentialID)
	since, ever := r.since[string(c.CertificateDER)]
	if !ever || r.b.now.Before(since.Add(r.spreads)) {
		return entraError{kind: "key_unknown", code: "AADSTS700027"}
	}
	return nil
}

// rotationBench is a cell whose first certificate a person added a day ago.
type rotationBench struct {
	t     *testing.T
	store *store.Store
	svc   *service.Service
	now   time.Time
	env   *testsuite.TestActivityEnvironment
	act   *activities.Rotation
	ms    *registration
}

func newRotationBench(t *testing.T) *rotationBench {
	t.Helper()
	b := &rotationBench{t: t, store: storetest.Open(t), now: time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC)}
	b.ms = &registration{b: b, keys: map[string]string{"key 0": "certificate 0"}, since: map[string]time.Time{"certificate 0": b.now}, spreads: 90 * time.Second}
	b.svc = service.New(service.Deps{Store: b.store, Engine: &standin.Engine{}, Now: func() time.Time { return b.now }, Log: zap.NewNop()})
	_, err := b.svc.RegisterCell(t.Context(), domain.System("test"), domain.Cell{ID: "cell", Name: "EU 1"}, service.FirstCertificate{
		Sealed: []byte("sealed certificate 0"), CertificateDER: []byte("certificate 0"), KeyID: "key 0", NotBefore: domain.At(b.now.Add(-time.Hour)), NotAfter: domain.At(b.now.Add(14 * 24 * time.Hour)),
	})
	require.NoError(t, err)
	b.now = b.now.Add(24 * time.Hour)
	b.act = &activities.Rotation{Service: b.svc, Keys: b.ms, Graph: b.ms, Entra: b.ms}
	var suite testsuite.WorkflowTestSuite
	b.env = suite.NewTestActivityEnvironment()
	b.env.RegisterActivity(b.act)
	return b
}

func (b *rotationBench) credential(id string) (c domain.Credential) {
	b.t.Helper()
	require.NoError(b.t, b.store.Read(b.t.Context(), func(r service.Rows) (err error) { c, err = r.Credentials().Get(id); return err }))
	return c
}

// signs requires that a proof of possession can be made with the credential.
func (b *rotationBench) signs(id string) {
	b.t.Helper()
	c := b.credential(id)
	_, there := b.ms.since[string(c.CertificateDER)]
	require.True(b.t, there && c.State != domain.CredentialRetired, "%s proves nothing", id)
}

func (b *rotationBench) credentials() (all []domain.Credential) {
	b.t.Helper()
	require.NoError(b.t, b.store.Read(b.t.Context(), func(r service.Rows) (err error) {
		all, err = r.Credentials().List(service.Query{Order: []string{"prepared_at"}})
		return err
	}))
	return all
}

func (b *rotationBench) plan() contract.RotationStep {
	b.t.Helper()
	v, err := b.env.ExecuteActivity(b.act.ServicePlanRotation, contract.RotationInput{CellID: "cell"})
	require.NoError(b.t, err)
	var s contract.RotationStep
	require.NoError(b.t, v.Get(&s))
	return s
}

func (b *rotationBench) do(s contract.RotationStep) (out contract.RotationOutcome, err error) {
	b.t.Helper()
	act, known := map[rotation.Action]any{
		rotation.Mint: b.act.KeysMintCredential, rotation.Publish: b.act.GraphAddKey, rotation.Prove: b.act.EntraProveCredential,
		rotation.Activate: b.act.ServiceActivateCredential, rotation.Retire: b.act.GraphRemoveKey,
	}[rotation.Action(s.Action)]
	require.True(b.t, known, s.Action)
	v, err := b.env.ExecuteActivity(act, s)
	if err == nil {
		require.NoError(b.t, v.Get(&out))
	}
	return out, err
}

// until goes on like the workflow, waiting where it would, and returns the first
// step of the action without doing it.
func (b *rotationBench) until(action rotation.Action) contract.RotationStep {
	b.t.Helper()
	for range 200 {
		s := b.plan()
		if s.Action == string(action) {
			return s
		}
		if s.Action == string(rotation.Nothing) {
			require.True(b.t, s.Until.After(b.now), "waiting leads somewhere")
			b.now = s.Until
			continue
		}
		_, err := b.do(s)
		require.NoError(b.t, err)
	}
	b.t.Fatalf("%s never came", action)
	return contract.RotationStep{}
}

// rotated brings the rotation that is under way to its end and holds the world
// against what must be true then.
func (b *rotationBench) rotated() {
	b.t.Helper()
	retire := b.until(rotation.Retire)
	_, err := b.do(retire)
	require.NoError(b.t, err)
	active := slices.DeleteFunc(b.credentials(), func(c domain.Credential) bool { return c.State != domain.CredentialActive })
	require.Len(b.t, active, 1)
	signing, err := b.svc.ActiveCredential(b.t.Context(), "cell")
	require.NoError(b.t, err)
	require.Equal(b.t, active[0].ID, signing.Credential.ID)
	require.NoError(b.t, b.ms.ProveKey(b.t.Context(), "cell", active[0].ID), "it signs")
	require.NotEmpty(b.t, signing.Sealed)
}

func TestADayOfRotation(t *testing.T) {
	b := newRotationBench(t)
	b.rotated()
	all := b.credentials()
	require.Len(t, all, 2)
	require.Equal(t, domain.CredentialRetired, all[0].State)
	require.Equal(t, "key 1", all[1].KeyID)
	require.Equal(t, map[string]string{"key 1": "certificate 1"}, b.ms.keys, "only the new one is left on the registration")
	require.GreaterOrEqual(t, b.ms.proven, rotation.DefaultPolicy().Proofs)
	_, err := b.svc.CredentialKey(t.Context(), "cell", all[0].ID)
	require.Equal(t, domain.Gone, domain.KindOf(err), "the old private key is destroyed")

	var entries int
	require.NoError(t, b.store.Read(t.Context(), func(r service.Rows) (err error) {
		entries, err = r.Audit().Count(service.By(service.Where{"action": "rotation-begin-publish"}))
		return err
	}))
	require.Equal(t, 1, entries, "the intent is in the audit")
}

func TestAKeyMintedTwiceForOneOrderIsKeptOnce(t *testing.T) {
	b := newRotationBench(t)
	mint := b.until(rotation.Mint)
	_, err := b.do(mint)
	require.NoError(t, err)
	out, err := b.do(mint) // the answer was lost
	require.NoError(t, err)
	require.True(t, out.Overtaken)
	require.Len(t, b.credentials(), 2)
	b.rotated()
}

func TestALostAnswerOfAddKeyIsFoundByAToken(t *testing.T) {
	b := newRotationBench(t)
	publish := b.until(rotation.Publish)
	b.ms.loseAnswer = true
	out, err := b.do(publish)
	require.NoError(t, err)
	require.True(t, out.Lost)
	out, err = b.do(publish)
	require.NoError(t, err)
	require.True(t, out.Overtaken, "nothing is sent again before a token was tried")
	require.Equal(t, string(rotation.AnswerLost), b.plan().Reason)
	b.rotated()
	require.Equal(t, 1, b.ms.added, "the key was not added twice")
}

func TestACrashBeforeAddKeyIsRepeatedAfterASettlingTime(t *testing.T) {
	b := newRotationBench(t)
	publish := b.until(rotation.Publish)
	_, overtaken, err := b.svc.BeginStep(t.Context(), domain.System("test"), publish) // and then the worker died
	require.NoError(t, err)
	require.False(t, overtaken)
	began := b.now
	again := b.until(rotation.Publish)
	require.Equal(t, string(rotation.PublishAgain), again.Reason)
	require.False(t, b.now.Before(began.Add(rotation.DefaultPolicy().PublishSettle)))
	_, err = b.do(again)
	require.NoError(t, err)
	b.rotated()
}

func TestAClearRefusalOfAddKeyTakesTheIntentBack(t *testing.T) {
	for kind, retry := range map[string]bool{"throttled": true, "proof_rejected": false, "misconfigured": false} {
		b := newRotationBench(t)
		publish := b.until(rotation.Publish)
		b.ms.refuse = entraError{kind: kind}
		_, err := b.do(publish)
		requireType(t, err, map[string]string{"throttled": contract.ErrThrottled, "proof_rejected": contract.ErrProofRejected, "misconfigured": contract.ErrMisconfigured}[kind], retry)
		require.Equal(t, publish, b.plan(), "the same step, at once")
		b.rotated()
	}
}

func TestAProofThatNobodyAnsweredProvesNothing(t *testing.T) {
	b := newRotationBench(t)
	prove := b.until(rotation.Prove)
	b.ms.refuse = entraError{kind: "unavailable"}
	_, err := b.do(prove)
	requireType(t, err, contract.ErrUnavailable, true)
	require.Zero(t, b.credential(prove.CredentialID).Proofs)
	b.rotated()
}

func TestAKeyThatTokenServersDoNotKnowYetIsNotActivated(t *testing.T) {
	b := newRotationBench(t)
	b.ms.spreads = 10 * time.Minute
	prove := b.until(rotation.Prove)
	out, err := b.do(prove)
	require.NoError(t, err)
	require.True(t, out.Refused)
	signing, err := b.svc.ActiveCredential(t.Context(), "cell")
	require.NoError(t, err)
	require.Equal(t, []byte("certificate 0"), signing.Credential.CertificateDER)
	b.rotated()
}

func TestARemovalWhoseAnswerWasLostIsRepeated(t *testing.T) {
	b := newRotationBench(t)
	retire := b.until(rotation.Retire)
	_, _, err := b.svc.BeginStep(t.Context(), domain.System("test"), retire)
	require.NoError(t, err)
	require.NoError(t, b.ms.RemoveKey(t.Context(), "cell", retire.SignerID, b.credential(retire.CredentialID).KeyID)) // and then the worker died
	require.False(t, b.credential(retire.CredentialID).RetireBeganAt.IsZero(), "the intent is recorded")
	require.Equal(t, retire, b.plan())
	b.rotated()
	require.Equal(t, domain.CredentialRetired, b.credential(retire.CredentialID).State)
}

func TestAStepThatWasDoneIsOvertaken(t *testing.T) {
	b := newRotationBench(t)
	activate := b.until(rotation.Activate)
	_, err := b.do(activate)
	require.NoError(t, err)
	out, err := b.do(activate)
	require.NoError(t, err)
	require.True(t, out.Overtaken)
}

func TestAPersonMayAskForARotationBeforeItsTime(t *testing.T) {
	b := newRotationBench(t)
	b.rotated()
	require.Equal(t, string(rotation.Nothing), b.plan().Action)
	_, err := b.svc.RotateNow(t.Context(), domain.Caller{Kind: domain.CallerPerson, Grants: []domain.Grant{{AccountID: "a", Role: domain.RoleApprove}}}, "cell")
	require.Equal(t, domain.Forbidden, domain.KindOf(err))
	_, err = b.svc.RotateNow(t.Context(), domain.System("test"), "cell")
	require.NoError(t, err)
	require.Equal(t, string(rotation.Requested), b.plan().Reason)
	b.rotated()
	require.Equal(t, string(rotation.Nothing), b.plan().Action, "once is enough")
}

func TestACellMayHaveItsOwnPace(t *testing.T) {
	b := newRotationBench(t)
	require.NoError(t, b.store.Write(t.Context(), func(r service.Rows) error {
		c, err := r.Cells().Get("cell")
		c.Rotation = domain.RotationPolicy{Proofs: 2, ProofInterval: domain.Duration(time.Second), OldKeyGrace: domain.Duration(2 * time.Second)}
		return errors.Join(err, r.Cells().Update(&c))
	}))
	b.ms.spreads = 0
	start := b.now
	b.rotated()
	require.Less(t, b.now.Sub(start), 10*time.Second)
}

// The first certificate waits for a person, who is to read what Microsoft says:
// every clear no is an answer, and no run fails of it.
func TestAFirstProofThatMicrosoftRefusesIsAnAnswer(t *testing.T) {
	b := newRotationBench(t)
	_, err := service.Do(t.Context(), b.svc, domain.System("test"), "", "test", "cell", func(tx *service.Tx) (int, error) {
		return tx.Rows.Credentials().Delete(service.By(service.Where{"cell_id": "cell"})) // as a cell is right after it was added
	})
	require.NoError(t, err)
	_, err = b.do(b.until(rotation.Mint))
	require.NoError(t, err)
	for _, kind := range []string{"tenant_missing", "app_missing", "key_unknown"} {
		s := b.until(rotation.Prove)
		require.Equal(t, string(rotation.WaitingForPerson), s.Reason)
		b.ms.refuse = entraError{kind: kind}
		out, err := b.do(s)
		require.NoError(t, err, kind)
		require.True(t, out.Refused)
		require.Equal(t, kind, b.credentials()[0].ProofCode)
		require.NotEmpty(t, b.credentials()[0].ProofText)
		b.now = b.now.Add(time.Hour)
		require.Contains(t, b.plan().Message, "Microsoft's last answer, ", "the page of the run says it, too")
	}
	b.ms.refuse = errors.New("nobody answers")
	_, err = b.do(b.until(rotation.Prove))
	require.Error(t, err, "silence is no answer")
	require.Equal(t, "key_unknown", b.credentials()[0].ProofCode)
}
