package main

import (
	"net/http"
	"net/url"
	"slices"
)

type certificate struct {
	ID          string `json:"id"`
	State       string `json:"state"`
	Thumbprint  string `json:"thumbprint"`
	SHA1        string `json:"sha1"`
	PEM         string `json:"pem"`
	Proofs      int    `json:"proofs"`
	LastProofAt moment `json:"lastProofAt"`
	ProofCode   string `json:"proofCode"`
	ProofText   string `json:"proofText"`
	NotAfter    moment `json:"notAfter"`
	ActivatedAt moment `json:"activatedAt"`
}

type cell struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	Cloud        string        `json:"cloud"`
	Region       string        `json:"region"`
	ClientID     string        `json:"clientId"`
	ObjectID     string        `json:"applicationObjectId"`
	HomeTenantID string        `json:"homeTenantId"`
	RedirectURIs []string      `json:"redirectUris"`
	Certificates []certificate `json:"certificates"`
}

// active gives the certificate that signs; the zero one if none does.
func (c cell) active() certificate {
	i := slices.IndexFunc(c.Certificates, func(k certificate) bool { return k.State == "active" })
	if i < 0 {
		return certificate{}
	}
	return c.Certificates[i]
}

func (e *env) cell(id string) (c cell, doc document, err error) {
	doc, err = e.api.get(e.ctx, "/cells/"+url.PathEscape(id), &c)
	return c, doc, err
}

type rotateCommand struct {
	Cell string `arg:"" type:"id" help:"Id of the cell."`
	Wait bool   `help:"Wait until the new certificate signs."`
}

func (c *rotateCommand) Run(e *env) error {
	before, _, err := e.cell(c.Cell)
	if err != nil {
		return err
	}
	old := before.active()
	_, err = e.api.call(e.ctx, request{method: http.MethodPost, path: "/cells/" + url.PathEscape(c.Cell) + "/rotations"}, nil)
	if err != nil {
		return err
	}
	for {
		var now cell
		var doc document
		err := e.patiently(func() (err error) { now, doc, err = e.cell(c.Cell); return err })
		if err != nil {
			return err
		}
		if active := now.active(); !c.Wait || (active.ID != "" && active.ID != old.ID) {
			e.out.clear()
			return e.out.answer(doc, active.ID, func() {
				if !c.Wait {
					e.out.say("Asked for. The certificate %s signs until another is proven; `consentry rotate %s --wait` waits for that.", or(old.SHA1, "(none)"), c.Cell)
					return
				}
				e.out.say("The certificate %s signs since %s.", active.SHA1, active.ActivatedAt)
				e.out.facts("Before", old.SHA1, "SHA-256", active.Thumbprint, "Ends", active.NotAfter.String())
			})
		}
		if len(now.Certificates) > 0 {
			e.out.step("the newest certificate is %s", now.Certificates[0].State)
		}
		if err := e.pause(); err != nil {
			return err
		}
	}
}
