// Package world is the demonstration's world: a vendor with two cells and
// three customers whose directories the emulator holds. Everything follows from
// a seed, so that two machines show the same people, ids and directories.
package world

import (
	"crypto/sha256"
	"fmt"
	"time"

	"consentry/emulator"
	"consentry/internal/domain"
)

// World is who and what there is.
type World struct {
	Seed      uint64
	Home      Tenant // the vendor's own tenant: cells, console, operators
	Cells     []domain.Cell
	Console   Console
	Operator  Person
	Customers []Customer
}

// Tenant is an Entra tenant.
type Tenant struct {
	ID     string
	Name   string
	Domain string
}

// Console is the vendor's app that people sign in to the console with.
type Console struct {
	ClientID string
	Secret   string
}

// Person can sign in somewhere.
type Person struct {
	TenantID string
	ObjectID string
	UPN      string
	Name     string
}

// Customer is an account with one legacy integration.
type Customer struct {
	Account       string // our account id
	Name          string
	Region        string
	TimeZone      string
	Tenant        Tenant
	Users, Groups int
	Integration   string
	LegacyApp     LegacyApp
	Person        Person // of the console: at the vendor's identity provider
	GlobalAdmin   Person // of the customer's own tenant
	CloudAppAdmin Person
	PlainUser     Person
}

// LegacyApp is the customer's hand-made registration.
type LegacyApp struct {
	ClientID string
	Name     string
	Secret   string
	EndsAt   time.Time
	Expires  bool // its secret ends right after the first synchronization
}

// Size chooses how large the largest customer is.
type Size struct{ Users, Groups int }

// FullSize is the size the main job is shown at.
var FullSize = Size{Users: 5000, Groups: 240}

// rotation proves a new key within seconds, because the emulator spreads it
// within seconds. The schedule stays daily.
var rotation = domain.RotationPolicy{
	Proofs: 3, ProofInterval: domain.Duration(time.Second), PublishSettle: domain.Duration(10 * time.Second),
}

// New describes the world of a seed. secretsEnd is when the healthy legacy
// secrets end.
func New(seed uint64, size Size, secretsEnd time.Time) *World {
	w := &World{Seed: seed}
	w.Home = Tenant{ID: w.guid("home"), Name: "Consentry Cloud", Domain: "consentry-cloud.example"}
	for _, region := range []string{"eu", "us"} {
		w.Cells = append(w.Cells, domain.Cell{
			ID: "cell-" + region + "-1", Name: "Consentry Connector (" + region + "-1)", Cloud: "custom", Region: region,
			ClientID: w.guid("cell-app", region), ApplicationObjectID: w.guid("cell-object", region), HomeTenantID: w.Home.ID,
			Rotation: rotation,
		})
	}
	w.Console = Console{ClientID: w.guid("console-app"), Secret: w.secret("console")}
	w.Operator = w.person("Olga Berg", w.Home, "olga.berg")
	w.Customers = []Customer{
		w.customer("contoso", "Contoso Ltd", "eu", "Europe/Berlin", "Ana Ruiz", size),
		w.customer("fabrikam", "Fabrikam Manufacturing", "us", "America/Chicago", "Ben Okafor", Size{Users: 10, Groups: 3}),
		w.customer("adatum", "A. Datum Retail", "eu", "Europe/Madrid", "Carla Nunes", Size{Users: 120, Groups: 12}),
	}
	for i := range w.Customers {
		w.Customers[i].LegacyApp.EndsAt = secretsEnd
	}
	w.Customers[2].LegacyApp.Expires = true
	return w
}

func (w *World) customer(key, name, region, zone, person string, size Size) Customer {
	t := Tenant{ID: w.guid("tenant", key), Name: name, Domain: key + ".example"}
	return Customer{
		Account: key, Name: name, Region: region, TimeZone: zone, Tenant: t, Users: size.Users, Groups: size.Groups, Integration: key + "-directory",
		LegacyApp:     LegacyApp{ClientID: w.guid("legacy", key), Name: name + " Directory Sync", Secret: w.secret(key)},
		Person:        w.person(person, w.Home, key+".admin"),
		GlobalAdmin:   w.person("Greta Admin", t, "greta.admin"),
		CloudAppAdmin: w.person("Cleo Cloudapps", t, "cleo.cloudapps"),
		PlainUser:     w.person("Paul Plain", t, "paul.plain"),
	}
}

func (w *World) person(name string, t Tenant, alias string) Person {
	return Person{TenantID: t.ID, ObjectID: w.guid("person", t.ID, alias), UPN: alias + "@" + t.Domain, Name: name}
}

// Customer finds a customer by account id.
func (w *World) Customer(account string) Customer {
	for _, c := range w.Customers {
		if c.Account == account {
			return c
		}
	}
	panic("the demonstration has no customer " + account)
}

// digest makes every id and secret follow from the seed.
func (w *World) digest(parts ...string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d/%q", w.Seed, parts))
}

func (w *World) guid(parts ...string) string {
	b := w.digest(parts...)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func (w *World) secret(part string) string {
	b := w.digest("secret", part)
	return fmt.Sprintf("demo~%x", b[:16])
}

// Regions lists the regions of the customers.
func (w *World) Regions() []string { return []string{"eu", "us"} }

// Populate puts the world into an emulator. redirectBase is the console's public
// address. It may be repeated: what is there already stays.
func (w *World) Populate(em *emulator.Server, redirectBase string) error {
	if err := em.AddTenant(emulator.Tenant{ID: w.Home.ID, DisplayName: w.Home.Name, Domain: w.Home.Domain}); err != nil {
		return err
	}
	people := []Person{w.Operator}
	for _, c := range w.Customers {
		people = append(people, c.Person)
	}
	for _, p := range people {
		if err := em.AddPerson(p.in()); err != nil {
			return err
		}
	}
	if err := em.AddApplication(emulator.Application{
		AppID: w.Console.ClientID, TenantID: w.Home.ID, DisplayName: "Consentry console", ServicePrincipal: true, Consented: true,
		RedirectURIs: []string{redirectBase + "/auth/callback"}, DelegatedScopes: []string{"openid", "profile"},
		Secrets: []emulator.Secret{{Value: w.Console.Secret, NotAfter: farAway}},
	}); err != nil {
		return err
	}
	for _, cell := range w.Cells {
		if err := em.AddApplication(emulator.Application{
			AppID: cell.ClientID, ObjectID: cell.ApplicationObjectID, TenantID: w.Home.ID, DisplayName: cell.Name, MultiTenant: true, ServicePrincipal: true,
			RedirectURIs:    []string{redirectBase + "/consent/callback"},
			RequiredRoles:   []string{roleUserReadAll, roleGroupMemberReadAll},
			DelegatedScopes: []string{"openid", "profile"}, GroupMembershipClaims: "DirectoryRole", OptionalClaims: []string{"acct"},
		}); err != nil {
			return err
		}
	}
	for _, c := range w.Customers {
		if err := w.populateCustomer(em, c); err != nil {
			return fmt.Errorf("customer %s: %w", c.Account, err)
		}
	}
	return nil
}

func (w *World) populateCustomer(em *emulator.Server, c Customer) error {
	err := em.AddTenant(emulator.Tenant{
		ID: c.Tenant.ID, DisplayName: c.Tenant.Name, Domain: c.Tenant.Domain,
		Generate: &emulator.Generate{Seed: w.Seed, Users: c.Users, Groups: c.Groups},
	})
	if err != nil {
		return err
	}
	admin, cloud, plain := c.GlobalAdmin.in(), c.CloudAppAdmin.in(), c.PlainUser.in()
	admin.Roles = []string{emulator.RoleGlobalAdministrator}
	cloud.Roles = []string{emulator.RoleCloudApplicationAdministrator}
	for _, p := range []emulator.Person{admin, cloud, plain} {
		if err := em.AddPerson(p); err != nil {
			return err
		}
	}
	return em.AddApplication(c.legacy(c.LegacyApp.EndsAt))
}

// ExpireSecret ends a customer's legacy secret, as time would.
func (w *World) ExpireSecret(em *emulator.Server, c Customer, at time.Time) error {
	return em.AddApplication(c.legacy(at))
}

func (c Customer) legacy(secretEnds time.Time) emulator.Application {
	return emulator.Application{
		AppID: c.LegacyApp.ClientID, TenantID: c.Tenant.ID, DisplayName: c.LegacyApp.Name, ServicePrincipal: true, Consented: true,
		RequiredRoles: []string{roleUserReadAll, roleGroupMemberReadAll},
		Secrets:       []emulator.Secret{{Value: c.LegacyApp.Secret, NotAfter: secretEnds}},
	}
}

func (p Person) in() emulator.Person {
	return emulator.Person{TenantID: p.TenantID, ObjectID: p.ObjectID, UPN: p.UPN, Name: p.Name}
}

// Microsoft Graph's ids of the two application permissions of permission set 1.
const (
	roleUserReadAll        = "df021288-bdef-4463-88db-98f22de89214"
	roleGroupMemberReadAll = "98830695-27a2-44f7-8c18-0c3ebc9698f6"
)

var farAway = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
