package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"consentry/internal/domain"
	"consentry/internal/service"
)

// LegacySecretAsked is a new client secret of an old app. The schema has no rules
// for it, so that every refusal is the command's own sentence.
type LegacySecretAsked struct {
	Secret       string         `json:"secret" writeOnly:"true" doc:"The Value of the new client secret, not its Secret ID. It is sealed on arrival and given back by nobody."`
	SecretEndsAt domain.Instant `json:"secretEndsAt" doc:"When it expires, as the portal shows it."`
}

// LegacySecretReplaced says what became of it.
type LegacySecretReplaced struct {
	IntegrationID string         `json:"integrationId"`
	SecretEndsAt  domain.Instant `json:"secretEndsAt"`
	EnteredAt     domain.Instant `json:"secretEnteredAt" doc:"The secret of before was destroyed then."`
	Next          string         `json:"next" doc:"By what the new secret is tried; legacyApp.secretState of the integration says how that came out."`
}

func (s *server) secretRoutes(api huma.API) {
	type in struct {
		ByID
		Key  string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key answers alike and changes nothing."`
		Body LegacySecretAsked
	}
	add(s, api, op{method: http.MethodPut, path: prefix + "/integrations/{id}/legacy-secret", id: "replace-legacy-secret", tag: "integrations", summary: "Replace the client secret of the integration's old app; a synchronization tries it"},
		func(ctx context.Context, in *in) (*one[LegacySecretReplaced], error) {
			r, err := s.Service.ReplaceLegacySecret(ctx, CallerFrom(ctx), in.Key, in.ID, service.LegacySecretOrder{Secret: in.Body.Secret, EndsAt: in.Body.SecretEndsAt})
			return &one[LegacySecretReplaced]{LegacySecretReplaced{IntegrationID: r.IntegrationID, SecretEndsAt: r.EndsAt, EnteredAt: r.EnteredAt, Next: r.Next}}, err
		})
}
