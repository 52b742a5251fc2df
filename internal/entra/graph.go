package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	"github.com/microsoft/kiota-abstractions-go/serialization"
	"github.com/microsoft/kiota-abstractions-go/store"
	kiota "github.com/microsoft/kiota-http-go"
	json "github.com/microsoft/kiota-serialization-json-go"
	msgraph "github.com/microsoftgraph/msgraph-sdk-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"
)

// pipeline is the Graph SDK with its own request builders and our own transport. The SDK's default one has a
// random order of middleware for each client, compresses bodies that it then repeats uncompressed, and ends every
// request after 100 seconds, waiting times included (facts 6.4).
//
// Its builders are made one by one, not by the SDK's client of everything: libraries that this program stands on look
// methods up by name at run time, so that the linker keeps every method of every type it meets, and from that client it
// meets all of Graph, 100 MB of it. test/bench measures the programs.
type pipeline struct {
	adapter *msgraph.GraphRequestAdapter
	base    string
}

func newPipeline(cloud Cloud, tokens *Tokens) (*pipeline, error) {
	if err := cloud.Validate(); err != nil {
		return nil, err
	}
	options := msgraph.GetDefaultClientOptions()
	transport := kiota.NewCustomTransportWithParentTransport(cloud.transport(),
		core.NewGraphTelemetryHandler(&options),
		kiota.NewUrlReplaceHandler(true, core.ReplacementPairs),
		kiota.NewParametersNameDecodingHandler(),
		kiota.NewUserAgentHandler(),
		shortWaits{},
	)
	adapter, err := msgraph.NewGraphRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		authentication.NewBaseBearerTokenAuthenticationProvider(bearer{tokens: tokens, origin: origin(cloud.GraphURL)}),
		nil, nil, &http.Client{Transport: transport, CheckRedirect: noRedirects})
	if err != nil {
		return nil, fmt.Errorf("prepare the Graph client: %w", err)
	}
	adapter.SetBaseUrl(cloud.graphURL())
	abstractions.RegisterDefaultSerializer(func() serialization.SerializationWriterFactory { return json.NewJsonSerializationWriterFactory() })
	abstractions.RegisterDefaultDeserializer(func() serialization.ParseNodeFactory { return json.NewJsonParseNodeFactory() })
	adapter.EnableBackingStore(store.BackingStoreFactoryInstance) // what was set to nil is written as null
	return &pipeline{adapter: adapter, base: cloud.graphURL()}, nil
}

// at is where the SDK's builders begin, as its client of everything tells them.
func (p *pipeline) at() map[string]string { return map[string]string{"baseurl": p.base} }

// get sends a request that one of the SDK's builders made and returns the body as it came: the SDK's models take
// thirty times the memory and cannot tell null from absent (facts 10.7, 10.8).
func (p *pipeline) get(ctx context.Context, request *abstractions.RequestInformation) ([]byte, error) {
	// Directory reads are background work; whoever waits at a console goes first.
	request.Headers.TryAdd("x-ms-throttle-priority", "Low")
	answer, err := p.adapter.SendPrimitive(ctx, request, "[]byte", nil)
	if err != nil {
		return nil, err
	}
	body, ok := answer.([]byte)
	if !ok {
		return nil, as(Unexpected, "Graph answered without a body")
	}
	return body, nil
}

// follow checks that a continuation link stays with Graph. Our token would be sent to wherever it points.
func (p *pipeline) follow(link string) error {
	parsed, err := url.Parse(link)
	if err != nil || parsed.User != nil || parsed.Fragment != "" {
		return as(LinkRefused, "it is not an address that Graph would give")
	}
	if origin(link) != origin(p.base) {
		return as(LinkRefused, "it names %s", parsed.Host)
	}
	return nil
}

type callerKey struct{}

// caller travels in the context because the SDK has no other place to say whose token a request takes.
type caller struct {
	access Access
	fresh  bool
}

func callingAs(ctx context.Context, access Access, fresh bool) context.Context {
	return context.WithValue(ctx, callerKey{}, caller{access: access, fresh: fresh})
}

// bearer is the SDK's source of tokens. The SDK's own answers "" for a host it does not know and lets the request
// go out without a token; this one fails.
type bearer struct {
	tokens *Tokens
	origin string
}

func (b bearer) GetAuthorizationToken(ctx context.Context, target *url.URL, _ map[string]any) (string, error) {
	who, ok := ctx.Value(callerKey{}).(caller)
	if !ok {
		return "", as(Misconfigured, "a Graph request was made for nobody")
	}
	if origin(target.String()) != b.origin {
		return "", as(LinkRefused, "it names %s", target.Host)
	}
	if who.fresh {
		return b.tokens.FreshToken(ctx, who.access)
	}
	return b.tokens.Token(ctx, who.access)
}

func (b bearer) GetAllowedHostsValidator() *authentication.AllowedHostsValidator {
	return &authentication.AllowedHostsValidator{} // GetAuthorizationToken validates, with scheme and port
}

// shortWaits repeats a read when Microsoft asks for a short pause. A longer pause is the caller's business: a
// workflow sleeps durably, this process does not.
type shortWaits struct{}

const (
	waitBudget = 5 * time.Second
	waitTimes  = 3
)

func (shortWaits) Intercept(pipeline kiota.Pipeline, index int, request *http.Request) (*http.Response, error) {
	budget := waitBudget
	for tries := 0; ; tries++ {
		response, err := pipeline.Next(request, index)
		e, refused := errors.AsType[*Error](err)
		if !refused || request.Method != http.MethodGet || tries == waitTimes ||
			e.Kind != Throttled && e.Kind != Unavailable || e.RetryAfter <= 0 || e.RetryAfter > budget {
			return response, err
		}
		budget -= e.RetryAfter
		pause := time.NewTimer(e.RetryAfter)
		select {
		case <-request.Context().Done():
			pause.Stop()
			return nil, err
		case <-pause.C:
		}
	}
}
