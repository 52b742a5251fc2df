package entra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/organization"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Collection is one of the two independent delta streams of a directory.
type Collection string

// The collections.
const (
	Users  Collection = "users"
	Groups Collection = "groups"
)

// UserProperties are read of every user. Without a selection Graph leaves out most of them.
var UserProperties = []string{
	"id", "accountEnabled", "userType", "displayName", "givenName", "surname", "userPrincipalName", "mail", "mailNickname",
	"proxyAddresses", "otherMails", "jobTitle", "department", "companyName", "officeLocation", "employeeId", "mobilePhone",
	"businessPhones", "preferredLanguage", "onPremisesSyncEnabled", "onPremisesImmutableId",
}

// GroupProperties are read of every group; members brings memberships as changes ("members@delta").
var GroupProperties = []string{
	"id", "displayName", "description", "mail", "mailEnabled", "mailNickname", "securityEnabled", "groupTypes", "visibility",
	"proxyAddresses", "onPremisesSyncEnabled", "members",
}

// Organization is the tenant as Graph names it.
type Organization struct {
	ID          string
	DisplayName string
}

// Directory reads tenants through Graph.
type Directory struct {
	graph *pipeline
}

// NewDirectory makes the reader of one cloud.
func NewDirectory(cloud Cloud, tokens *Tokens) (*Directory, error) {
	graph, err := newPipeline(cloud, tokens)
	if err != nil {
		return nil, err
	}
	return &Directory{graph: graph}, nil
}

// Organization is the tenant that the token reads. Whoever binds something to a tenant compares its id.
func (d *Directory) Organization(ctx context.Context, access Access, fresh bool) (Organization, error) {
	return d.organization(traced(ctx), access, fresh, d.read)
}

// Page is one page of a delta round as raw JSON. An empty link starts a round with all properties; any other is
// followed as it is, after its origin was checked.
func (d *Directory) Page(ctx context.Context, access Access, collection Collection, link string) ([]byte, error) {
	ctx = traced(ctx)
	doing := fmt.Sprintf("read %s of tenant %s", collection, access.TenantID)
	request, err := d.page(ctx, collection, link)
	if err != nil {
		return nil, outcome(ctx, doing, err)
	}
	body, err := d.read(ctx, access, false, request)
	return body, outcome(ctx, doing, err)
}

// Probe shows that consent has arrived everywhere it is needed: with one token issued now, the organization and
// both delta streams answer, and the organization is the tenant. What a missing consent looks like right after it
// was given is NotVisibleYet here; the code in the error says at which stage it stands.
func (d *Directory) Probe(ctx context.Context, access Access) error {
	ctx = traced(ctx)
	organization, err := d.organization(ctx, access, true, d.once)
	if err != nil {
		return spreading(err)
	}
	if !strings.EqualFold(organization.ID, access.TenantID) {
		return outcome(ctx, "probe tenant "+access.TenantID, as(TenantMismatch, "asked for %s, answered for %s", access.TenantID, organization.ID))
	}
	for _, collection := range []Collection{Users, Groups} {
		// "latest" asks for a position only: nothing of the directory is read before it may be.
		request, err := d.page(ctx, collection, fmt.Sprintf("%s/%s/delta?$deltatoken=latest&$select=id", d.graph.base, collection))
		if err != nil {
			return err
		}
		if _, err := d.once(ctx, access, false, request); err != nil {
			return spreading(outcome(ctx, fmt.Sprintf("probe %s of tenant %s", collection, access.TenantID), err))
		}
	}
	return nil
}

func spreading(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	switch e.Kind {
	case AppMissing, ConsentMissing, TokenRejected:
		early := *e
		early.Kind = NotVisibleYet
		return &early
	default:
		return err
	}
}

func (d *Directory) page(ctx context.Context, collection Collection, link string) (*abstractions.RequestInformation, error) {
	if link != "" {
		if err := d.graph.follow(link); err != nil {
			return nil, err
		}
	}
	switch collection {
	case Users:
		builder := users.NewDeltaRequestBuilderInternal(d.graph.at(), d.graph.adapter)
		if link != "" {
			return builder.WithUrl(link).ToGetRequestInformation(ctx, nil)
		}
		return builder.ToGetRequestInformation(ctx, &users.DeltaRequestBuilderGetRequestConfiguration{
			QueryParameters: &users.DeltaRequestBuilderGetQueryParameters{Select: UserProperties},
		})
	case Groups:
		builder := groups.NewDeltaRequestBuilderInternal(d.graph.at(), d.graph.adapter)
		if link != "" {
			return builder.WithUrl(link).ToGetRequestInformation(ctx, nil)
		}
		return builder.ToGetRequestInformation(ctx, &groups.DeltaRequestBuilderGetRequestConfiguration{
			QueryParameters: &groups.DeltaRequestBuilderGetQueryParameters{Select: GroupProperties},
		})
	}
	return nil, as(Misconfigured, "there is no collection %q", collection)
}

type reader func(context.Context, Access, bool, *abstractions.RequestInformation) ([]byte, error)

func (d *Directory) organization(ctx context.Context, access Access, fresh bool, read reader) (Organization, error) {
	doing := "read the organization of tenant " + access.TenantID
	request, err := organization.NewOrganizationRequestBuilderInternal(d.graph.at(), d.graph.adapter).ToGetRequestInformation(ctx, &organization.OrganizationRequestBuilderGetRequestConfiguration{
		QueryParameters: &organization.OrganizationRequestBuilderGetQueryParameters{Select: []string{"id", "displayName"}},
	})
	if err != nil {
		return Organization{}, outcome(ctx, doing, err)
	}
	body, err := read(ctx, access, fresh, request)
	if err != nil {
		return Organization{}, outcome(ctx, doing, err)
	}
	var list struct {
		Value []struct {
			ID          string `json:"id"`
			DisplayName string `json:"displayName"`
		} `json:"value"`
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Value) != 1 || list.Value[0].ID == "" {
		return Organization{}, outcome(ctx, doing, as(Unexpected, "Graph named %d organizations instead of one", len(list.Value)))
	}
	return Organization{ID: list.Value[0].ID, DisplayName: list.Value[0].DisplayName}, nil
}

// read asks once more with a fresh token when Graph denies: the cached one may have been issued before a consent
// had spread, and would be served for another hour.
func (d *Directory) read(ctx context.Context, access Access, fresh bool, request *abstractions.RequestInformation) ([]byte, error) {
	body, err := d.once(ctx, access, fresh, request)
	if kind := KindOf(err); fresh || kind != TokenRejected && kind != ConsentMissing {
		return body, err
	}
	return d.once(ctx, access, true, request)
}

func (d *Directory) once(ctx context.Context, access Access, fresh bool, request *abstractions.RequestInformation) ([]byte, error) {
	// The SDK keeps an authorization header it finds.
	request.Headers.Remove("Authorization")
	return d.graph.get(callingAs(ctx, access, fresh), request)
}
