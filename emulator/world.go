package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"consentry/emulator/directory"
)

// world is everything the emulator knows. It changes only by events, so that a replay of the log rebuilds it.
type world struct {
	tenants map[string]*tenant      // by lower-case id
	apps    map[string]*application // by lower-case app id
	order   []string                // tenants and apps in the order they were added, for pages
	offset  atomic.Int64            // of the clock
	rolls   []keysRolled            // of the token signing keys
	asked   []*consentRequest       // consents that people asked a reviewer for
}

type tenant struct {
	Tenant
	registered json.RawMessage
	directory  *directory.Directory
	persons    []*Person
	principals map[string]*principal        // by app id
	former     map[string][]formerPrincipal // what they were before each change, oldest first
	deltasFrom time.Time                    // delta tokens issued before are gone
}

func newWorld() *world {
	return &world{tenants: map[string]*tenant{}, apps: map[string]*application{}}
}

// Kinds of events.
const (
	eventTenant             = "tenant"
	eventPerson             = "person"
	eventApplication        = "application"
	eventApplicationState   = "application-state"
	eventKeyAdded           = "key-added"
	eventKeyRemoved         = "key-removed"
	eventConsent            = "consent"
	eventPrincipalState     = "principal-state"
	eventDirectory          = "directory"
	eventDeltasExpired      = "deltas-expired"
	eventApplicationChanged = "application-changed"
	eventClock              = "clock"
	eventKeysRolled         = "keys-rolled"
	eventConsentAsked       = "consent-asked"
	eventConsentAnswered    = "consent-answered"
)

// errNoChange is an event that says what is already so; it is not logged.
var errNoChange = errors.New("nothing to change")

// apply makes an event true or returns an error and changes nothing.
func (w *world) apply(e event) error {
	switch e.Kind {
	case eventTenant:
		return decoded(e, w.addTenant)
	case eventPerson:
		return decoded(e, w.addPerson)
	case eventApplication:
		return decoded(e, w.addApplication)
	case eventApplicationState:
		return decoded(e, w.setApplicationState)
	case eventKeyAdded:
		return decoded(e, w.addKey)
	case eventKeyRemoved:
		return decoded(e, w.removeKey)
	case eventConsent:
		return decoded(e, w.consent)
	case eventPrincipalState:
		return decoded(e, w.setPrincipalState)
	case eventDirectory:
		return decoded(e, w.mutate)
	case eventDeltasExpired:
		return decoded(e, w.expireDeltas)
	case eventApplicationChanged:
		return decoded(e, w.changeApplication)
	case eventClock:
		return decoded(e, w.moveClock)
	case eventKeysRolled:
		return decoded(e, w.rollKeys)
	case eventConsentAsked:
		return decoded(e, w.askConsent)
	case eventConsentAnswered:
		return decoded(e, w.answerConsent)
	}
	return fmt.Errorf("unknown kind of event %q", e.Kind)
}

func decoded[T any](e event, do func(event, T) error) error {
	var data T
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return fmt.Errorf("read the event %s: %w", e.Kind, err)
	}
	return do(e, data)
}

// commit makes an event true and logs it.
func (s *Server) commit(kind string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode the event %s: %w", kind, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := event{At: s.now(), Kind: kind, Data: raw}
	if err := s.world.apply(e); err != nil {
		if errors.Is(err, errNoChange) {
			return nil
		}
		return err
	}
	return s.log.append(e)
}

func key(id string) string { return strings.ToLower(id) }

func isGUID(id string) bool {
	_, err := uuid.Parse(id)
	return err == nil && len(id) == 36
}

func (w *world) addTenant(e event, t Tenant) error {
	if !isGUID(t.ID) || t.Domain == "" {
		return fmt.Errorf("a tenant needs a GUID as id and a domain, not %q and %q", t.ID, t.Domain)
	}
	if s := t.Policy.Switches; s != nil {
		if err := s.check(); err != nil {
			return fmt.Errorf("the tenant %s: %w", t.ID, err)
		}
	}
	old := w.tenants[key(t.ID)]
	if old != nil && bytes.Equal(old.registered, e.Data) {
		return errNoChange
	}
	if other := w.tenant(t.Domain); other != nil && other != old {
		return fmt.Errorf("the domain %s already belongs to the tenant %s", t.Domain, other.ID)
	}
	if old == nil {
		seed := directory.Seed{Tenant: key(t.ID), Domain: t.Domain}
		if t.Generate != nil {
			if err := firstFlaw("the tenant "+t.ID, t.Generate.flaws()); err != nil {
				return err
			}
			seed.Number, seed.Users, seed.Groups = t.Generate.Seed, t.Generate.Users, t.Generate.Groups
		}
		w.tenants[key(t.ID)] = &tenant{Tenant: t, registered: e.Data, directory: directory.New(seed), principals: map[string]*principal{}}
		w.order = append(w.order, key(t.ID))
		return nil
	}
	if before, after := generated(old.Generate), generated(t.Generate); before != after || old.Domain != t.Domain {
		return fmt.Errorf("the tenant %s was generated as %+v under %s and cannot become %+v under %s; use another id or an empty state folder",
			t.ID, before, old.Domain, after, t.Domain)
	}
	old.DisplayName, old.Policy, old.registered = t.DisplayName, t.Policy, e.Data // the rest is the same, and read without the lock
	return nil
}

func generated(g *Generate) Generate {
	if g == nil {
		return Generate{}
	}
	return *g
}

// tenant finds a tenant by id or domain.
func (w *world) tenant(name string) *tenant {
	if t := w.tenants[key(name)]; t != nil {
		return t
	}
	for _, t := range w.tenants {
		if strings.EqualFold(t.Domain, name) {
			return t
		}
	}
	return nil
}

func (w *world) mustTenant(id string) (*tenant, error) {
	if t := w.tenant(id); t != nil {
		return t, nil
	}
	return nil, &directory.NotFoundError{ID: id}
}

func (w *world) addPerson(e event, p Person) error {
	t, err := w.mustTenant(p.TenantID)
	if err != nil {
		return err
	}
	if !isGUID(p.ObjectID) || p.UPN == "" || p.Name == "" {
		return fmt.Errorf("a person needs a GUID as object id, a upn and a name")
	}
	p.TenantID = t.ID
	at := slices.IndexFunc(t.persons, func(o *Person) bool { return strings.EqualFold(o.ObjectID, p.ObjectID) })
	if at >= 0 && samePerson(*t.persons[at], p) {
		return errNoChange
	}
	if slices.ContainsFunc(t.persons, func(o *Person) bool {
		return strings.EqualFold(o.UPN, p.UPN) && !strings.EqualFold(o.ObjectID, p.ObjectID)
	}) {
		return fmt.Errorf("another person of the tenant %s has the name %s", t.ID, p.UPN)
	}
	if !t.directory.Knows(p.ObjectID) { // somebody deleted since stays deleted
		if err := t.directory.Apply(Mutation{Op: directory.OpCreateUser, User: userOf(p, e.At)}); err != nil {
			return err
		}
		t.directory.Stamp(e.At)
	}
	if at >= 0 {
		t.persons[at] = &p
	} else {
		t.persons = append(t.persons, &p)
	}
	return nil
}

func samePerson(a, b Person) bool {
	return a.UPN == b.UPN && a.Name == b.Name && a.Guest == b.Guest && slices.Equal(a.Roles, b.Roles)
}

// userOf is the directory user of somebody who signs in.
func userOf(p Person, created time.Time) *User {
	u := &User{ID: p.ObjectID, DisplayName: p.Name, UserPrincipalName: p.UPN, AccountEnabled: true, UserType: "Member",
		Mail: p.UPN, CreatedDateTime: created.UTC().Format(time.RFC3339)}
	u.MailNickname, _, _ = strings.Cut(p.UPN, "@")
	if given, family, two := strings.Cut(p.Name, " "); two {
		u.GivenName, u.Surname = given, family
	}
	if p.Guest {
		u.UserType, u.CreationType, u.ExternalUserState = "Guest", "Invitation", "Accepted"
		if outside, _, ok := strings.Cut(p.UPN, "#EXT#@"); ok {
			if at := strings.LastIndexByte(outside, '_'); at > 0 {
				u.Mail = outside[:at] + "@" + outside[at+1:]
			}
		}
	}
	u.ProxyAddresses = []string{"SMTP:" + u.Mail}
	return u
}

// person finds somebody who signs in by object id.
func (t *tenant) person(objectID string) *Person {
	for _, p := range t.persons {
		if strings.EqualFold(p.ObjectID, objectID) {
			return p
		}
	}
	return nil
}

// mutation is a directory change of one tenant.
type mutation struct {
	TenantID string `json:"tenantId"`
	Mutation
}

// check refuses names that nobody could sign in with. Events that say such a thing from before are taken.
func (m *mutation) check() error {
	name := ""
	if m.User != nil {
		name = m.User.UserPrincipalName
	}
	if set, ok := m.Set["userPrincipalName"].(string); ok {
		name = set
	}
	if name != "" && !isPrincipalName(name) {
		return fmt.Errorf("the field userPrincipalName: %q is not of the form name@domain", name)
	}
	return nil
}

func (w *world) mutate(e event, m mutation) error {
	t, err := w.mustTenant(m.TenantID)
	if err != nil {
		return err
	}
	err = t.directory.Apply(m.Mutation)
	t.directory.Stamp(e.At)
	return err
}

type tenantOnly struct {
	TenantID string `json:"tenantId"`
}

func (w *world) expireDeltas(e event, of tenantOnly) error {
	t, err := w.mustTenant(of.TenantID)
	if err != nil {
		return err
	}
	t.deltasFrom = e.At
	return nil
}
