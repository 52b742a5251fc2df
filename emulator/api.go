package emulator

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"consentry/emulator/directory"
)

// AddTenant adds a tenant with its generated directory. Adding the same again changes nothing.
func (s *Server) AddTenant(t Tenant) error {
	if err := firstFlaw("the tenant "+t.ID, t.flaws()); err != nil {
		return err
	}
	return s.commit(eventTenant, t)
}

// AddPerson adds somebody who can sign in, as a user of the directory too, or changes name and roles.
func (s *Server) AddPerson(p Person) error {
	if err := firstFlaw("the person "+p.UPN, p.flaws()); err != nil {
		return err
	}
	return s.commit(eventPerson, p)
}

// AddApplication registers an app, or takes over a changed registration; credentials that were added since stay.
func (s *Server) AddApplication(a Application) error {
	if err := firstFlaw("the application "+a.AppID, a.flaws()); err != nil {
		return err
	}
	return s.commit(eventApplication, a)
}

// AddCertificate adds a certificate to an app, as an administrator does in the portal, and returns its key id. One that
// is there already is left alone.
func (s *Server) AddCertificate(appID string, der []byte) (string, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return "", fmt.Errorf("the certificate cannot be read: %w", err)
	}
	s.mu.RLock()
	if a := s.world.app(appID); a != nil {
		if i := slices.IndexFunc(a.keys, func(k credential) bool { return k.cert.Equal(cert) }); i >= 0 {
			id := a.keys[i].id
			s.mu.RUnlock()
			return id, nil
		}
	}
	s.mu.RUnlock()
	added := keyAdded{AppID: appID, KeyID: newGUID(), DER: der, Name: cert.Subject.String(), Delay: s.config.KeyDelay}
	return added.KeyID, s.commit(eventKeyAdded, added)
}

// RemoveCertificate removes a key from an app, as an administrator does in the portal.
func (s *Server) RemoveCertificate(appID, keyID string) error {
	return s.commit(eventKeyRemoved, keyRemoved{AppID: appID, KeyID: keyID})
}

// Keys lists an app's certificates.
func (s *Server) Keys(appID string) []Key {
	s.mu.RLock()
	defer s.mu.RUnlock()
	a := s.world.app(appID)
	if a == nil {
		return nil
	}
	return a.listKeys()
}

func (a *application) listKeys() []Key {
	keys := []Key{}
	for i := range a.keys {
		k := &a.keys[i]
		keys = append(keys, Key{KeyID: k.id, Thumbprint: strings.ToUpper(fmt.Sprintf("%x", k.sha1())),
			NotBefore: k.cert.NotBefore.UTC(), NotAfter: k.cert.NotAfter.UTC(), VisibleAt: k.visibleAt})
	}
	return keys
}

// DeleteApplication deletes an app registration: nobody finds it any more, in any tenant.
func (s *Server) DeleteApplication(appID string) error { return s.setApplication(appID, true, false) }

// DisableApplication keeps the registration but issues no more tokens for it.
func (s *Server) DisableApplication(appID string) error { return s.setApplication(appID, false, true) }

// RestoreApplication undoes DeleteApplication and DisableApplication.
func (s *Server) RestoreApplication(appID string) error { return s.setApplication(appID, false, false) }

func (s *Server) setApplication(appID string, deleted, disabled bool) error {
	return s.commit(eventApplicationState, applicationState{AppID: appID, Deleted: deleted, Disabled: disabled})
}

// GrantConsent gives an app everything it requires in a tenant, as an administrator's consent does, with the usual
// delay.
func (s *Server) GrantConsent(tenantID, appID string) error {
	s.mu.RLock()
	t, a := s.world.tenant(tenantID), s.world.app(appID)
	var wanted permissions
	if a != nil {
		wanted = permissions{roles: a.RequiredRoles, scopes: consentScopes(a.Application)}
	}
	s.mu.RUnlock()
	switch {
	case t == nil:
		return &directory.NotFoundError{ID: tenantID}
	case a == nil:
		return &directory.NotFoundError{ID: appID}
	case !a.MultiTenant && t != a.home:
		return fmt.Errorf("the application %s is for its own tenant %s alone; the tenant %s cannot consent to it", appID, a.home.ID, t.ID)
	}
	return s.grant(t.ID, appID, wanted)
}

// RevokeConsent deletes the app's service principal in the tenant, as an administrator does who deletes the enterprise
// app.
func (s *Server) RevokeConsent(tenantID, appID string) error {
	return s.setPrincipal(tenantID, appID, principalDelete)
}

// RevokeGrants takes an app's permissions in a tenant away and leaves its service principal.
func (s *Server) RevokeGrants(tenantID, appID string) error {
	return s.setPrincipal(tenantID, appID, principalDropGrants)
}

// DisableServicePrincipal switches sign-in to the app off in one tenant.
func (s *Server) DisableServicePrincipal(tenantID, appID string) error {
	return s.setPrincipal(tenantID, appID, principalDisable)
}

// EnableServicePrincipal switches it on again.
func (s *Server) EnableServicePrincipal(tenantID, appID string) error {
	return s.setPrincipal(tenantID, appID, principalEnable)
}

// SettleConsent ends the delay of a consent at once.
func (s *Server) SettleConsent(tenantID, appID string) error {
	return s.setPrincipal(tenantID, appID, principalSettle)
}

func (s *Server) setPrincipal(tenantID, appID, do string) error {
	return s.commit(eventPrincipalState, principalState{TenantID: tenantID, AppID: appID, Do: do})
}

// Grants lists what a tenant has consented to.
func (s *Server) Grants(tenantID string) []Grant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.world.grants(s.world.tenant(tenantID))
}

func (w *world) grants(t *tenant) []Grant {
	grants := []Grant{}
	if t == nil {
		return grants
	}
	for _, id := range w.order {
		p := t.principals[id]
		if p == nil {
			continue
		}
		g := Grant{TenantID: t.ID, AppID: p.appID, ServicePrincipalID: p.objectID, Enabled: p.enabled, VisibleAt: p.granted, Scopes: p.scopes, Roles: []string{}}
		for _, role := range p.roles {
			g.Roles = append(g.Roles, graphRoles[key(role)].name)
		}
		grants = append(grants, g)
	}
	return grants
}

// Mutate changes a tenant's directory.
func (s *Server) Mutate(tenantID string, m Mutation) error {
	return s.commit(eventDirectory, mutation{TenantID: tenantID, Mutation: m})
}

// CreateUser adds a user, under a new id if it has none, and returns the id.
func (s *Server) CreateUser(tenantID string, u User) (string, error) {
	if u.ID == "" {
		u.ID = newGUID()
	}
	return u.ID, s.Mutate(tenantID, Mutation{Op: directory.OpCreateUser, User: &u})
}

// UpdateUser sets properties of a user.
func (s *Server) UpdateUser(tenantID, userID string, set Patch) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpUpdateUser, ID: userID, Set: set})
}

// DeleteUser moves a user to the recycle bin.
func (s *Server) DeleteUser(tenantID, userID string) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpDeleteUser, ID: userID})
}

// CreateGroup adds a group, under a new id if it has none, and returns the id.
func (s *Server) CreateGroup(tenantID string, g Group) (string, error) {
	if g.ID == "" {
		g.ID = newGUID()
	}
	return g.ID, s.Mutate(tenantID, Mutation{Op: directory.OpCreateGroup, Group: &g})
}

// UpdateGroup sets properties of a group.
func (s *Server) UpdateGroup(tenantID, groupID string, set Patch) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpUpdateGroup, ID: groupID, Set: set})
}

// DeleteGroup moves a group to the recycle bin.
func (s *Server) DeleteGroup(tenantID, groupID string) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpDeleteGroup, ID: groupID})
}

// Restore brings a user or group back from the recycle bin.
func (s *Server) Restore(tenantID, id string) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpRestore, ID: id})
}

// Purge deletes a user or group in the recycle bin for good.
func (s *Server) Purge(tenantID, id string) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpPurge, ID: id})
}

// AddMember puts a user or a group into a group.
func (s *Server) AddMember(tenantID, groupID, memberID string) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpAddMember, ID: groupID, MemberID: memberID})
}

// RemoveMember takes a user or a group out of a group.
func (s *Server) RemoveMember(tenantID, groupID, memberID string) error {
	return s.Mutate(tenantID, Mutation{Op: directory.OpRemoveMember, ID: groupID, MemberID: memberID})
}

// ExpireDeltas makes every delta token of a tenant issued until now worthless: its holders get 410.
func (s *Server) ExpireDeltas(tenantID string) error {
	return s.commit(eventDeltasExpired, tenantOnly{TenantID: tenantID})
}

// Directory copies a tenant's directory as it stands; it is empty for an unknown tenant.
func (s *Server) Directory(tenantID string) Dump {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.world.tenant(tenantID); t != nil {
		return t.directory.Dump()
	}
	return Dump{}
}
