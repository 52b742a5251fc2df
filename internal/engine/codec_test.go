package engine

import (
	"context"
	"crypto/sha256"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"consentry/internal/domain"
)

// source is a store of keys behind a key service, both of which can be away.
type source struct {
	mu     sync.Mutex
	newest string
	known  map[string]bool
	away   error
	asked  int
}

func newSource(ids ...string) *source {
	s := &source{known: map[string]bool{}}
	for _, id := range ids {
		s.add(id)
	}
	return s
}

func (s *source) add(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest, s.known[id] = id, true
}

func (s *source) goAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = err
}

func (s *source) NewestCodecKey(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.newest, s.away
}

func (s *source) OpenCodecKey(_ context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.away != nil {
		return nil, s.away
	}
	if !s.known[id] {
		return nil, domain.Missing("codeckey")
	}
	key := sha256.Sum256([]byte(id))
	return key[:], nil
}

// clock is the test's.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newCodec(s *source) (*Codec, *clock) {
	c := &clock{at: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	return NewCodec(NewKeyring(s, c.now), "consentry"), c
}

func (c *Codec) in(workflow string) *Codec {
	return c.WithSerializationContext(converter.WorkflowSerializationContext{Namespace: "consentry", WorkflowID: workflow}).(*Codec)
}

func seal(t *testing.T, c *Codec, value string) *commonpb.Payload {
	t.Helper()
	p, err := c.Converters().Data.ToPayload(value)
	require.NoError(t, err)
	return p
}

func unseal(c *Codec, p *commonpb.Payload) (value string, err error) {
	err = c.Converters().Data.FromPayload(p, &value)
	return value, err
}

func TestAPayloadComesBackAndShowsNothing(t *testing.T) {
	c, _ := newCodec(newSource("pk_1"))
	first, again := seal(t, c, "Contoso Ltd"), seal(t, c, "Contoso Ltd")
	require.NotEqual(t, first.Data, again.Data, "equal payloads must not be recognisable")
	require.NotContains(t, first.String(), "Contoso")
	require.Equal(t, "pk_1", string(first.Metadata["encryption-key-id"]))
	value, err := unseal(c, first)
	require.NoError(t, err)
	require.Equal(t, "Contoso Ltd", value)
}

func TestEveryChangeOfAPayloadIsNoticed(t *testing.T) {
	s := newSource("pk_1", "pk_2")
	c, _ := newCodec(s)
	good := seal(t, c.in("migration/int_1"), "secret")
	for i := range good.Data {
		bad := proto.CloneOf(good)
		bad.Data[i] ^= 1
		_, err := unseal(c, bad)
		require.ErrorIs(t, err, ErrAlteredPayload, "byte %d", i)
	}
	for n := range good.Data {
		bad := proto.CloneOf(good)
		bad.Data = bad.Data[:n]
		_, err := unseal(c, bad)
		require.ErrorIs(t, err, ErrAlteredPayload, "cut to %d bytes", n)
	}
	for name, change := range map[string]func(m map[string][]byte){
		"another key":              func(m map[string][]byte) { m[metaKeyID] = []byte("pk_1") },
		"another workflow":         func(m map[string][]byte) { m[metaWorkflow] = []byte("migration/int_2") },
		"no workflow":              func(m map[string][]byte) { delete(m, metaWorkflow) },
		"key and workflow as one":  func(m map[string][]byte) { m[metaKeyID], m[metaWorkflow] = []byte("pk_2"), nil },
		"a plain encoding on top":  func(m map[string][]byte) { m[converter.MetadataEncoding] = []byte("json/plain") },
		"no encoding":              func(m map[string][]byte) { delete(m, converter.MetadataEncoding) },
		"an encoding in old words": func(m map[string][]byte) { m[converter.MetadataEncoding] = []byte("binary/encrypted2") },
	} {
		bad := proto.CloneOf(good)
		change(bad.Metadata)
		_, err := unseal(c, bad)
		require.Error(t, err, name)
		require.True(t, errors.Is(err, ErrAlteredPayload) || errors.Is(err, ErrPlainPayload), "%s: %v", name, err)
	}
	other := NewCodec(c.keys, "another-namespace")
	_, err := unseal(other, good)
	require.ErrorIs(t, err, ErrAlteredPayload, "another namespace")
}

// A ciphertext that is moved to another workflow is refused there, though whoever
// moved it left all of it as it was.
func TestAPayloadStaysInItsWorkflow(t *testing.T) {
	c, _ := newCodec(newSource("pk_1"))
	p := seal(t, c.in("migration/int_1"), "decision")
	for where, fits := range map[string]bool{
		"migration/int_1":                      true,
		"migration/int_2":                      false,
		"migration/int_11":                     false,
		"":                                     true, // read for an operator
		"migration/int_1-2026-05-01T00:00:00Z": true, // started by the schedule of that id
		"directory-sync/int_1/migration/int_1": false,
		"migration/int_2-migration/int_1":      false,
		"certificate-rotation/cell-2026-05-01T00:00Z-": false,
	} {
		_, err := unseal(c.in(where), p)
		if fits {
			require.NoError(t, err, where)
		} else {
			require.ErrorIs(t, err, ErrAlteredPayload, where)
		}
	}
	activity := c.WithSerializationContext(converter.ActivitySerializationContext{WorkflowID: "migration/int_1", ActivityType: "ServiceApplyDecision"}).(*Codec)
	_, err := unseal(activity, p)
	require.NoError(t, err, "an activity reads what its workflow wrote")
}

// Whoever reaches Temporal without our keys must not be able to speak for us.
func TestAPlainPayloadIsRefused(t *testing.T) {
	c, _ := newCodec(newSource("pk_1"))
	p, err := converter.GetDefaultDataConverter().ToPayload("do it")
	require.NoError(t, err)
	_, err = unseal(c, p)
	require.ErrorIs(t, err, ErrPlainPayload)
	var value string
	require.ErrorIs(t, c.WorkerConverters().Data.FromPayload(p, &value), ErrPlainPayload, "a signal from outside must not stop a worker's task")
}

func TestANewKeyIsUsedWithinAMinuteAndAnotherProcessReadsIt(t *testing.T) {
	s := newSource("pk_1")
	writer, time1 := newCodec(s)
	reader, _ := newCodec(s)
	old := seal(t, writer, "old")
	_, err := unseal(reader, old)
	require.NoError(t, err)

	s.add("pk_2")
	require.Equal(t, "pk_1", string(seal(t, writer, "still").Metadata[metaKeyID]))
	time1.at = time1.at.Add(newestFor)
	fresh := seal(t, writer, "new")
	require.Equal(t, "pk_2", string(fresh.Metadata[metaKeyID]))
	value, err := unseal(reader, fresh)
	require.NoError(t, err, "no restart is needed to read with a key of another process")
	require.Equal(t, "new", value)
	_, err = unseal(writer, old)
	require.NoError(t, err, "what an older key encrypted stays readable")
}

// While keys cannot be had, what is open goes on, and the rest waits.
func TestAnOutageOfTheKeyServiceOnlyDelays(t *testing.T) {
	s := newSource("pk_1")
	c, at := newCodec(s)
	p := seal(t, c, "value")
	other, _ := newCodec(newSource("pk_9"))
	foreign := seal(t, other, "another key")

	outage := errors.New("the key service is away")
	s.goAway(outage)
	for range 3 {
		at.at = at.at.Add(newestFor)
		require.Equal(t, "pk_1", string(seal(t, c, "more").Metadata[metaKeyID]), "the open key stays in use")
		_, err := unseal(c, p)
		require.NoError(t, err)
	}
	_, err := unseal(c, foreign)
	var missing *KeyError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "pk_9", missing.KeyID)
	require.ErrorIs(t, err, outage)

	var value string
	require.Panics(t, func() { _ = c.WorkerConverters().Data.FromPayload(foreign, &value) }, "a workflow task is failed and repeated, the workflow is not")

	cold, coldTime := newCodec(s)
	require.ErrorIs(t, cold.keys.Ready(t.Context()), outage)
	asked := s.asked
	require.Error(t, cold.keys.Ready(t.Context()))
	require.Equal(t, asked, s.asked, "a source that has just failed is spared")

	s.goAway(nil)
	coldTime.at = coldTime.at.Add(failedFor)
	require.NoError(t, cold.keys.Ready(t.Context()))
	s.add("pk_9")
	at.at = at.at.Add(failedFor)
	value, err = unseal(c, foreign)
	require.NoError(t, err)
	require.Equal(t, "another key", value)
}

func TestANewerKeyThatDoesNotOpenYetIsNotUsed(t *testing.T) {
	s := newSource("pk_1")
	c, at := newCodec(s)
	seal(t, c, "value")
	s.mu.Lock()
	s.newest = "pk_2" // its row is there, but it does not open
	s.mu.Unlock()
	at.at = at.at.Add(newestFor)
	require.Equal(t, "pk_1", string(seal(t, c, "value").Metadata[metaKeyID]))
}

func TestOpenedKeysAreBounded(t *testing.T) {
	s := newSource("pk_0")
	c, at := newCodec(s)
	seal(t, c, "value")
	for i := range 3 * maxOpened {
		at.at = at.at.Add(time.Millisecond)
		id := "old_" + strconv.Itoa(i)
		s.mu.Lock()
		s.known[id] = true
		s.mu.Unlock()
		_, err := c.keys.key(t.Context(), id)
		require.NoError(t, err)
		_, err = c.keys.key(t.Context(), "unknown_"+strconv.Itoa(i))
		require.Error(t, err)
	}
	require.LessOrEqual(t, len(c.keys.opened), maxOpened)
	require.LessOrEqual(t, len(c.keys.failed), maxOpened+1)
	require.NotNil(t, c.keys.held("pk_0"), "the newest key is never forgotten")
}

func TestManyAtOnceAskOnce(t *testing.T) {
	s := newSource("pk_1")
	c, _ := newCodec(s)
	p := seal(t, c, "value")
	reader, _ := newCodec(s)
	before := s.asked
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := unseal(reader, p); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, before+1, s.asked)
}

func TestFailuresAreEncrypted(t *testing.T) {
	c, _ := newCodec(newSource("pk_1"))
	f := c.Converters().Failure.ErrorToFailure(errors.New("Contoso Ltd is not reachable"))
	require.NotContains(t, f.String(), "Contoso")
	require.ErrorContains(t, c.Converters().Failure.FailureToError(f), "Contoso Ltd is not reachable")
}

func decoded(t *testing.T, c *Codec, payloads ...*commonpb.Payload) []*commonpb.Payload {
	t.Helper()
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: payloads})
	require.NoError(t, err)
	answer, err := c.DecodeJSON(t.Context(), "consentry", body)
	require.NoError(t, err)
	var out commonpb.Payloads
	require.NoError(t, protojson.Unmarshal(answer, &out))
	return out.Payloads
}

func TestAnOperatorReadsWhatCanBeRead(t *testing.T) {
	c, _ := newCodec(newSource("pk_1"))
	plain, err := converter.GetDefaultDataConverter().ToPayload("visible anyway")
	require.NoError(t, err)
	altered := seal(t, c, "altered")
	altered.Data[20] ^= 1
	stranger, _ := newCodec(newSource("pk_lost"))
	lost := seal(t, stranger, "its key is gone")

	out := decoded(t, c, seal(t, c.in("migration/int_1"), "sealed"), plain, altered, lost)
	require.Equal(t, `"sealed"`, string(out[0].Data))
	require.Equal(t, `"visible anyway"`, string(out[1].Data))
	require.Contains(t, string(out[2].Data), "altered")
	require.Contains(t, string(out[3].Data), "pk_lost")

	for _, body := range []string{"", "no json", `{"payloads": 1}`, `{"payloads":[{"data":"%%%"}]}`} {
		_, err := c.DecodeJSON(t.Context(), "consentry", []byte(body))
		require.Equal(t, domain.Invalid, domain.KindOf(err), body)
	}
	_, err = c.DecodeJSON(t.Context(), "another", []byte(`{"payloads":[]}`))
	require.Equal(t, domain.Invalid, domain.KindOf(err))
}

func TestAnOperatorIsToldOfAnOutage(t *testing.T) {
	s := newSource("pk_1")
	c, _ := newCodec(s)
	p := seal(t, c, "sealed")
	s.goAway(errors.New("away"))
	reader, _ := newCodec(s)
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{p}})
	require.NoError(t, err)
	_, err = reader.DecodeJSON(t.Context(), "consentry", body)
	require.Equal(t, domain.Unavailable, domain.KindOf(err))
}
