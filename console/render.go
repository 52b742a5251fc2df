package console

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
)

// The pages by the name of their template file.
const (
	pageConnectors  = "connectors"
	pageConnector   = "connector"
	pageMigration   = "migration"
	pageSync        = "sync"
	pageIntegration = "integration"
	pageAccounts    = "accounts"
	pagePeople      = "people"
	pageTemporal    = "temporal"
	pageSignIn      = "signin"
	pageError       = "error"
)

// models names each page's view model: what its template is checked against.
var models = map[string]any{
	pageConnectors:  connectorsPage{},
	pageConnector:   connectorPage{},
	pageMigration:   migrationPage{},
	pageSync:        syncPage{},
	pageIntegration: integrationPage{},
	pageAccounts:    accountsPage{},
	pagePeople:      peoplePage{},
	pageTemporal:    temporalPage{},
	pageSignIn:      signInPage{},
	pageError:       errorPage{},
}

// parts are the template files that pages share or are made of.
var parts = []string{"tmpl/layout.html", "tmpl/parts.html", "tmpl/consent.html", "tmpl/reconnect.html", "tmpl/describe.html", "tmpl/prove.html", "tmpl/cutover.html", "tmpl/receipt.html", "tmpl/ways.html", "tmpl/secret.html"}

// loadTemplates parses every page with the shared parts.
func loadTemplates(a assets) (map[string]*template.Template, error) {
	base, err := template.New("layout.html").Funcs(functions(a)).ParseFS(files, parts...)
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for name := range models {
		t, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if pages[name], err = t.ParseFS(files, "tmpl/"+name+".html"); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// functions are what templates may call: formats, never rules.
func functions(a assets) template.FuncMap {
	return template.FuncMap{
		"asset": a.address,
		"icon": func(name string) (template.HTML, error) {
			sprite, err := a.address("icons.svg")
			if err != nil {
				return "", err
			}
			return template.HTML(`<svg class="i" aria-hidden="true"><use href="` + sprite + "#" + template.HTMLEscapeString(name) + `"/></svg>`), nil //nolint:gosec // both parts are ours
		},
		"num":  number,
		"when": timeElement,
		"day":  dayElement,
		"rail": rail,
	}
}

// number writes a count with a comma between thousands.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// timeElement writes an instant in UTC with the zone named. The zero time is
// "never".
func timeElement(t time.Time) template.HTML { return timeHTML(t, "2 Jan 2006, 15:04 UTC") }

// dayElement writes the day of an instant, in UTC.
func dayElement(t time.Time) template.HTML { return timeHTML(t, "2 January 2006") }

func timeHTML(t time.Time, layout string) template.HTML {
	if t.IsZero() {
		return "never"
	}
	t = t.UTC()
	return template.HTML(`<time class="nowrap" datetime="` + t.Format(time.RFC3339) + `">` + t.Format(layout) + `</time>`) //nolint:gosec // digits and months
}

// rail draws the steps of a migration as a row of dots: at is the present one,
// stuck paints it as a problem. It says nothing that the text beside it does not.
func rail(at int, stuck bool) template.HTML {
	const step, y = 18, 6
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="rail" viewBox="0 0 %d 12" aria-hidden="true"><path class="wire" d="M6 %d H%d"/>`, 12+step*(stepCount-1), y, 6+step*(stepCount-1))
	if at > 1 {
		fmt.Fprintf(&b, `<path class="past" stroke-width="2" d="M6 %d H%d"/>`, y, 6+step*(at-1))
	}
	for n := 1; n <= stepCount; n++ {
		class, radius := "next", 3.0
		switch {
		case n < at:
			class = "past"
		case n == at && stuck:
			class, radius = "stuck", 4
		case n == at:
			class, radius = "now", 4
		}
		fmt.Fprintf(&b, `<circle class="%s" cx="%d" cy="%d" r="%g"/>`, class, 6+step*(n-1), y, radius)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers and our own words
}

// render writes a page. It is made completely before its first byte is sent, so
// that a fault never leaves half a page behind.
func (p *Pages) render(c echo.Context, status int, name string, model any) error {
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "layout", model); err != nil {
		return fmt.Errorf("make the page %s: %w", name, err)
	}
	h := c.Response().Header()
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-cache")
	}
	h.Add("Vary", "Accept-Encoding")
	if !acceptsGzip(c.Request()) {
		return c.HTMLBlob(status, b.Bytes())
	}
	packed, err := compress(b.Bytes(), gzip.BestSpeed)
	if err != nil {
		return err
	}
	h.Set("Content-Encoding", "gzip")
	return c.HTMLBlob(status, packed)
}

// statusOf is the HTTP status of a refusal.
func statusOf(err error) int {
	switch domain.KindOf(err) {
	case domain.NotFound:
		return http.StatusNotFound
	case domain.Invalid, domain.Conflict:
		return http.StatusUnprocessableEntity
	case domain.Forbidden:
		return http.StatusForbidden
	case domain.Gone:
		return http.StatusGone
	case domain.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
