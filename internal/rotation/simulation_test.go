package rotation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"consentry/internal/rotation"
)

// registration plays Microsoft: which keys it holds, and from when the token servers know them.
type registration struct {
	keys map[string]registered // by key id
	next int
}

type registered struct {
	credentialID string
	visibleAt    time.Time
	notAfter     time.Time
}

func (r *registration) add(c rotation.Credential, visibleAt time.Time) string {
	r.next++
	id := fmt.Sprintf("key-%d", r.next)
	r.keys[id] = registered{credentialID: c.ID, visibleAt: visibleAt, notAfter: c.NotAfter}
	return id
}

func (r *registration) accepts(now time.Time, credentialID string) bool {
	for _, key := range r.keys {
		if key.credentialID == credentialID && !now.Before(key.visibleAt) && now.Before(key.notAfter) {
			return true
		}
	}
	return false
}

// world is a cell with its recorded credentials, its registration and a clock.
type world struct {
	now         time.Time
	policy      rotation.Policy
	credentials []rotation.Credential
	microsoft   registration
	minted      int
	lostAnswers int // additions whose key id was never recorded
	byPerson    int // and those by a person, which have none
}

func (w *world) find(id string) rotation.Credential {
	for _, c := range w.credentials {
		if c.ID == id {
			return c
		}
	}
	return rotation.Credential{}
}

type crash int

const (
	noCrash crash = iota
	beforeEffect
	afterEffect
)

func (w *world) run(t require.TestingT, s rotation.Step, at crash, delay time.Duration) {
	w.credentials = rotation.Begin(w.now, w.credentials, s)
	if at == beforeEffect {
		return
	}
	var result rotation.Result
	switch s.Action {
	case rotation.Mint:
		w.minted++
		result.Minted.ID = fmt.Sprintf("c%d", w.minted)
		result.Minted.NotBefore, result.Minted.NotAfter = w.policy.Validity(w.now)
	case rotation.Publish:
		require.True(t, w.microsoft.accepts(w.now, s.SignerID), "the proof of possession is signed by a key that Microsoft does not accept")
		result.KeyID = w.microsoft.add(w.find(s.CredentialID), w.now.Add(delay))
	case rotation.Prove:
		result.Refused = !w.microsoft.accepts(w.now, s.CredentialID)
	case rotation.Retire:
		if keyID := w.find(s.CredentialID).KeyID; keyID != "" {
			require.True(t, w.microsoft.accepts(w.now, s.SignerID), "a removal is signed by a key that Microsoft does not accept")
			require.NotEqual(t, s.CredentialID, s.SignerID)
			delete(w.microsoft.keys, keyID)
		}
	case rotation.Activate:
		require.True(t, w.microsoft.accepts(w.now, s.CredentialID), "a key is activated that Microsoft does not accept")
	case rotation.Nothing:
	}
	if at == afterEffect && s.Action != rotation.Activate { // activation is one transaction of ours
		if s.Action == rotation.Publish {
			w.lostAnswers++
		}
		return
	}
	w.credentials = rotation.Done(w.now, w.credentials, s, result, w.policy)
}

// personAdds is the operator who puts the first certificate on the registration.
func (w *world) personAdds(s rotation.Step) {
	if s.Reason == rotation.WaitingForPerson && !w.microsoft.accepts(w.now, s.CredentialID) {
		w.microsoft.add(w.find(s.CredentialID), w.now)
		w.byPerson++
	}
}

// settle runs without faults until the answer is "nothing is due".
func (w *world) settle(t require.TestingT) {
	for range 200 {
		s := rotation.Next(w.now, w.credentials, w.policy)
		if s.Action == rotation.Nothing {
			if s.Reason == rotation.AllCurrent {
				return
			}
			require.True(t, s.Until.After(w.now), "waiting until %s, which is not after now", s.Until)
			w.now = s.Until
			continue
		}
		w.personAdds(s)
		w.run(t, s, noCrash, 0)
		if s.Action == rotation.Prove {
			w.now = w.now.Add(w.policy.ProofInterval)
		}
	}
	require.Fail(t, "the rotation did not settle", "%+v", w.credentials)
}

func (w *world) checkSigning(t require.TestingT) {
	if signing, ok := rotation.Signing(w.now, w.credentials, w.policy); ok {
		require.True(t, w.microsoft.accepts(w.now, signing.ID), "assertions are signed by %s, which Microsoft does not accept", signing.ID)
	}
}

func TestNoCrashDelayOrTaintDisconnectsACell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{now: noon, policy: rotation.DefaultPolicy(), microsoft: registration{keys: map[string]registered{}}}
		w.settle(t)
		for range rapid.IntRange(5, 120).Draw(t, "steps") {
			pause := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour, 20 * time.Hour}).Draw(t, "pause")
			w.now = w.now.Add(pause)
			switch rapid.IntRange(0, 19).Draw(t, "event") {
			case 0:
				w.policy.RequestedAt = w.now
			case 1:
				ids := make([]string, len(w.credentials))
				for i, c := range w.credentials {
					ids[i] = c.ID
				}
				w.credentials = rotation.Taint(w.credentials, rapid.SampledFrom(ids).Draw(t, "tainted"))
			}
			s := rotation.Next(w.now, w.credentials, w.policy)
			w.personAdds(s)
			w.run(t, s, rapid.SampledFrom([]crash{noCrash, noCrash, beforeEffect, afterEffect}).Draw(t, "crash"),
				rapid.SampledFrom([]time.Duration{0, time.Minute, 10 * time.Minute}).Draw(t, "propagation"))
			w.checkSigning(t)
		}
		w.settle(t)
		w.checkSigning(t)

		signing, ok := rotation.Signing(w.now, w.credentials, w.policy)
		require.True(t, ok)
		require.Equal(t, rotation.Active, signing.State)
		require.Less(t, w.now.Sub(signing.ActivatedAt), w.policy.Period)
		for _, c := range w.credentials {
			require.NotEqual(t, rotation.Tainted, c.State, "a tainted key outlived the rotation")
		}
		unremovable := 0
		for _, key := range w.microsoft.keys {
			if !w.now.Before(key.notAfter) || w.find(key.credentialID).State == rotation.Retired {
				unremovable++
			}
		}
		require.LessOrEqual(t, unremovable, w.lostAnswers+w.byPerson, "keys were left on the registration without a cause")
	})
}

func TestADayOfRotationLeavesOneKeyAndOneReason(t *testing.T) {
	w := &world{now: noon, policy: rotation.DefaultPolicy(), microsoft: registration{keys: map[string]registered{}}}
	w.settle(t)
	for range 30 {
		w.now = w.now.Add(24 * time.Hour)
		w.settle(t)
		w.now = w.now.Add(w.policy.OldKeyGrace)
		w.settle(t)
	}
	live := 0
	for _, key := range w.microsoft.keys {
		if w.now.Before(key.notAfter) {
			live++
		}
	}
	require.Equal(t, 1, live)
	require.Len(t, w.credentials, 31)
}

func TestAnOutageOfTenDaysIsSurvived(t *testing.T) {
	w := &world{now: noon, policy: rotation.DefaultPolicy(), microsoft: registration{keys: map[string]registered{}}}
	w.settle(t)
	w.now = w.now.Add(10 * 24 * time.Hour)
	before, ok := rotation.Signing(w.now, w.credentials, w.policy)
	require.True(t, ok)
	w.settle(t)
	after, ok := rotation.Signing(w.now, w.credentials, w.policy)
	require.True(t, ok)
	require.NotEqual(t, before.ID, after.ID)
}
