package pages

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
)

var (
	//go:embed style.css
	styleCSS []byte
	//go:embed icon.svg
	iconSVG []byte
)

// Names that change with the content, so that browsers may keep it for good.
var (
	styleName = "style." + digest(styleCSS) + ".css"
	iconName  = "icon." + digest(iconSVG) + ".svg"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

func (p *pages) static(w http.ResponseWriter, r *http.Request) {
	var b []byte
	switch r.PathValue("file") {
	case styleName:
		b = styleCSS
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
	case iconName:
		b = iconSVG
		w.Header().Set("Content-Type", "image/svg+xml")
	default:
		p.fail(w, r, notFound("There is no such file."))
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	p.send(w, r, http.StatusOK, b)
}
