package emulator

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"consentry/emulator/directory"
)

// application is an app registration as it stands.
type application struct {
	Application
	registered []byte
	home       *tenant
	keys       []credential
	disabled   bool // isDisabled: no tokens anywhere
	deleted    bool
	removed    []removedKey
}

// credential is one entry of keyCredentials.
type credential struct {
	id        string
	cert      *x509.Certificate
	name      string
	visibleAt time.Time
}

func (c *credential) sha1() []byte   { sum := sha1.Sum(c.cert.Raw); return sum[:] }
func (c *credential) sha256() []byte { sum := sha256.Sum256(c.cert.Raw); return sum[:] }

func (c *credential) validAt(now time.Time) bool {
	return !now.Before(c.cert.NotBefore) && now.Before(c.cert.NotAfter)
}

// key finds a certificate of the app by its key id.
func (a *application) key(id string) *credential {
	for i := range a.keys {
		if strings.EqualFold(a.keys[i].id, id) {
			return &a.keys[i]
		}
	}
	return nil
}

// app finds an application that is not deleted, by app id.
func (w *world) app(appID string) *application {
	if a := w.apps[key(appID)]; a != nil && !a.deleted {
		return a
	}
	return nil
}

// appByObject finds an application that is not deleted, by object id.
func (w *world) appByObject(objectID string) *application {
	for _, a := range w.apps {
		if strings.EqualFold(a.ObjectID, objectID) && !a.deleted {
			return a
		}
	}
	return nil
}

func (w *world) mustApp(appID string) (*application, error) {
	if a := w.apps[key(appID)]; a != nil {
		return a, nil
	}
	return nil, &directory.NotFoundError{ID: appID}
}

// addApplication registers an app or takes over a changed registration. Credentials are only ever added: what was
// rolled since the first registration must not come back or go away because a program starts again with its old
// configuration.
func (w *world) addApplication(e event, a Application) error {
	if !isGUID(a.AppID) || (a.ObjectID != "" && !isGUID(a.ObjectID)) {
		return fmt.Errorf("an application needs GUIDs as app id and object id, not %q and %q", a.AppID, a.ObjectID)
	}
	home, err := w.mustTenant(a.TenantID)
	if err != nil {
		return fmt.Errorf("the application %s has no home tenant: %w", a.AppID, err)
	}
	old := w.apps[key(a.AppID)]
	if old != nil && bytes.Equal(old.registered, e.Data) {
		return errNoChange
	}
	if old != nil && old.home != home {
		return fmt.Errorf("the application %s is registered in the tenant %s and cannot move to %s", a.AppID, old.home.ID, home.ID)
	}
	for _, role := range a.RequiredRoles {
		if _, known := graphRoles[key(role)]; !known {
			return fmt.Errorf("the application %s requires %q, which is no app role of Microsoft Graph known here", a.AppID, role)
		}
	}
	if a.ObjectID == "" {
		a.ObjectID = derivedID("application", a.AppID)
	}
	var keys []credential
	for _, der := range a.Certificates {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("a certificate of the application %s cannot be read: %w", a.AppID, err)
		}
		keys = append(keys, credential{id: derivedID(a.ObjectID, string(der)), cert: cert, name: cert.Subject.String()})
	}
	known := func(id string) bool { return false }
	if old == nil {
		old = &application{home: home}
		w.apps[key(a.AppID)] = old
		w.order = append(w.order, key(a.AppID))
	} else {
		a.ObjectID = old.ObjectID
		earlier := old.Certificates
		for i := range keys { // what an app is registered with has spread long ago; what is added later has to
			keys[i].visibleAt = e.At
		}
		known = func(id string) bool {
			return slices.ContainsFunc(earlier, func(der []byte) bool { return derivedID(old.ObjectID, string(der)) == id })
		}
		for _, s := range old.Secrets {
			if !slices.ContainsFunc(a.Secrets, func(n Secret) bool { return n.Value == s.Value }) {
				a.Secrets = append(a.Secrets, s)
			}
		}
	}
	old.Application, old.registered = a, e.Data
	for _, k := range keys {
		if !known(k.id) {
			old.keys = append(old.keys, k)
		}
	}
	w.homePresence(old, e.At)
	return nil
}

// homePresence makes the service principal and the grants an application has in its home tenant from the start.
func (w *world) homePresence(a *application, at time.Time) {
	if !a.ServicePrincipal && !a.Consented {
		return
	}
	if a.home.principals[key(a.AppID)] != nil {
		return
	}
	p := &principal{objectID: derivedID(a.home.ID, a.AppID), appID: a.AppID, enabled: true, granted: at} // it has spread long ago
	if a.Consented {
		p.roles, p.scopes = slices.Clone(a.RequiredRoles), consentScopes(a.Application)
		p.earlier = p.roles
	}
	a.home.principals[key(a.AppID)] = p
}

// derivedID makes a GUID that is always the same for the same names.
func derivedID(names ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(strings.ToLower(strings.Join(names[:len(names)-1], "\x00"))+"\x00"+names[len(names)-1])).String()
}

type keyAdded struct {
	AppID string        `json:"appId"`
	KeyID string        `json:"keyId"`
	DER   []byte        `json:"der"`
	Name  string        `json:"name,omitempty"`
	Delay time.Duration `json:"delay"`
}

func (w *world) addKey(e event, k keyAdded) error {
	a, err := w.mustApp(k.AppID)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(k.DER)
	if err != nil {
		return fmt.Errorf("the certificate cannot be read: %w", err)
	}
	a.keys = append(a.keys, credential{id: k.KeyID, cert: cert, name: k.Name, visibleAt: e.At.Add(k.Delay)})
	return nil
}

type keyRemoved struct {
	AppID string `json:"appId"`
	KeyID string `json:"keyId"`
}

func (w *world) removeKey(e event, k keyRemoved) error {
	a, err := w.mustApp(k.AppID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(a.keys, func(c credential) bool { return strings.EqualFold(c.id, k.KeyID) })
	if at < 0 {
		return &directory.NotFoundError{ID: k.KeyID}
	}
	a.removed = append(a.removed, removedKey{credential: a.keys[at], at: e.At})
	a.keys = slices.Delete(a.keys, at, at+1)
	return nil
}

type applicationState struct {
	AppID    string `json:"appId"`
	Deleted  bool   `json:"deleted"`
	Disabled bool   `json:"disabled"`
}

// setApplicationState deletes, restores, disables or enables an app. Deleting a registration takes its service
// principal in the home tenant with it; those in other tenants stay, unusable.
func (w *world) setApplicationState(e event, s applicationState) error {
	a, err := w.mustApp(s.AppID)
	if err != nil {
		return err
	}
	a.deleted, a.disabled = s.Deleted, s.Disabled
	if a.deleted {
		delete(a.home.principals, key(a.AppID))
	} else {
		w.homePresence(a, e.At)
	}
	return nil
}
