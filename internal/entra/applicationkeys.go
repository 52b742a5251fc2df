package entra

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/microsoftgraph/msgraph-sdk-go/applications"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// ApplicationKeys changes the keys of a cell's own registration. It needs no Graph permission: an app may roll its
// own keys if it proves that it holds one of them. For the same reason it cannot read them back.
type ApplicationKeys struct {
	graph *pipeline
	now   func() time.Time
}

// NewApplicationKeys makes the key changer of one cloud. The clock is that of tokens.
func NewApplicationKeys(cloud Cloud, tokens *Tokens) (*ApplicationKeys, error) {
	graph, err := newPipeline(cloud, tokens)
	if err != nil {
		return nil, err
	}
	return &ApplicationKeys{graph: graph, now: tokens.now}, nil
}

// AddKeyRequest publishes a certificate.
type AddKeyRequest struct {
	CellID              string
	HomeTenantID        string // where the registration lives; the token must come from there
	AppID               string
	ApplicationObjectID string     // of the application, not of its service principal
	Proof               SigningKey // a key that is on the registration now
	CertificateDER      []byte     // public part only
}

// RemoveKeyRequest takes a certificate off the registration.
type RemoveKeyRequest struct {
	CellID              string
	HomeTenantID        string
	AppID               string
	ApplicationObjectID string
	Proof               SigningKey // another key than the one that goes
	KeyID               string     // as AddKey returned it
}

// AddKey publishes a certificate and returns Microsoft's id of it, which is told only here. An empty id without an
// error means that the key was added and its id is lost.
func (a *ApplicationKeys) AddKey(ctx context.Context, r AddKeyRequest) (keyID string, err error) {
	proof, err := r.Proof.proofOfPossession(r.ApplicationObjectID, a.now())
	if err != nil {
		return "", err
	}
	credential := models.NewKeyCredential()
	credential.SetTypeEscaped(new("AsymmetricX509Cert"))
	credential.SetUsage(new("Verify"))
	credential.SetKey(r.CertificateDER)
	body := applications.NewItemAddKeyPostRequestBody()
	body.SetKeyCredential(credential)
	body.SetPasswordCredential(nil) // written as an explicit null, which the service insists on
	body.SetProof(&proof)

	ctx = traced(ctx)
	answer, err := applications.NewApplicationsRequestBuilderInternal(a.graph.at(), a.graph.adapter).ByApplicationId(r.ApplicationObjectID).AddKey().
		Post(callingAs(ctx, Access{TenantID: r.HomeTenantID, CellID: r.CellID}, false), body, nil)
	if err != nil {
		return "", outcome(ctx, "add a key to application "+r.AppID, err)
	}
	if answer == nil || answer.GetKeyId() == nil {
		return "", nil
	}
	return answer.GetKeyId().String(), nil
}

// RemoveKey takes a certificate off the registration. A key that is gone already is no error, so that a removal
// whose answer was lost may be repeated.
func (a *ApplicationKeys) RemoveKey(ctx context.Context, r RemoveKeyRequest) error {
	id, err := uuid.Parse(r.KeyID)
	if err != nil {
		return as(Misconfigured, "%q is not a key id", r.KeyID)
	}
	proof, err := r.Proof.proofOfPossession(r.ApplicationObjectID, a.now())
	if err != nil {
		return err
	}
	body := applications.NewItemRemoveKeyPostRequestBody()
	body.SetKeyId(&id)
	body.SetProof(&proof)
	ctx = traced(ctx)
	err = applications.NewApplicationsRequestBuilderInternal(a.graph.at(), a.graph.adapter).ByApplicationId(r.ApplicationObjectID).RemoveKey().
		Post(callingAs(ctx, Access{TenantID: r.HomeTenantID, CellID: r.CellID}, false), body, nil)
	if KindOf(err) == KeyMissing {
		return nil
	}
	return outcome(ctx, fmt.Sprintf("remove key %s of application %s", r.KeyID, r.AppID), err)
}

// isMissingKey recognises the refusal to remove a key that is not there.
func isMissingKey(request *http.Request, status int, message string) bool {
	message = strings.ToLower(message)
	return strings.HasSuffix(request.URL.Path, "/removeKey") &&
		(status == http.StatusBadRequest || status == http.StatusNotFound) &&
		strings.Contains(message, "key") && (strings.Contains(message, "not found") || strings.Contains(message, "no ") && strings.Contains(message, "found"))
}
