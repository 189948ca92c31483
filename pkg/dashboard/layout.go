package dashboard

import (
	"fmt"
	"hash/fnv"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// columns is the width of Grafana's grid.
const columns = 24

// A tile is a panel with its size and a key that stays when others come and go:
// Grafana's links to a panel carry a number that is made from it.
type tile struct {
	key   string
	w, h  uint32
	panel cog.Builder[sdk.Panel]
}

// A stack is tiles of one width, one above the other.
type stack []tile

// A section is rows of panels under a heading; folded, its panels ask nothing
// until it is opened.
type section struct {
	title  string // "" for the first, which needs none
	folded bool
	rows   [][]stack
}

// id makes the number of a panel from its key.
func id(key string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(key))
	return h.Sum32()%999_983 + 1
}

// layout places the sections one under the other. The SDK's own placing lets
// panels run out of the grid and leaves holes under low ones.
func layout(sections []section) ([]sdk.PanelOrRowPanel, error) {
	var out []sdk.PanelOrRowPanel
	var y uint32
	for _, s := range sections {
		var row *sdk.RowPanel
		if s.title != "" {
			row = sdk.NewRowPanel()
			row.Title, row.Collapsed, row.Id = &s.title, s.folded, id("row/"+s.title)
			row.GridPos = &sdk.GridPos{X: 0, Y: y, W: columns, H: 1}
			out = append(out, sdk.PanelOrRowPanel{RowPanel: row})
			y++
		}
		panels, below, err := place(s.rows, y)
		if err != nil {
			return nil, err
		}
		if s.folded {
			// Panels of an open row stand after it; those of a folded one, in it.
			row.Panels = panels
			continue
		}
		for i := range panels {
			out = append(out, sdk.PanelOrRowPanel{Panel: &panels[i]})
		}
		y = below
	}
	return out, nil
}

// place gives each tile its position and number, and returns the first free line.
func place(rows [][]stack, y uint32) ([]sdk.Panel, uint32, error) {
	var out []sdk.Panel
	for _, row := range rows {
		var x, height uint32
		for _, s := range row {
			at := y
			for _, t := range s {
				p, err := t.panel.Build()
				if err != nil {
					return nil, 0, fmt.Errorf("building the panel %s: %w", t.key, err)
				}
				p.Id = cog.ToPtr(id(t.key))
				p.GridPos = &sdk.GridPos{X: x, Y: at, W: t.w, H: t.h}
				out = append(out, p)
				at += t.h
			}
			x += s[0].w
			height = max(height, at-y)
		}
		y += height
	}
	return out, y, nil
}
