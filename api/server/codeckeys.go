package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// CodecKey is what may be known of a key that payloads are encrypted with.
type CodecKey struct {
	ID        string               `json:"id" doc:"Every payload names the key it was encrypted with."`
	State     domain.CodecKeyState `json:"state" doc:"active encrypts and opens; retired opens."`
	CreatedAt domain.Instant       `json:"createdAt"`
	RetiredAt domain.Instant       `json:"retiredAt"`
}

func codecKeyOf(k domain.CodecKey) CodecKey {
	return CodecKey{ID: k.ID, State: k.State, CreatedAt: k.CreatedAt, RetiredAt: k.RetiredAt}
}

func (s *server) codecKeyRoutes(api huma.API) {
	add(s, api, op{method: http.MethodGet, path: prefix + "/codec-keys", id: "list-codec-keys", tag: "codec-keys", summary: "The keys that payloads at Temporal are encrypted with (operators)"},
		func(ctx context.Context, _ *struct{}) (*list[CodecKey], error) {
			keys, err := s.Service.CodecKeys(ctx, CallerFrom(ctx))
			return listOf(service.List[domain.CodecKey]{Items: keys, AsOf: s.Service.Now()}, codecKeyOf), err
		})
	add(s, api, op{method: http.MethodPost, path: prefix + "/codec-keys/rotations", id: "rotate-codec-key", tag: "codec-keys", summary: "Encrypt new payloads with a new key; the one before stays readable (operators)", status: http.StatusCreated},
		func(ctx context.Context, _ *struct{}) (*one[CodecKey], error) {
			k, err := s.Service.RotateCodecKey(ctx, CallerFrom(ctx))
			return &one[CodecKey]{codecKeyOf(k)}, err
		})
}
