package rotation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"consentry/internal/rotation"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

const day = 24 * time.Hour

// A credential minted `age` before noon under the default policy.
func minted(id string, age time.Duration, change ...func(*rotation.Credential)) rotation.Credential {
	from, to := rotation.DefaultPolicy().Validity(ago(age))
	c := rotation.Credential{ID: id, State: rotation.Prepared, NotBefore: from, NotAfter: to}
	for _, f := range change {
		f(&c)
	}
	return c
}

func published(at time.Time) func(*rotation.Credential) {
	return func(c *rotation.Credential) {
		c.State, c.KeyID, c.PublishingAt, c.PublishedAt = rotation.Published, "key-"+c.ID, at, at
	}
}

func verified(at time.Time) func(*rotation.Credential) {
	return func(c *rotation.Credential) {
		published(at)(c)
		c.State, c.VerifiedAt, c.Proofs = rotation.Verified, at, rotation.DefaultPolicy().Proofs
	}
}

func active(at time.Time) func(*rotation.Credential) {
	return func(c *rotation.Credential) { verified(at)(c); c.State, c.ActivatedAt = rotation.Active, at }
}

func retiring(active_, at time.Time) func(*rotation.Credential) {
	return func(c *rotation.Credential) { active(active_)(c); c.State, c.RetiringAt = rotation.Retiring, at }
}

func tainted(c *rotation.Credential) { c.State = rotation.Tainted }

func removing(c *rotation.Credential) { c.RemovingAt = ago(time.Minute) }

func noKeyID(c *rotation.Credential) { c.KeyID = "" }

func TestNext(t *testing.T) {
	type list = []rotation.Credential
	policy := rotation.DefaultPolicy()
	requested := policy
	requested.RequestedAt = ago(time.Minute)

	for sentence, test := range map[string]struct {
		credentials list
		policy      rotation.Policy
		want        rotation.Step // Message and Until are checked apart
	}{
		"a new cell gets a certificate for a person to add": {
			nil, policy, rotation.Step{Action: rotation.Mint, Reason: rotation.FirstKey},
		},
		"the first certificate is tried until the person has added it": {
			list{minted("a", time.Hour)}, policy,
			rotation.Step{Action: rotation.Prove, CredentialID: "a", Reason: rotation.WaitingForPerson},
		},
		"the first certificate is not tried twice within the interval": {
			list{minted("a", time.Hour, func(c *rotation.Credential) { c.TriedAt = ago(time.Second) })}, policy,
			rotation.Step{Action: rotation.Nothing, Reason: rotation.WaitingToProve},
		},
		"the first certificate takes over once proven": {
			list{minted("a", time.Hour, verified(noon), noKeyID)}, policy,
			rotation.Step{Action: rotation.Activate, CredentialID: "a", Reason: rotation.ProvenKey},
		},
		"a young certificate stays": {
			list{minted("a", time.Hour, active(ago(time.Hour)))}, policy,
			rotation.Step{Action: rotation.Nothing, Reason: rotation.AllCurrent},
		},
		"a certificate ten minutes short of its period is replaced, because the schedule comes back only tomorrow": {
			list{minted("a", day, active(ago(day-10*time.Minute)))}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.Due},
		},
		"a person may ask for a rotation of a young certificate": {
			list{minted("a", time.Hour, active(ago(time.Hour)))}, requested,
			rotation.Step{Action: rotation.Mint, Reason: rotation.Requested},
		},
		"a request is answered once": {
			list{minted("a", time.Minute, active(ago(time.Second)))}, requested,
			rotation.Step{Action: rotation.Nothing, Reason: rotation.AllCurrent},
		},
		"a minted certificate is published, signed for by the active one": {
			list{minted("a", day, active(ago(day))), minted("b", time.Minute)}, policy,
			rotation.Step{Action: rotation.Publish, CredentialID: "b", SignerID: "a", Reason: rotation.NotPublished},
		},
		"after a lost answer the token server is asked before anything is repeated": {
			list{minted("a", day, active(ago(day))), minted("b", time.Minute, func(c *rotation.Credential) { c.PublishingAt = ago(time.Minute) })}, policy,
			rotation.Step{Action: rotation.Prove, CredentialID: "b", Reason: rotation.AnswerLost},
		},
		"and nothing is repeated while the answer may still become visible": {
			list{minted("a", day, active(ago(day))), minted("b", time.Minute, func(c *rotation.Credential) {
				c.PublishingAt, c.TriedAt = ago(time.Minute), ago(time.Second)
			})}, policy,
			rotation.Step{Action: rotation.Nothing, Reason: rotation.WaitingToProve},
		},
		"a publication that never became visible is repeated": {
			list{minted("a", day, active(ago(day))), minted("b", time.Hour, func(c *rotation.Credential) { c.PublishingAt = ago(time.Hour) })}, policy,
			rotation.Step{Action: rotation.Publish, CredentialID: "b", SignerID: "a", Reason: rotation.PublishAgain},
		},
		"a published certificate is proven": {
			list{minted("a", day, active(ago(day))), minted("b", time.Minute, published(noon))}, policy,
			rotation.Step{Action: rotation.Prove, CredentialID: "b", Reason: rotation.NotProven},
		},
		"proofs keep their distance": {
			list{minted("a", day, active(ago(day))), minted("b", time.Minute, published(noon), func(c *rotation.Credential) {
				c.Proofs, c.TriedAt = 3, ago(30*time.Second)
			})}, policy,
			rotation.Step{Action: rotation.Nothing, Reason: rotation.WaitingToProve},
		},
		"enough proofs activate": {
			list{minted("a", day, active(ago(day))), minted("b", time.Minute, verified(noon))}, policy,
			rotation.Step{Action: rotation.Activate, CredentialID: "b", Reason: rotation.ProvenKey},
		},
		"a certificate that nobody ever accepted is taken back": {
			list{minted("a", day, active(ago(time.Hour))), minted("b", 7*time.Hour, published(ago(7*time.Hour)))}, policy,
			rotation.Step{Action: rotation.Retire, CredentialID: "b", SignerID: "a", Reason: rotation.NeverProven},
		},
		"and replaced first when the active one is due": {
			list{minted("a", day, active(ago(day))), minted("b", 7*time.Hour, published(ago(7*time.Hour)))}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.Due},
		},
		"with all expired, one that is long published is tried first": {
			list{minted("a", 15*day, active(ago(15*day))), minted("b", 2*day, published(ago(2*day))), minted("c", day)}, policy,
			rotation.Step{Action: rotation.Prove, CredentialID: "b", Reason: rotation.NotProven},
		},
		"and does not keep a person from being asked once it is refused": { // it was taken back, and the answer was lost
			list{minted("a", 15*day, active(ago(15*day))), minted("b", 2*day, published(ago(2*day)), func(c *rotation.Credential) { c.TriedAt = ago(time.Minute) }), minted("c", day)}, policy,
			rotation.Step{Action: rotation.Prove, CredentialID: "c", Reason: rotation.WaitingForPerson},
		},
		"nor from having one made to add": {
			list{minted("a", 15*day, active(ago(15*day))), minted("b", 2*day, published(ago(2*day)), func(c *rotation.Credential) { c.TriedAt = ago(time.Minute) })}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.FirstKey},
		},
		"one whose removal has begun takes over from nobody": {
			list{minted("a", day, active(ago(day))), minted("b", time.Hour, verified(ago(time.Hour)), removing)}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.Due},
		},
		"and signs nothing, not even where a tainted one has to": { // the removal may have happened
			list{minted("a", day, retiring(ago(day), ago(3*time.Hour)), removing), minted("b", 3*time.Hour, active(ago(3*time.Hour)), tainted), minted("c", 0)}, policy,
			rotation.Step{Action: rotation.Publish, CredentialID: "c", SignerID: "b", Reason: rotation.NotPublished},
		},
		"its removal is repeated": {
			list{minted("a", day, active(ago(time.Hour))), minted("b", time.Hour, verified(ago(time.Hour)), removing)}, policy,
			rotation.Step{Action: rotation.Retire, CredentialID: "b", SignerID: "a", Reason: rotation.Surplus},
		},
		"a replaced certificate stays during its grace": {
			list{minted("a", day, retiring(ago(day), ago(time.Hour))), minted("b", time.Hour, active(ago(time.Hour)))}, policy,
			rotation.Step{Action: rotation.Nothing, Reason: rotation.AllCurrent},
		},
		"a replaced certificate is removed after its grace, signed for by the new one": {
			list{minted("a", day, retiring(ago(day), ago(3*time.Hour))), minted("b", 3*time.Hour, active(ago(3*time.Hour)))}, policy,
			rotation.Step{Action: rotation.Retire, CredentialID: "a", SignerID: "b", Reason: rotation.GraceOver},
		},
		"a key that a person added is never removed by us, only forgotten": {
			list{minted("a", day, retiring(ago(day), ago(3*time.Hour)), noKeyID), minted("b", 3*time.Hour, active(ago(3*time.Hour)))}, policy,
			rotation.Step{Action: rotation.Retire, CredentialID: "a", SignerID: "", Reason: rotation.GraceOver},
		},
		"a replaced certificate is not removed when nothing active would remain": {
			list{minted("a", day, retiring(ago(day), ago(3*time.Hour))), minted("b", 15*day, active(ago(3*time.Hour)))}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.NoActive},
		},
		"a tainted active certificate is replaced first": {
			list{minted("a", time.Hour, active(ago(time.Hour)), tainted)}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.ActiveTainted},
		},
		"a tainted certificate signs for its successor when it is the only one": {
			list{minted("a", time.Hour, active(ago(time.Hour)), tainted), minted("b", 0)}, policy,
			rotation.Step{Action: rotation.Publish, CredentialID: "b", SignerID: "a", Reason: rotation.NotPublished},
		},
		"an older certificate signs rather than the tainted one": {
			list{minted("a", day, retiring(ago(day), ago(time.Hour))), minted("b", time.Hour, active(ago(time.Hour)), tainted), minted("c", 0)}, policy,
			rotation.Step{Action: rotation.Publish, CredentialID: "c", SignerID: "a", Reason: rotation.NotPublished},
		},
		"a tainted certificate is removed without grace once another is active": {
			list{minted("a", time.Hour, active(ago(time.Hour)), tainted), minted("b", 0, active(noon))}, policy,
			rotation.Step{Action: rotation.Retire, CredentialID: "a", SignerID: "b", Reason: rotation.TaintedKey},
		},
		"a tainted certificate that never became active is removed before its successor is published": {
			list{minted("a", day, active(ago(day))), minted("b", time.Hour, published(ago(time.Hour)), tainted), minted("c", 0)}, policy,
			rotation.Step{Action: rotation.Retire, CredentialID: "b", SignerID: "a", Reason: rotation.TaintedKey},
		},
		"a certificate that waited through an outage until it is old is thrown away": {
			list{minted("a", time.Hour, active(ago(time.Hour))), minted("b", 13*day)}, policy,
			rotation.Step{Action: rotation.Retire, CredentialID: "b", Reason: rotation.TooOldToStart},
		},
		"two minted by a crash: the one further on is finished": {
			list{minted("a", day, active(ago(day))), minted("b", time.Hour, published(noon)), minted("c", time.Minute)}, policy,
			rotation.Step{Action: rotation.Prove, CredentialID: "b", Reason: rotation.NotProven},
		},
		"and the other is thrown away afterwards": {
			list{minted("b", time.Hour, active(ago(time.Minute))), minted("c", time.Hour, verified(noon)), minted("d", time.Hour, published(noon))}, policy,
			rotation.Step{Action: rotation.Activate, CredentialID: "c", Reason: rotation.ProvenKey},
		},
		"an imported active certificate near its end is replaced although it is young": {
			list{minted("a", 13*day, active(ago(time.Hour)))}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.Expiring},
		},
		"when everything has expired a person is needed again": {
			list{minted("a", 15*day, active(ago(15*day)))}, policy,
			rotation.Step{Action: rotation.Mint, Reason: rotation.FirstKey},
		},
		"a certificate that begins in the future waits": {
			list{minted("a", -time.Hour)}, policy,
			rotation.Step{Action: rotation.Nothing, Reason: rotation.WaitingToProve},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			got := rotation.Next(noon, test.credentials, test.policy)
			require.NotEmpty(t, got.Message, "every reason has a sentence")
			if got.Action == rotation.Nothing {
				require.True(t, got.Until.After(noon), "waiting must end: until %s", got.Until)
			}
			got.Message, got.Until = "", time.Time{}
			require.Equal(t, test.want, got)
		})
	}
}

func TestAnUnknownKeyIDIsSaidToThePerson(t *testing.T) {
	step := rotation.Next(noon, []rotation.Credential{
		minted("a", day, retiring(ago(day), ago(3*time.Hour)), noKeyID),
		minted("b", 3*time.Hour, active(ago(3*time.Hour))),
	}, rotation.DefaultPolicy())
	require.Contains(t, step.Message, "cannot be removed from the registration by us; it stops working on 2026-03-23")
}

func TestARefusedProofStartsCountingAgain(t *testing.T) {
	policy := rotation.DefaultPolicy()
	list := []rotation.Credential{minted("b", 0, published(noon))}
	prove := rotation.Step{Action: rotation.Prove, CredentialID: "b"}
	for range policy.Proofs - 1 {
		list = rotation.Done(noon, list, prove, rotation.Result{}, policy)
	}
	list = rotation.Done(noon, list, prove, rotation.Result{Refused: true}, policy)
	require.Zero(t, list[0].Proofs)
	for range policy.Proofs - 1 {
		list = rotation.Done(noon, list, prove, rotation.Result{}, policy)
		require.Equal(t, rotation.Published, list[0].State)
	}
	list = rotation.Done(noon, list, prove, rotation.Result{}, policy)
	require.Equal(t, rotation.Verified, list[0].State)
}

func TestPolicyReportsEverythingAtOnce(t *testing.T) {
	require.NoError(t, rotation.DefaultPolicy().Validate())
	err := rotation.Policy{Period: day, Lifetime: 2 * day, OldKeyGrace: 2 * day}.Validate()
	require.ErrorContains(t, err, "at least four periods")
	require.ErrorContains(t, err, "at least one proof")
	require.ErrorContains(t, err, "must fit into one period")
}
