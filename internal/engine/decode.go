package engine

import (
	"context"
	"errors"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/encoding/protojson"

	"consentry/internal/domain"
)

// DecodeJSON opens payloads for a person who reads them, in the JSON of
// Temporal's codec servers. Payloads that are not encrypted pass as they are, for
// whoever asks sees them already. One that is refused says so in its own place,
// so that the rest of the page stays readable.
func (c *Codec) DecodeJSON(ctx context.Context, namespace string, body []byte) ([]byte, error) {
	var in commonpb.Payloads
	if err := protojson.Unmarshal(body, &in); err != nil {
		return nil, &domain.Error{Kind: domain.Invalid, Code: "invalid-payloads", Message: "The request does not hold payloads in Temporal's JSON form.", Err: err}
	}
	if namespace != c.namespace {
		return nil, domain.Refuse(domain.Invalid, "invalid-namespace", "Payloads of this namespace are not ours to read.")
	}
	out := commonpb.Payloads{Payloads: make([]*commonpb.Payload, len(in.GetPayloads()))}
	for i, p := range in.GetPayloads() {
		opened, err := c.open(ctx, p)
		_, missing := errors.AsType[*KeyError](err)
		switch {
		case err == nil:
			out.Payloads[i] = opened
		case errors.Is(err, ErrPlainPayload):
			out.Payloads[i] = p
		case missing && !domain.IsNotFound(err):
			return nil, &domain.Error{Kind: domain.Unavailable, Code: "keys-unavailable", Message: "The key of these payloads cannot be opened at the moment. Nothing is lost; try again in a minute.", Err: err}
		default:
			told, terr := converter.GetDefaultDataConverter().ToPayload("Consentry cannot show this payload. " + err.Error())
			if terr != nil {
				return nil, terr
			}
			out.Payloads[i] = told
		}
	}
	return protojson.Marshal(&out)
}
