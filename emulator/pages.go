package emulator

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

//go:embed pages/*.html
var pageFiles embed.FS

var pageTemplates = template.Must(template.ParseFS(pageFiles, "pages/*.html"))

// page is what a template shows. Every page works without scripts.
type page struct {
	Template    string
	Title       string
	Text        string
	Message     string
	App         string
	AppID       string
	Tenant      string
	TenantID    string
	Person      string
	Everybody   bool
	Review      bool // the answers are approve and deny
	MayAll      bool // offers to agree for everybody
	Permissions []permission
	People      []choice
	Action      string
	Hidden      []field
	World       any
}

type field struct{ Name, Value string }

type permission struct{ Words, Name string }

type choice struct {
	UPN, Name, Tenant string
	Roles             []string
	SignedIn, Hinted  bool
}

func hidden(values url.Values) []field {
	var fields []field
	for name, all := range values {
		for _, v := range all {
			fields = append(fields, field{name, v})
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// showPage writes a page. The policy names no form-action: browsers apply it to where a posted form is redirected, and
// that is the app.
func showPage(w http.ResponseWriter, status int, p page) {
	var out bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&out, p.Template, p); err != nil {
		http.Error(w, "the page cannot be shown: "+err.Error(), http.StatusInternalServerError)
		return
	}
	policy := "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
	if p.Template == "formpost" {
		policy += "; script-src 'unsafe-inline'"
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store, no-cache")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// showAuthError shows a refusal that must not be sent to any address, because the address itself is in doubt.
func showAuthError(w http.ResponseWriter, c *call, e *authError) {
	c.entry.Code = fmt.Sprintf("AADSTS%d", e.code)
	showPage(w, http.StatusBadRequest, page{Template: "message", Title: "Sorry, but we’re having trouble signing you in.", Message: e.describe(c)})
}
