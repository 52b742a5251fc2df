package server

import (
	"bytes"
	"html/template"

	"github.com/labstack/echo/v4"
)

// Page is a small page of the browser routes: what happened and where to go on.
// The console may show it in its own layout.
type Page struct {
	Status      int
	Title       string
	Text        string
	Code        string // of a refusal, for whoever is asked about it
	Correlation string
	Links       []PageLink
}

// PageLink is one way on.
type PageLink struct{ Href, Text string }

var plain = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}} - Consentry</title>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{- if .Links}}
<ul>
{{- range .Links}}
<li><a href="{{.Href}}">{{.Text}}</a></li>
{{- end}}
</ul>
{{- end}}
{{- if .Code}}
<p>Code: <code>{{.Code}}</code></p>
{{- end}}
{{- if .Correlation}}
<p>Correlation id: <code>{{.Correlation}}</code></p>
{{- end}}
</main>
</body>
</html>
`))

// show renders the page whole before any of it is sent.
func (s *server) show(c echo.Context, p Page) error {
	// The console's layout needs the console's styles, which the Temporal UI's host
	// does not have.
	if s.ShowPage != nil && !s.door.at(c.Request()) {
		return s.ShowPage(c, p)
	}
	var b bytes.Buffer
	if err := plain.Execute(&b, p); err != nil {
		return err
	}
	return c.HTMLBlob(p.Status, b.Bytes())
}
