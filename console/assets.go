package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"consentry/internal/domain"
)

//go:embed assets tmpl
var files embed.FS

// asset is one file as browsers get it. Its address holds a digest of its
// content, so that it may be kept for ever and a new build is never mixed with
// an old page's styles.
type asset struct {
	address     string
	contentType string
	plain, gzip []byte
}

const assetPrefix = "/assets/"

// assets holds every asset by its plain name, such as "app.css".
type assets map[string]asset

// loadAssets reads the embedded files, joins the style sheets into one in the
// order of their names, and compresses each once.
func loadAssets() (assets, error) {
	all := assets{}
	sheets, err := fs.Glob(files, "assets/css/*.css")
	if err != nil {
		return nil, err
	}
	slices.Sort(sheets)
	var css bytes.Buffer
	for _, name := range sheets {
		b, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		css.Write(b)
	}
	if err := all.add("app.css", css.Bytes()); err != nil {
		return nil, err
	}
	for _, name := range []string{"app.js", "icons.svg", "favicon.svg"} {
		b, err := files.ReadFile("assets/" + name)
		if err != nil {
			return nil, err
		}
		if err := all.add(name, b); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// contentTypes are stated here because a machine's own table may lack them.
var contentTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func (a assets) add(name string, content []byte) error {
	digest := sha256.Sum256(content)
	ext := path.Ext(name)
	kind, known := contentTypes[ext]
	if !known {
		kind = mime.TypeByExtension(ext)
	}
	packed, err := compress(content, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("compress %s: %w", name, err)
	}
	a[name] = asset{
		address:     assetPrefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(digest[:6]) + ext,
		contentType: kind, plain: content, gzip: packed,
	}
	return nil
}

func compress(content []byte, level int) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// address gives an asset's address; a name that does not exist is a mistake of
// ours that every test of a page finds.
func (a assets) address(name string) (string, error) {
	found, ok := a[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %q", name)
	}
	return found.address, nil
}

func (a assets) serve(c echo.Context) error {
	for _, one := range a {
		if one.address != c.Request().URL.Path {
			continue
		}
		h := c.Response().Header()
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(c.Request()) {
			h.Set("Content-Encoding", "gzip")
			return c.Blob(http.StatusOK, one.contentType, one.gzip)
		}
		return c.Blob(http.StatusOK, one.contentType, one.plain)
	}
	return domain.Missing("file")
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}
