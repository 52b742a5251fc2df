package emulator

import (
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is what a configuration file says: how the emulator behaves and the world it starts with. YAML or JSON.
type File struct {
	HTTPS        string    `json:"https"`
	HTTP         string    `json:"http"`
	Control      string    `json:"control"`
	Hosts        []string  `json:"hosts"`
	PublicURL    string    `json:"publicUrl"`
	State        string    `json:"state"` // folder, from the file's own
	Seed         uint64    `json:"seed"`  // of directories that name none
	ConsentDelay *Duration `json:"consentDelay"`
	KeyDelay     *Duration `json:"keyDelay"`
	KeyOverlap   Duration  `json:"keyOverlap"`
	PageSize     int       `json:"pageSize"`
	MemberPage   int       `json:"memberPage"`
	Replicas     []Replica `json:"replicas"`
	Choice       string    `json:"choice"`
	Switches     Switches  `json:"switches"`

	Tenants      []Tenant          `json:"tenants"`
	Persons      []Person          `json:"persons"`
	Applications []FileApplication `json:"applications"`
	Consents     []FileConsent     `json:"consents"`
	Faults       []Fault           `json:"faults"`
}

// FileApplication is an app whose certificates may stand in PEM files.
type FileApplication struct {
	Application
	CertificateFiles []string `json:"certificateFiles"`
}

// FileConsent says that a tenant consented to everything an app requires, long ago.
type FileConsent struct {
	TenantID string `json:"tenantId"`
	AppID    string `json:"appId"`
}

// ReadFile reads a configuration and refuses one that is wrong, with every *ConfigError there is in it.
func ReadFile(path string) (*File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	f, r := &File{}, &strictReader{file: path}
	if r.read(content, f); !r.unreadable {
		f.check(r, filepath.Dir(path))
	}
	if err := errors.Join(r.problems...); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) check(r *strictReader, dir string) {
	if err := (&Config{Choice: f.Choice}).check(); err != nil {
		r.wrong("choice", "%v", err)
	}
	once := r.once()
	for i, replica := range f.Replicas {
		at := fmt.Sprintf("replicas[%d]", i)
		if err := replica.check(); err != nil {
			r.wrong(at, "%v", err)
		} else {
			once(at+".name", "replica "+replica.Name)
		}
	}
	notNegative := func(field string, n int64) {
		if n < 0 {
			r.wrong(field, "is negative")
		}
	}
	notNegative("pageSize", int64(f.PageSize))
	notNegative("memberPage", int64(f.MemberPage))
	notNegative("keyOverlap", int64(f.KeyOverlap))
	for field, delay := range map[string]*Duration{"consentDelay": f.ConsentDelay, "keyDelay": f.KeyDelay} {
		if delay != nil {
			notNegative(field, int64(*delay))
		}
	}
	for i, host := range f.Hosts {
		if !isHost(host) {
			r.wrong(fmt.Sprintf("hosts[%d]", i), "%q is not the name of a host", host)
		}
	}
	if err := f.Switches.check(); err != nil {
		r.wrong("switches", "%v", err)
	}
	if u, err := url.Parse(f.PublicURL); f.PublicURL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "") {
		r.wrong("publicUrl", "%q is not an address of the form https://host[:port]", f.PublicURL)
	}
	// What could not be read may be what others refer to.
	tenantsUnread, appsUnread := r.broken("tenants"), r.broken("applications")
	tenants, apps := map[string]string{}, map[string]*FileApplication{} // by id, and of tenants by domain
	for i, t := range f.Tenants {
		at := fmt.Sprintf("tenants[%d]", i)
		if r.guid(at+".id", t.ID) {
			once(at+".id", "tenant "+key(t.ID))
		}
		if t.Domain == "" {
			r.wrong(at+".domain", "is missing")
		} else {
			once(at+".domain", "domain "+key(t.Domain))
		}
		for _, flaw := range t.flaws() {
			r.wrong(at+"."+flaw.field, "%s", flaw.text)
		}
		if s := t.Policy.Switches; s != nil {
			if err := s.check(); err != nil {
				r.wrong(at+".policy.switches", "%v", err)
			}
		}
		if g := t.Generate; g != nil {
			for _, flaw := range g.flaws() {
				r.wrong(at+"."+flaw.field, "%s", flaw.text)
			}
		}
		tenants[key(t.ID)], tenants[key(t.Domain)] = key(t.ID), key(t.ID)
	}
	tenant := func(at, id string, needed bool) {
		if (id != "" || needed) && tenants[key(id)] == "" && !tenantsUnread {
			r.wrong(at, "no tenant here has the id or domain %q", id)
		}
	}
	app := func(at, id string) {
		if apps[key(id)] == nil && !appsUnread {
			r.wrong(at, "no application here has the id %q", id)
		}
	}
	for i, p := range f.Persons {
		at := fmt.Sprintf("persons[%d]", i)
		tenant(at+".tenantId", p.TenantID, true)
		if r.guid(at+".objectId", p.ObjectID) {
			once(at+".objectId", "object "+key(p.ObjectID))
		}
		for field, value := range map[string]string{"upn": p.UPN, "name": p.Name} {
			if value == "" {
				r.wrong(at+"."+field, "is missing")
			}
		}
		once(at+".upn", "person "+tenants[key(p.TenantID)]+" "+key(p.UPN))
		for _, flaw := range p.flaws() {
			r.wrong(at+"."+flaw.field, "%s", flaw.text)
		}
	}
	f.checkReviewers(r, tenants)
	for i := range f.Applications {
		a, at := &f.Applications[i], fmt.Sprintf("applications[%d]", i)
		tenant(at+".tenantId", a.TenantID, true)
		if r.guid(at+".appId", a.AppID) {
			once(at+".appId", "app "+key(a.AppID))
		}
		if a.ObjectID != "" && r.guid(at+".objectId", a.ObjectID) {
			once(at+".objectId", "object "+key(a.ObjectID))
		}
		for j, role := range a.RequiredRoles {
			if _, known := graphRoles[key(role)]; !known {
				r.wrong(fmt.Sprintf("%s.requiredRoles[%d]", at, j), "no app role of Microsoft Graph known here has the id %q", role)
			}
		}
		for j, name := range a.CertificateFiles {
			if !filepath.IsAbs(name) {
				name = filepath.Join(dir, name)
			}
			content, err := os.ReadFile(name)
			block, _ := pem.Decode(content)
			if err != nil || block == nil {
				r.wrong(fmt.Sprintf("%s.certificateFiles[%d]", at, j), "%q is not a file with a certificate in PEM", name)
				continue
			}
			a.Certificates = append(a.Certificates, block.Bytes)
		}
		for _, flaw := range a.flaws() {
			r.wrong(at+"."+flaw.field, "%s", flaw.text)
		}
		apps[key(a.AppID)] = a
	}
	for i, c := range f.Consents {
		at := fmt.Sprintf("consents[%d]", i)
		tenant(at+".tenantId", c.TenantID, true)
		app(at+".appId", c.AppID)
		if a := apps[key(c.AppID)]; a != nil && !a.MultiTenant && tenants[key(c.TenantID)] != tenants[key(a.TenantID)] {
			r.wrong(at+".appId", "the application is for its own tenant alone: only one that says multiTenant can be consented to elsewhere")
		}
	}
	for i, fault := range f.Faults {
		at := fmt.Sprintf("faults[%d]", i)
		tenant(at+".tenantId", fault.TenantID, false)
		if fault.AppID != "" {
			app(at+".appId", fault.AppID)
		}
		for _, flaw := range fault.flaws() {
			r.wrong(at+"."+flaw.field, "%s", flaw.text)
		}
		if fault.ID != "" {
			once(at+".id", "fault "+fault.ID)
		}
	}
	if f.State != "" && !filepath.IsAbs(f.State) {
		f.State = filepath.Join(dir, f.State)
	}
}

// checkReviewers wants people of the same tenant.
func (f *File) checkReviewers(r *strictReader, tenants map[string]string) {
	if r.broken("persons") {
		return
	}
	for i, t := range f.Tenants {
		for j, reviewer := range t.Policy.Reviewers {
			if !slices.ContainsFunc(f.Persons, func(p Person) bool { return key(p.UPN) == key(reviewer) && tenants[key(p.TenantID)] == key(t.ID) }) {
				r.wrong(fmt.Sprintf("tenants[%d].policy.reviewers[%d]", i, j), "no person of this tenant has the name %q", reviewer)
			}
		}
	}
}

func (r *strictReader) guid(field, id string) bool {
	if !isGUID(id) {
		r.wrong(field, "%q is not a GUID", id)
		return false
	}
	return true
}

// once refuses a name that stands at two places.
func (r *strictReader) once() func(field, name string) {
	seen := map[string]string{}
	return func(field, name string) {
		if first, twice := seen[name]; twice {
			r.wrong(field, "is the same as %s in line %d", first, r.lines[first])
			return
		}
		seen[name] = field
	}
}

// Populate brings a server's world to what the file says. What is there already stays.
func (f *File) Populate(s *Server) error {
	for _, t := range f.Tenants {
		if t.Generate != nil && t.Generate.Seed == 0 {
			generate := *t.Generate
			generate.Seed, t.Generate = f.Seed, &generate
		}
		if err := s.AddTenant(t); err != nil {
			return err
		}
	}
	for _, p := range f.Persons {
		if err := s.AddPerson(p); err != nil {
			return err
		}
	}
	for i := range f.Applications {
		if err := s.AddApplication(f.Applications[i].Application); err != nil {
			return err
		}
	}
	for _, c := range f.Consents {
		if s.consented(c.TenantID, c.AppID) {
			continue
		}
		if err := errors.Join(s.GrantConsent(c.TenantID, c.AppID), s.SettleConsent(c.TenantID, c.AppID)); err != nil {
			return err
		}
	}
	for _, fault := range f.Faults {
		s.SetFault(fault)
	}
	return nil
}

func (s *Server) consented(tenantID, appID string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.world.tenant(tenantID)
	return t != nil && t.principals[key(appID)] != nil
}
