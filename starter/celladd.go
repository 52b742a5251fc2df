package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

type cellGroup struct {
	Add    cellAdd    `cmd:"" help:"Make an app registration of the vendor known; prints its first certificate and what to register."`
	Verify cellVerify `cmd:"" help:"Have a token asked for with the first certificate, after a person added it to the registration."`
	Change cellChange `cmd:"" help:"Correct what a cell was added with: its name, and before it is proven and used also which registration it is."`
	Remove cellRemove `cmd:"" help:"Forget a cell that was never proven and never used; its private keys are destroyed, and the answer is the receipt."`
	List   cellList   `cmd:"" help:"The vendor's app registrations with the certificate that signs."`
}

type cellAdd struct {
	ID           string `arg:"" help:"Id of the cell, for example cell-eu-2."`
	Name         string `required:"" help:"What operators call it."`
	Region       string `required:"" help:"Region whose new connectors it is for."`
	Cloud        string `default:"global" help:"Microsoft cloud: global, usgov, usgov-dod, china or custom."`
	ClientID     string `required:"" name:"client-id" placeholder:"GUID" help:"Application (client) id of the registration."`
	ObjectID     string `required:"" name:"object-id" placeholder:"GUID" help:"Object id of the registration (not of the enterprise application)."`
	HomeTenantID string `required:"" name:"home-tenant" placeholder:"GUID" help:"The vendor's tenant that holds it."`
	Out          string `placeholder:"FILE" help:"Write the certificate (PEM, public part only) to this file as well."`
}

func (c *cellAdd) Run(e *env) error {
	order := map[string]string{
		"id": c.ID, "name": c.Name, "region": c.Region, "cloud": c.Cloud, "clientId": c.ClientID, "applicationObjectId": c.ObjectID, "homeTenantId": c.HomeTenantID,
	}
	given := map[string]argument{
		"id": {"<id>", c.ID}, "name": {"--name", c.Name}, "region": {"--region", c.Region}, "cloud": {"--cloud", c.Cloud},
		"clientId": {"--client-id", c.ClientID}, "applicationObjectId": {"--object-id", c.ObjectID}, "homeTenantId": {"--home-tenant", c.HomeTenantID},
	}
	if _, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/cells", body: order, given: given}, nil); err != nil {
		return err
	}
	var now cell
	var doc document
	for tries := 0; ; tries++ {
		var err error
		if now, doc, err = e.cell(c.ID); err != nil {
			return err
		}
		if len(now.Certificates) > 0 {
			break
		}
		if tries == certificatePatience {
			return &failure{exit: exitWaits, code: "no-certificate-yet", sentence: "The cell is added; its first certificate is not made yet, because no worker took that on. Repeat the command to see it."}
		}
		e.out.show("the cell is added; a worker makes its first certificate …")
		if err := e.pause(); err != nil {
			return err
		}
	}
	e.out.clear()
	if now.active().ID != "" {
		return e.out.answer(doc, c.ID, func() { e.out.say("The cell %s has a certificate that works: %s.", c.ID, now.active().SHA1) })
	}
	first := now.Certificates[0]
	if c.Out != "" {
		if err := os.WriteFile(c.Out, []byte(first.PEM), 0o644); err != nil { //nolint:gosec // a certificate is public
			return usage("--out", "", unwritable(err))
		}
	}
	if err := e.out.answer(doc, c.ID, func() { e.checklist(c, now, first) }); err != nil {
		return err
	}
	return &failure{exit: exitWaits, said: true}
}

// certificatePatience is how many looks a worker gets to make the certificate.
const certificatePatience = 60

func (e *env) checklist(c *cellAdd, now cell, first certificate) {
	e.out.say("The cell %s is known. Its first certificate, to be added by a person:\n", c.ID)
	e.out.say("%s", first.PEM)
	e.out.facts("SHA-1 (the portal shows it)", first.SHA1, "SHA-256", first.Thumbprint, "Ends", first.NotAfter.String())
	e.out.say("\nIn the registration %s of tenant %s:", now.ClientID, now.HomeTenantID)
	for n, step := range registrationSteps(now.RedirectURIs) {
		e.out.say("  %2d. %s", n+1, step)
	}
	e.out.say("\nThen: consentry cell verify %s --wait", c.ID)
}

// registrationSteps is what the registration needs; docs/entra-setup.md holds
// the same list, and tells how and why. The redirect URIs are the server's word:
// it may be reached here by another address than Microsoft sends people to.
func registrationSteps(redirectURIs []string) []string {
	return []string{
		"Certificates & secrets: upload the certificate above. There is no client secret, and none is to be made.",
		"Authentication: the platform Web with the redirect URI " + strings.Join(redirectURIs, " and "),
		"Supported account types: accounts in any organizational directory (multi-tenant), no personal accounts.",
		"API permissions, Microsoft Graph, application: User.Read.All and GroupMember.Read.All. Nothing else.",
		"API permissions, Microsoft Graph, delegated: openid and profile. Grant none of them in this tenant: the cell reads customers, not us.",
		"Token configuration or manifest: groupMembershipClaims \"DirectoryRole\", so that the id token carries wids.",
		"Token configuration: the optional claim acct in the id token, so that guests are told apart.",
		"App instance property lock: enabled for all properties, so that no customer can add a credential to his copy.",
		"A service principal of the application in this tenant, without any permission: it gets the tokens with which the cell rotates its own certificates.",
	}
}

type cellVerify struct {
	Cell string `arg:"" type:"id" help:"Id of the cell."`
	Wait bool   `help:"Wait until the certificate is proven and signs; Microsoft takes minutes to spread a new one."`
}

func (c *cellVerify) Run(e *env) error {
	ask := func() error {
		_, err := e.api.call(e.ctx, request{method: http.MethodPost, path: "/cells/" + url.PathEscape(c.Cell) + "/verifications"}, nil)
		return err
	}
	before, _, err := e.cell(c.Cell)
	if err == nil {
		err = ask()
	}
	if err != nil {
		return err
	}
	for tries := 1; ; tries++ {
		if err := e.pause(); err != nil {
			return err
		}
		var now cell
		var doc document
		err := e.patiently(func() (err error) { now, doc, err = e.cell(c.Cell); return err })
		if err != nil {
			return err
		}
		if active := now.active(); active.ID != "" {
			e.out.clear()
			return e.out.answer(doc, active.ID, func() {
				e.out.say("Verified: Microsoft accepts the certificate %s, and it signs since %s.", active.SHA1, active.ActivatedAt)
			})
		}
		first := now.awaited()
		asked := !first.LastProofAt.Equal(before.awaited().LastProofAt.Time)
		if !c.Wait && tries >= verifyLooks || asked && (!c.Wait || first.refused()) {
			e.out.clear()
			if err := e.out.answer(doc, c.Cell, func() { e.out.say("%s", first.verdict()) }); err != nil {
				return err
			}
			return &failure{exit: exitWaits, said: true}
		}
		if c.Wait {
			e.out.step("%s", first.verdict())
		}
		if tries%verifyAgain == 0 { // a person may add it while we wait
			if err := e.patiently(ask); err != nil {
				return err
			}
		}
	}
}

// awaited gives the certificate that a person is to add; the zero one if none
// is made yet.
func (c cell) awaited() certificate {
	i := slices.IndexFunc(c.Certificates, func(k certificate) bool { return k.State != "retired" })
	if i < 0 {
		return certificate{}
	}
	return c.Certificates[i]
}

// refused tells an answer of Microsoft that no waiting changes.
func (k certificate) refused() bool {
	return k.Proofs == 0 && k.ProofCode != "" && k.ProofCode != "key_unknown"
}

// verdict says how far the proof of a certificate is, or what Microsoft said.
// It answers alike when it does not know a certificate yet and when another one
// was uploaded.
func (k certificate) verdict() string {
	switch {
	case k.ID == "":
		return "Not verified: no certificate is made yet, because no worker took that on."
	case k.LastProofAt.IsZero():
		return fmt.Sprintf("Not verified: no token was asked for yet with the certificate %s.", k.SHA1)
	case k.Proofs > 0:
		return fmt.Sprintf("Not verified yet: Microsoft accepts the certificate %s; %d tokens in a row so far, the last %s. --wait waits for the rest.", k.SHA1, k.Proofs, k.LastProofAt)
	case k.refused():
		return fmt.Sprintf("Not verified (asked %s): %s. Waiting does not help: compare what `cell add` was given (tenant, client id) with the registration.", k.LastProofAt, k.ProofText)
	}
	return fmt.Sprintf("Not verified: Microsoft does not know the certificate %s (asked %s). If it was added within the last minutes, wait; else look whether the portal shows exactly this thumbprint under Certificates & secrets, because another one proves nothing.", k.SHA1, k.LastProofAt)
}

// How long one look takes without --wait, and how often a waiting one asks anew.
const (
	verifyLooks = 10
	verifyAgain = 60
)

type cellList struct{}

func (c *cellList) Run(e *env) error {
	all, doc, err := listAll[cell](e, "/cells")
	if err != nil {
		return err
	}
	return e.out.answer(doc, "", func() {
		var rows [][]string
		for _, one := range all.Items {
			active := one.active()
			rows = append(rows, []string{one.ID, one.Name, one.Region, one.Cloud, or(active.SHA1, "(none signs)"), active.NotAfter.String()})
		}
		e.out.table("CELL|NAME|REGION|CLOUD|CERTIFICATE|ENDS", rows)
		e.out.say("as of %s", all.AsOf)
	})
}
