// Package visitor is a person with a browser, in code: it signs in to the
// console and at Microsoft, reads the pages' forms and presses their buttons,
// and calls the API with the session it got. Demonstration and end-to-end tests
// do through it what a person would do, over HTTP and nothing else.
package visitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Visitor is one browser.
type Visitor struct {
	console string // origin of the console
	http    *http.Client
}

// New opens a browser with no cookies.
func New(console string) (*Visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &Visitor{console: strings.TrimSuffix(console, "/"), http: &http.Client{Jar: jar}}, nil
}

// Page is what the browser shows at the end of its redirects.
type Page struct {
	URL    *url.URL
	Status int
	Body   []byte
}

// SignIn signs in to the console as the person of that name at the vendor's
// identity provider.
func (v *Visitor) SignIn(ctx context.Context, login string) error {
	page, err := v.walk(ctx, v.console+"/auth/sign-in", login)
	if err != nil {
		return fmt.Errorf("sign in to the console as %s: %w", login, err)
	}
	if page.Status >= 400 {
		return fmt.Errorf("sign in to the console as %s: %s answered %d: %s", login, page.URL.Path, page.Status, firstLine(page.Body))
	}
	return nil
}

// Consent opens a start address of ours and does at Microsoft what an
// administrator does there: sign in, accept, sign in again. It returns the
// console's page it ends on.
func (v *Visitor) Consent(ctx context.Context, start, login string) (Page, error) {
	if strings.HasPrefix(start, "/") {
		start = v.console + start
	}
	page, err := v.walk(ctx, start, login)
	if err != nil {
		return page, fmt.Errorf("consent as %s: %w", login, err)
	}
	return page, nil
}

// Open opens a page of the console.
func (v *Visitor) Open(ctx context.Context, path string) (Page, error) {
	return v.do(ctx, http.MethodGet, v.console+path, nil, "")
}

// walk follows redirects and presses, on every page that is not the console's,
// the person's own sign-in button or else "accept".
func (v *Visitor) walk(ctx context.Context, address, login string) (Page, error) {
	page, err := v.do(ctx, http.MethodGet, address, nil, "")
	for range 12 {
		if err != nil || strings.HasPrefix(page.URL.String(), v.console+"/") {
			return page, err
		}
		form, ok := choose(page, login)
		if !ok {
			return page, fmt.Errorf("%s offers neither the sign-in of %s nor a consent (status %d): %s", page.URL.Host+page.URL.Path, login, page.Status, firstLine(page.Body))
		}
		page, err = form.submit(ctx, v, page.URL)
	}
	return page, errors.Join(err, errors.New("the sign-in goes round in circles"))
}

// API calls the console's API and decodes the answer into out (nil = dropped).
// A refusal is an *APIError.
func (v *Visitor) API(ctx context.Context, method, path string, in, out any, header ...string) (int, error) {
	var body io.Reader
	contentType := ""
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body, contentType = bytes.NewReader(b), "application/json"
	}
	page, err := v.do(ctx, method, v.console+"/api/v1"+path, body, contentType, header...)
	if err != nil {
		return 0, err
	}
	if page.Status >= 400 {
		refused := &APIError{Status: page.Status}
		if err := json.Unmarshal(page.Body, refused); err != nil {
			refused.Detail = firstLine(page.Body)
		}
		return page.Status, refused
	}
	if out == nil || len(page.Body) == 0 {
		return page.Status, nil
	}
	if err := json.Unmarshal(page.Body, out); err != nil {
		return page.Status, fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return page.Status, nil
}

// APIError is a refusal of the API (RFC 9457).
type APIError struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Error implements error.
func (e *APIError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Title, e.Detail) }

func (v *Visitor) do(ctx context.Context, method, address string, body io.Reader, contentType string, header ...string) (Page, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return Page{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.http.Do(req)
	if err != nil {
		return Page{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return Page{URL: res.Request.URL, Status: res.StatusCode, Body: b}, err
}

// form is one HTML form with the button that is pressed.
type form struct {
	method, action string
	fields         url.Values
}

func (f form) submit(ctx context.Context, v *Visitor, at *url.URL) (Page, error) {
	target, err := at.Parse(f.action)
	if err != nil {
		return Page{}, err
	}
	if strings.EqualFold(f.method, http.MethodPost) {
		return v.do(ctx, http.MethodPost, target.String(), strings.NewReader(f.fields.Encode()), "application/x-www-form-urlencoded")
	}
	target.RawQuery = f.fields.Encode()
	return v.do(ctx, http.MethodGet, target.String(), nil, "")
}

// choose finds the button to press: the person's own name, or else accept.
func choose(page Page, login string) (form, bool) {
	doc, err := html.Parse(bytes.NewReader(page.Body))
	if err != nil {
		return form{}, false
	}
	var accept form
	var found, accepts bool
	var mine form
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" {
			continue
		}
		base := form{method: attr(n, "method"), action: attr(n, "action"), fields: url.Values{}}
		var buttons []*html.Node
		for c := range n.Descendants() {
			switch {
			case c.Type != html.ElementNode:
			case c.Data == "input" && attr(c, "type") == "hidden":
				base.fields.Add(attr(c, "name"), attr(c, "value"))
			case c.Data == "button":
				buttons = append(buttons, c)
			}
		}
		for _, b := range buttons {
			pressed := base
			pressed.fields = url.Values{}
			maps.Copy(pressed.fields, base.fields)
			if name := attr(b, "name"); name != "" {
				pressed.fields.Set(name, attr(b, "value"))
			}
			if attr(b, "name") == "login" && strings.EqualFold(attr(b, "value"), login) {
				mine, found = pressed, true
			}
			if strings.EqualFold(attr(b, "value"), "accept") {
				accept, accepts = pressed, true
			}
		}
	}
	if found {
		return mine, true
	}
	return accept, accepts
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func firstLine(b []byte) string {
	s := strings.Join(strings.Fields(string(b)), " ")
	return s[:min(len(s), 300)]
}
