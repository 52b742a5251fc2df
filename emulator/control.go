package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"consentry/emulator/directory"
)

// tenantView is a tenant as the control API and the index page show it.
type tenantView struct {
	Tenant
	Users       int      `json:"users"`
	Groups      int      `json:"groups"`
	Memberships int      `json:"memberships"`
	People      []Person `json:"people"`
	Grants      []Grant  `json:"grants"`
}

// applicationView is an app likewise, without its secrets.
type applicationView struct {
	AppID       string `json:"appId"`
	ObjectID    string `json:"objectId"`
	TenantID    string `json:"tenantId"`
	DisplayName string `json:"displayName"`
	MultiTenant bool   `json:"multiTenant"`
	Deleted     bool   `json:"deleted"`
	Disabled    bool   `json:"disabled"`
	Secrets     int    `json:"secrets"`
	Keys        []Key  `json:"keys"`
}

func (s *Server) tenantViews() []tenantView {
	s.mu.RLock()
	defer s.mu.RUnlock()
	views := []tenantView{}
	for _, id := range s.world.order {
		t := s.world.tenants[id]
		if t == nil {
			continue
		}
		view := tenantView{Tenant: t.Tenant, Grants: s.world.grants(t), People: []Person{}}
		view.Users, view.Groups, view.Memberships = t.directory.Counts()
		for _, p := range t.persons {
			view.People = append(view.People, *p)
		}
		views = append(views, view)
	}
	return views
}

func (s *Server) applicationViews() []applicationView {
	s.mu.RLock()
	defer s.mu.RUnlock()
	views := []applicationView{}
	for _, id := range s.world.order {
		if a := s.world.apps[id]; a != nil {
			views = append(views, applicationView{AppID: a.AppID, ObjectID: a.ObjectID, TenantID: a.TenantID, DisplayName: a.DisplayName,
				MultiTenant: a.MultiTenant, Deleted: a.deleted, Disabled: a.disabled, Secrets: len(a.Secrets), Keys: a.listKeys()})
		}
	}
	return views
}

// controlHandler is the API by which another process builds and changes the world, under /__control/.
func (s *Server) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tenants", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.tenantViews(), nil) })
	mux.HandleFunc("GET /tenants/{id}/directory", func(w http.ResponseWriter, r *http.Request) {
		s.mu.RLock()
		t := s.world.tenant(r.PathValue("id"))
		s.mu.RUnlock()
		if t == nil {
			answer(w, nil, &directory.NotFoundError{ID: r.PathValue("id")})
			return
		}
		answer(w, s.Directory(t.ID), nil)
	})
	mux.HandleFunc("GET /applications", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.applicationViews(), nil) })
	mux.HandleFunc("GET /requests", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Requests(), nil) })
	mux.HandleFunc("GET /ca.pem", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.CAPEM()) })
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Faults(), nil) })
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		answer(w, nil, nil)
	})
	mux.HandleFunc("DELETE /faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.ClearFault(r.PathValue("id"))
		answer(w, nil, nil)
	})
	mux.HandleFunc("POST /faults", posted(func(f Fault) (any, error) {
		if err := s.checkFault(&f); err != nil {
			return nil, err
		}
		return map[string]string{"id": s.SetFault(f)}, nil
	}))
	mux.HandleFunc("POST /tenants", posted(func(t Tenant) (any, error) { return nil, s.AddTenant(t) }))
	mux.HandleFunc("POST /persons", posted(func(p Person) (any, error) { return nil, s.AddPerson(p) }))
	mux.HandleFunc("POST /applications", posted(func(a Application) (any, error) { return nil, s.AddApplication(a) }))
	mux.HandleFunc("POST /applications/{id}/certificates", func(w http.ResponseWriter, r *http.Request) {
		posted(func(c struct {
			DER []byte `json:"der"`
		}) (any, error) {
			id, err := s.AddCertificate(r.PathValue("id"), c.DER)
			return map[string]string{"keyId": id}, err
		})(w, r)
	})
	mux.HandleFunc("POST /mutations", posted(s.mutateAll))
	mux.HandleFunc("POST /consents", posted(func(p principalState) (any, error) { return nil, s.GrantConsent(p.TenantID, p.AppID) }))
	mux.HandleFunc("POST /revoke", posted(func(p principalState) (any, error) {
		if p.Do == "" {
			p.Do = principalDelete
		}
		return nil, s.setPrincipal(p.TenantID, p.AppID, p.Do)
	}))
	mux.HandleFunc("POST /application-state", posted(func(a applicationState) (any, error) {
		return nil, s.setApplication(a.AppID, a.Deleted, a.Disabled)
	}))
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.clock(), nil) })
	mux.HandleFunc("POST /clock", posted(s.changeClock))
	mux.HandleFunc("GET /signing-keys", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.SigningKeys(), nil) })
	mux.HandleFunc("POST /signing-keys/roll", posted(func(r struct {
		KeepOld *Duration `json:"keepOld"`
	}) (any, error) {
		keep := s.config.KeyOverlap
		if r.KeepOld != nil {
			keep = time.Duration(*r.KeepOld)
		}
		err := s.RollSigningKey(keep)
		return s.SigningKeys(), err
	}))
	mux.HandleFunc("GET /consent-requests", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.ConsentRequests(""), nil) })
	mux.HandleFunc("POST /consent-requests/{id}", func(w http.ResponseWriter, r *http.Request) {
		posted(func(a struct {
			Do       string `json:"do"`
			Reviewer string `json:"reviewer"`
		}) (any, error) {
			return nil, s.AnswerConsentRequest(r.PathValue("id"), a.Reviewer, a.Do)
		})(w, r)
	})
	mux.HandleFunc("POST /expire-deltas", posted(func(t tenantOnly) (any, error) { return nil, s.ExpireDeltas(t.TenantID) }))
	return mux
}

// mutateAll applies one mutation or a list of them, in order, and answers with the ids they were about. It stops at the
// first that is refused; those before it stand.
func (s *Server) mutateAll(body json.RawMessage) (any, error) {
	var all []mutation
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		if err := strictly(body, &all); err != nil {
			return nil, err
		}
	} else {
		var single mutation
		if err := strictly(body, &single); err != nil {
			return nil, err
		}
		all = append(all, single)
	}
	ids := []string{}
	for at, m := range all {
		id := m.ID
		switch {
		case m.User != nil && m.User.ID == "":
			m.User.ID = newGUID()
		case m.Group != nil && m.Group.ID == "":
			m.Group.ID = newGUID()
		}
		if m.User != nil {
			id = m.User.ID
		} else if m.Group != nil {
			id = m.Group.ID
		}
		err := m.check()
		if err == nil {
			err = s.Mutate(m.TenantID, m.Mutation)
		}
		if err != nil {
			return nil, fmt.Errorf("mutation %d of %d, those before it stand: %w", at+1, len(all), err)
		}
		ids = append(ids, id)
	}
	return map[string]any{"ids": ids}, nil
}

// posted decodes a body strictly, so that a misspelled field is an error and not a silent default.
func posted[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body T
		content, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
		if err == nil {
			err = strictly(content, &body)
		}
		if err == nil {
			err = eachOnce(content)
		}
		if err != nil {
			answer(w, nil, err)
			return
		}
		result, err := do(body)
		answer(w, result, err)
	}
}

func answer(w http.ResponseWriter, body any, err error) {
	if err != nil {
		status := http.StatusBadRequest
		if _, missing := errors.AsType[*directory.NotFoundError](err); missing {
			status = http.StatusNotFound
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
		return
	}
	if body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}
