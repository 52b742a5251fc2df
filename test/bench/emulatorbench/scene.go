package emulatorbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"time"

	"consentry/emulator"
	"consentry/internal/entra"
)

const (
	tenantID = "bbbbbbbb-0000-4000-8000-000000000002"
	appID    = "dddddddd-0000-4000-8000-000000000004"
	secret   = "a secret of the bench"

	pageSize = 200
)

// scene is an emulator with one large tenant, and the first pages of its users as they were answered.
type scene struct {
	size
	server *emulator.Server
	token  string
	links  []string
	bodies map[string][]byte // by address
}

// newScene fills an emulator and reports what a tenant takes in memory.
func newScene(ctx context.Context, n size, report func(Figure)) (*scene, error) {
	server, err := emulator.New(emulator.Config{PageSize: pageSize})
	if err != nil {
		return nil, err
	}
	if err := server.Start(); err != nil {
		return nil, errors.Join(err, server.Close(ctx))
	}
	before := heap()
	if err := server.AddTenant(emulator.Tenant{ID: tenantID, DisplayName: "Bench", Domain: "bench.example",
		Generate: &emulator.Generate{Seed: 1, Users: n.users, Groups: n.users / 50}}); err != nil {
		return nil, err
	}
	report(Figure{Name: "emulator.memory_per_100k_users", Value: (float64(heap()) - float64(before)) / (1 << 20) * 100_000 / float64(n.users), Unit: "MiB", Target: 200, Op: "<=",
		Note: fmt.Sprintf("%d users and %d groups with their memberships; a million in 2 GB", n.users, n.users/50)})
	if err := server.AddApplication(emulator.Application{AppID: appID, TenantID: tenantID, DisplayName: "Bench", Consented: true,
		RequiredRoles: []string{"df021288-bdef-4463-88db-98f22de89214", "98830695-27a2-44f7-8c18-0c3ebc9698f6"},
		Secrets:       []emulator.Secret{{Value: secret}}}); err != nil {
		return nil, err
	}
	s := &scene{size: n, server: server, bodies: map[string][]byte{}}
	if err := s.askToken(ctx, server.HTTPClient()); err != nil {
		return nil, err
	}
	return s, s.keepPages()
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one finalised
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (s *scene) tokenURL() string { return s.server.HTTPSURL() + "/" + tenantID + "/oauth2/v2.0/token" }

func (s *scene) askToken(ctx context.Context, client *http.Client) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {appID}, "client_secret": {secret}, "scope": {"https://graph.microsoft.com/.default"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.tokenURL(), strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, err := read(client.Do(r))
	if err != nil {
		return err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		return fmt.Errorf("no token was issued: %w", err)
	}
	if s.token == "" {
		s.token = answer.AccessToken
	}
	return nil
}

func read(resp *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the answer was %s", resp.Status)
	}
	return body, err
}

// request asks for a page as a client does.
func (s *scene) request(link string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, link, nil)
	r.Header.Set("Authorization", "Bearer "+s.token)
	return r
}

// keepPages reads the first pages and remembers them.
func (s *scene) keepPages() error {
	link := s.server.HTTPSURL() + "/v1.0/users/delta?$select=" + url.QueryEscape(strings.Join(entra.UserProperties, ","))
	for range s.size.pages {
		recorder := httptest.NewRecorder()
		s.server.Handler().ServeHTTP(recorder, s.request(link))
		var page struct {
			Next string `json:"@odata.nextLink"`
		}
		if err := json.Unmarshal(recorder.Body.Bytes(), &page); err != nil || page.Next == "" {
			return errors.New("a page was not answered: " + recorder.Body.String())
		}
		s.links = append(s.links, link)
		s.bodies[link] = recorder.Body.Bytes()
		link = page.Next
	}
	return nil
}

// RoundTrip answers the kept pages from memory and lets everything else through: what is measured is reading, not the
// network.
func (s *scene) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := s.bodies[r.URL.String()]
	if !ok {
		return s.server.HTTPClient().Transport.RoundTrip(r)
	}
	return &http.Response{Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json;odata.metadata=minimal;charset=utf-8"}, "Date": {r.Header.Get("Date")}},
		Body:   io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// clock is the machine's; the product takes clocks as parameters.
func clock() time.Time { return time.Now() }
