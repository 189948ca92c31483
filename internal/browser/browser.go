// Package browser shows pages in a real browser, for tests: it takes pictures of
// them on screens and on paper, and has axe-core look for what shuts people out.
//
// It stands outside the flow. Chromium and axe-core are got by scripts/get-browser.sh;
// where they are missing, a test that wants them is skipped and says so.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A Browser is one running Chromium with one tab.
type Browser struct {
	ctx context.Context
	axe string // source of axe-core
}

// A View is how a page is looked at.
type View struct {
	Name   string
	Width  int64 // CSS pixels
	Height int64
	Phone  bool // touch, with a phone's viewport
	Dark   bool // the reader prefers dark colours
	Paper  bool // as it would be printed
	Axe    bool // axe-core looks, too: once at each colours, and at each layout
}

// Views are a phone, a laptop, a screen on a wall, and A4.
var Views = []View{
	{Name: "phone-light", Width: 390, Height: 844, Phone: true},
	{Name: "phone-dark", Width: 390, Height: 844, Phone: true, Dark: true, Axe: true},
	{Name: "laptop-light", Width: 1280, Height: 800, Axe: true},
	{Name: "laptop-dark", Width: 1280, Height: 800, Dark: true},
	{Name: "wall-light", Width: 1920, Height: 1080},
	{Name: "wall-dark", Width: 1920, Height: 1080, Dark: true},
	{Name: "paper", Width: 794, Height: 1123, Paper: true},
	{Name: "paper-dark", Width: 794, Height: 1123, Paper: true, Dark: true},
}

// names of the program, the first that is there is taken.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

// Start starts the browser for the time of the test, or skips the test where there
// is none.
func Start(t *testing.T, root string) *Browser {
	t.Helper()
	var program string
	for _, n := range names {
		if path, err := exec.LookPath(n); err == nil {
			program = path
			break
		}
	}
	axe, err := os.ReadFile(filepath.Join(root, ".cache/axe/axe.min.js"))
	if program == "" || err != nil {
		t.Skip("there is no Chromium, or no axe-core: run `make browser`")
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), chromedp.ExecPath(program), chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU, chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.UserDataDir(t.TempDir()))
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(alloc)
	t.Cleanup(closeTab)
	b := &Browser{ctx, string(axe)}
	if _, err := call(b, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true}); err != nil { // for axe alone
		t.Fatalf("starting %s: %v", program, err)
	}
	return b
}

// call gives the browser one command of its protocol.
func call[P, R any](b *Browser, c cdp.Command[P, R], p P) (R, error) {
	return chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, p) })
}

// Open opens an address.
func (b *Browser) Open(url string) error {
	return chromedp.Do(b.ctx, chromedp.Navigate(url))
}

// Look turns the open page into what a view shows of it.
func (b *Browser) Look(v View) error {
	scheme, media := "light", "screen"
	if v.Dark {
		scheme = "dark"
	}
	if v.Paper {
		media = "print"
	}
	if _, err := call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: v.Width, Height: v.Height, DeviceScaleFactor: 1, Mobile: v.Phone}); err != nil {
		return err
	}
	_, err := call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	return err
}

// tallest is the height of a picture at most.
const tallest = 8000

// Picture is all of the page as a PNG.
func (b *Browser) Picture() ([]byte, error) {
	m, err := call(b, page.GetLayoutMetrics, cdp.Empty{})
	if err != nil {
		return nil, err
	}
	yes := true
	clip := &page.Viewport{Width: m.CSSContentSize.Width, Height: min(m.CSSContentSize.Height, tallest), Scale: 1}
	shot, err := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{Clip: clip, CaptureBeyondViewport: &yes, OptimizeForSpeed: &yes})
	return shot.Data, err
}

// Print is the page as a PDF of A4 sheets.
func (b *Browser) Print() ([]byte, error) {
	pdf, err := call(b, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69})
	return pdf.Data, err
}

// Overflow is by how many pixels the page is wider than its window, and the
// first element that sticks out of what does not scroll by itself.
func (b *Browser) Overflow() (pixels float64, element string, err error) {
	var out struct {
		Pixels  float64 `json:"pixels"`
		Element string  `json:"element"`
	}
	err = b.evaluate(`(() => {
		const w = document.documentElement.clientWidth;
		const pixels = document.documentElement.scrollWidth - w;
		if (pixels <= 0) return {pixels, element: ""};
		const scrolls = e => { for (; e; e = e.parentElement) { const o = getComputedStyle(e).overflowX; if (o === "auto" || o === "scroll" || o === "hidden" || o === "clip") return true } return false };
		const out = [...document.body.querySelectorAll("*")].find(e => e.getBoundingClientRect().right > w + 1 && !scrolls(e.parentElement));
		return {pixels, element: out ? out.outerHTML.slice(0, 200) : ""};
	})()`, &out)
	return out.Pixels, out.Element, err
}

// A Violation is a rule that a page breaks, and where.
type Violation struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Where []string `json:"where"`
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s: %q", v.ID, v.Help, v.Where) }

// Violations are what axe-core finds against WCAG 2.2 AA on the page as it is.
func (b *Browser) Violations() ([]Violation, error) {
	var loaded bool
	if err := b.evaluate(`typeof axe !== "undefined"`, &loaded); err != nil {
		return nil, err
	}
	if !loaded {
		if err := b.evaluate(b.axe+";true", &loaded); err != nil {
			return nil, fmt.Errorf("loading axe-core: %w", err)
		}
	}
	var out []Violation
	err := b.evaluate(`axe.run(document, {resultTypes: ["violations"], runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}})
		.then(r => r.violations.map(v => ({id: v.id, help: v.help, where: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + (n.any[0] ? n.any[0].message : ""))})))`, &out)
	return out, err
}

func (b *Browser) evaluate(expression string, into any) error {
	yes := true
	r, err := call(b, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, AwaitPromise: &yes, ReturnByValue: &yes})
	switch {
	case err != nil:
		return err
	case r.ExceptionDetails != nil:
		return fmt.Errorf("the page says: %s", r.ExceptionDetails.Exception.Description)
	}
	return json.Unmarshal(r.Result.Value, into)
}
