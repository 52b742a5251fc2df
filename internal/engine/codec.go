package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// What an encrypted payload says about itself in clear. All of it is
// authenticated with the content.
const (
	encryptedEncoding = "binary/encrypted"
	metaKeyID         = "encryption-key-id"
	metaWorkflow      = "encryption-workflow-id"
	// sealVersion leads what is authenticated, so that the format can change while old histories stay readable.
	sealVersion = "consentry-payload-1"
)

// ErrPlainPayload refuses a payload that nobody of ours has encrypted: whoever
// can write to Temporal must not be able to speak for us.
var ErrPlainPayload = errors.New("this payload is not encrypted and did not come from Consentry: it is refused, nothing was done with it")

// ErrAlteredPayload refuses a payload whose content, key or place is not the one
// it was encrypted with.
var ErrAlteredPayload = errors.New("this payload was altered, or belongs to another namespace or workflow: it is refused; restore Temporal's database from before the change")

// KeyError says that a payload's key cannot be had now. It passes: the key
// service or the database answers again, or the key's row is restored.
type KeyError struct {
	KeyID string // "" = the key for new payloads
	Err   error
}

// Error implements error.
func (e *KeyError) Error() string {
	which := "payload key " + e.KeyID
	if e.KeyID == "" {
		which = "the key for new payloads"
	}
	return which + " cannot be opened now; nothing is lost, what needs it waits and is tried again: " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *KeyError) Unwrap() error { return e.Err }

// Codec encrypts every payload that leaves for Temporal and opens what comes
// back, with AES-256-GCM and a nonce drawn for each payload. It is safe for
// concurrent use.
type Codec struct {
	keys      *Keyring
	namespace string
	// workflow is where the payload at hand belongs, as far as the SDK says so.
	workflow string
	// blocks makes a missing key a panic. Within a workflow task the SDK takes an
	// error for the workflow's own failure and ends it, while a panic fails the
	// task alone, which Temporal repeats until it succeeds.
	blocks bool
}

// NewCodec builds the codec of a namespace.
func NewCodec(keys *Keyring, namespace string) *Codec {
	return &Codec{keys: keys, namespace: namespace}
}

// WithSerializationContext implements converter.PayloadCodecWithSerializationContext.
func (c *Codec) WithSerializationContext(sc converter.SerializationContext) converter.PayloadCodec {
	bound := *c
	switch in := sc.(type) {
	case converter.WorkflowSerializationContext:
		bound.workflow = in.WorkflowID
	case converter.ActivitySerializationContext:
		bound.workflow = in.WorkflowID
	}
	return &bound
}

// Encode implements converter.PayloadCodec.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	id, aead, err := c.keys.newest(context.Background()) //nolint:forbidigo // the SDK hands no context to a codec; the keyring bounds each asking
	if err != nil {
		return nil, c.refuse(err)
	}
	sealed := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("encrypt a payload: %w", err)
		}
		sealed[i] = &commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encryptedEncoding), metaKeyID: []byte(id), metaWorkflow: []byte(c.workflow)},
			Data:     aead.Seal(nil, nil, plain, c.authenticated(id, c.workflow)), //nolint:gosec // no nonce is given because the cipher draws one for each message
		}
	}
	return sealed, nil
}

// Decode implements converter.PayloadCodec. Plain payloads are refused.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	ctx := context.Background() //nolint:forbidigo // the SDK hands no context to a codec; the keyring bounds each asking
	opened := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		var err error
		if opened[i], err = c.open(ctx, p); err != nil {
			return nil, c.refuse(err)
		}
	}
	return opened, nil
}

func (c *Codec) open(ctx context.Context, p *commonpb.Payload) (*commonpb.Payload, error) {
	if !encrypted(p) {
		return nil, ErrPlainPayload
	}
	id, workflow := string(p.GetMetadata()[metaKeyID]), string(p.GetMetadata()[metaWorkflow])
	if !c.belongs(workflow) {
		return nil, ErrAlteredPayload
	}
	aead, err := c.keys.key(ctx, id)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, p.GetData(), c.authenticated(id, workflow))
	if err != nil {
		return nil, ErrAlteredPayload
	}
	opened := &commonpb.Payload{}
	if err := proto.Unmarshal(plain, opened); err != nil {
		return nil, fmt.Errorf("read a decrypted payload: %w", err)
	}
	return opened, nil
}

// belongs reports whether what was encrypted for a workflow may be read where we
// are. Either side may not know of one: failures, and whoever reads for an
// operator. A schedule encrypts its input under its own id, and Temporal appends
// the instant to that when it starts the workflow.
func (c *Codec) belongs(workflow string) bool {
	return workflow == "" || c.workflow == "" || workflow == c.workflow || strings.HasPrefix(c.workflow, workflow+"-")
}

// authenticated is what a ciphertext is bound to beside its content. Each part
// is preceded by its length, so that no two places read alike.
func (c *Codec) authenticated(keyID, workflow string) []byte {
	var b []byte
	for _, part := range []string{sealVersion, encryptedEncoding, keyID, c.namespace, workflow} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// refuse hands an error over, or stops the workflow task for a key that may come
// back.
func (c *Codec) refuse(err error) error {
	if _, missing := errors.AsType[*KeyError](err); c.blocks && missing {
		panic(err) //nolint:forbidigo // the SDK's own way to fail a task and not the workflow, see blocks
	}
	return err
}

func encrypted(p *commonpb.Payload) bool {
	return string(p.GetMetadata()[converter.MetadataEncoding]) == encryptedEncoding
}
