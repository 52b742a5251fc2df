package emulatorbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/microsoft/kiota-abstractions-go/authentication"
	kiota "github.com/microsoft/kiota-http-go"
	msgraph "github.com/microsoftgraph/msgraph-sdk-go"

	"consentry/internal/dirsync"
	"consentry/internal/entra"
)

// source lends the one secret of the bench.
type source struct{}

func (source) CellSigner(context.Context, string) (entra.SigningKey, error) {
	return entra.SigningKey{}, errors.New("the bench has no cell")
}

func (source) LegacySecret(context.Context, string) (entra.ClientSecret, error) {
	return entra.ClientSecret{ClientID: appID, Secret: secret}, nil
}

// reading compares what it takes to read users from pages of a delta query: ours (the library's pipeline, then a page
// of patches that keep null and absent apart), the library's typed models, and the plain JSON package into a struct.
// The same pages are also served, which must cost far less than reading them.
func (s *scene) reading(ctx context.Context, report func(Figure)) error {
	ours, err := s.ourReading()
	if err != nil {
		return err
	}
	typed, err := s.typedReading()
	if err != nil {
		return err
	}
	spent, err := inTurn(ctx, s.pairs, way{"serve", s.serving}, way{"our reading", ours}, way{"typed models", typed}, way{"encoding/json", s.plainReading})
	if err != nil {
		return err
	}
	serve, own, models, plain := spent[0], spent[1], spent[2], spent[3]
	report(Figure{Name: "emulator.serving_to_reading", Value: ratio(serve, own), Unit: "ratio", Target: 0.5, Op: "<=",
		Baseline: "our reading of the same pages", Note: fmt.Sprintf("processor time a user: serving %s, reading %s", each(serve, s.size.pages*pageSize), each(own, s.size.pages*pageSize))})
	report(Figure{Name: "emulator.reading_to_typed_models", Value: ratio(own, models), Unit: "ratio", Target: 0.75, Op: "<=",
		Baseline: "msgraph-sdk-go's typed models", Note: fmt.Sprintf("processor time a user: ours %s, typed models %s", each(own, s.size.pages*pageSize), each(models, s.size.pages*pageSize))})
	report(Figure{Name: "emulator.reading_to_plain_json", Value: ratio(own, plain), Unit: "ratio",
		Baseline: "encoding/json into a struct of pointers, no validation", Note: fmt.Sprintf("ours keeps null and absent apart, checks every value and writes it in one form; processor time a user: ours %s, encoding/json %s", each(own, s.size.pages*pageSize), each(plain, s.size.pages*pageSize))})
	return nil
}

func (s *scene) serving(context.Context) error {
	handler := s.server.Handler()
	for _, link := range s.links {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, s.request(link))
		if recorder.Code != http.StatusOK {
			return fmt.Errorf("a page was answered by %d", recorder.Code)
		}
	}
	return nil
}

func (s *scene) ourReading() (func(context.Context) error, error) {
	cloud := entra.Cloud{Name: "emulator", Authority: s.server.HTTPSURL(), BrowserAuthority: s.server.HTTPURL(),
		GraphURL: s.server.HTTPSURL() + "/v1.0", HTTP: &http.Client{Transport: s}}
	directory, err := entra.NewDirectory(cloud, entra.NewTokens(cloud, source{}, clock))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		for _, link := range s.links {
			body, err := directory.Page(ctx, entra.Access{TenantID: tenantID, IntegrationID: "bench"}, entra.Users, link)
			if err != nil {
				return err
			}
			page, err := dirsync.DecodePage(dirsync.Users, body)
			if err != nil {
				return err
			}
			if len(page.Objects) != pageSize {
				return fmt.Errorf("a page of %d users was read as %d", pageSize, len(page.Objects))
			}
		}
		return nil
	}, nil
}

// given is a token source of the library that asks nobody.
type given struct{ token string }

func (g given) GetAuthorizationToken(context.Context, *url.URL, map[string]any) (string, error) {
	return g.token, nil
}

func (g given) GetAllowedHostsValidator() *authentication.AllowedHostsValidator {
	return &authentication.AllowedHostsValidator{}
}

func (s *scene) typedReading() (func(context.Context) error, error) {
	adapter, err := msgraph.NewGraphRequestAdapterWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		authentication.NewBaseBearerTokenAuthenticationProvider(given{s.token}), nil, nil,
		&http.Client{Transport: kiota.NewCustomTransportWithParentTransport(s, kiota.NewUserAgentHandler())})
	if err != nil {
		return nil, err
	}
	adapter.SetBaseUrl(s.server.HTTPSURL() + "/v1.0")
	client := msgraph.NewGraphServiceClient(adapter)
	return func(ctx context.Context) error {
		for _, link := range s.links {
			page, err := client.Users().Delta().WithUrl(link).GetAsDeltaGetResponse(ctx, nil)
			if err != nil {
				return err
			}
			if len(page.GetValue()) != pageSize {
				return fmt.Errorf("a page of %d users was read as %d", pageSize, len(page.GetValue()))
			}
		}
		return nil
	}, nil
}

// user is how somebody writes it who takes the JSON package and no library.
type user struct {
	ID                    string   `json:"id"`
	AccountEnabled        *bool    `json:"accountEnabled"`
	UserType              *string  `json:"userType"`
	DisplayName           *string  `json:"displayName"`
	GivenName             *string  `json:"givenName"`
	Surname               *string  `json:"surname"`
	UserPrincipalName     *string  `json:"userPrincipalName"`
	Mail                  *string  `json:"mail"`
	MailNickname          *string  `json:"mailNickname"`
	ProxyAddresses        []string `json:"proxyAddresses"`
	OtherMails            []string `json:"otherMails"`
	JobTitle              *string  `json:"jobTitle"`
	Department            *string  `json:"department"`
	CompanyName           *string  `json:"companyName"`
	OfficeLocation        *string  `json:"officeLocation"`
	EmployeeID            *string  `json:"employeeId"`
	MobilePhone           *string  `json:"mobilePhone"`
	BusinessPhones        []string `json:"businessPhones"`
	PreferredLanguage     *string  `json:"preferredLanguage"`
	OnPremisesSyncEnabled *bool    `json:"onPremisesSyncEnabled"`
	OnPremisesImmutableID *string  `json:"onPremisesImmutableId"`
	Removed               *struct {
		Reason string `json:"reason"`
	} `json:"@removed"`
}

func (s *scene) plainReading(ctx context.Context) error {
	client := &http.Client{Transport: s}
	for _, link := range s.links {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+s.token)
		body, err := read(client.Do(r))
		if err != nil {
			return err
		}
		var page struct {
			Next  string `json:"@odata.nextLink"`
			Delta string `json:"@odata.deltaLink"`
			Value []user `json:"value"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		if len(page.Value) != pageSize {
			return fmt.Errorf("a page of %d users was read as %d", pageSize, len(page.Value))
		}
	}
	return nil
}
