package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// A Grafana is where dashboards are pushed to.
type Grafana struct {
	URL    string // of its start page
	Token  string // of a service account that may write dashboards
	Folder string // uid of the folder; "" for the top
	// Overwrite replaces a dashboard that was changed there since.
	Overwrite bool
	// Client sends the requests. It is to follow no redirect: one leads to a page
	// of login, and the token with it.
	Client *http.Client
}

// Push makes or replaces a dashboard and returns its address. The error says what
// Grafana refused, why and what to do.
func (g Grafana) Push(ctx context.Context, d Dashboard, message string) (string, error) {
	base, err := url.Parse(g.URL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.User != nil {
		return "", fmt.Errorf("%q is not the address of a Grafana, such as https://grafana.example.com", g.URL)
	}
	body, err := json.Marshal(map[string]any{"dashboard": d, "folderUid": g.Folder, "overwrite": g.Overwrite, "message": message})
	if err != nil {
		return "", fmt.Errorf("encoding the dashboard %s: %w", deref(d.Uid), err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath("api/dashboards/db").String(), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+g.Token)
	resp, err := g.Client.Do(req)
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w", deref(d.Uid), err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("pushing %s: reading Grafana's answer: %w", deref(d.Uid), err)
	}
	var a answer
	decoded := json.Unmarshal(raw, &a)
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("pushing %s to %s: %w", deref(d.Uid), base.Host, a.refusal(resp, g))
	}
	if decoded != nil || a.UID == "" {
		return "", fmt.Errorf("pushing %s: %s answered 200, but not as Grafana does: is the address right?", deref(d.Uid), base.Host)
	}
	at, err := base.Parse(a.URL)
	if err != nil {
		return "", fmt.Errorf("pushing %s: Grafana names the address %q: %w", deref(d.Uid), a.URL, err)
	}
	return at.String(), nil
}

// An answer is what Grafana's API says to a dashboard.
type answer struct {
	UID     string `json:"uid"`
	URL     string `json:"url"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// refusal says what an answer other than 200 means.
func (a answer) refusal(resp *http.Response, g Grafana) error {
	said := ""
	if a.Message != "" {
		said = fmt.Sprintf(" (it says: %.200s)", strings.TrimSpace(a.Message))
	}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		return fmt.Errorf("Grafana does not know the token%s: make one for a service account under Administration, and put it alone into the file", said)
	case code == http.StatusForbidden:
		return fmt.Errorf("the token may not write dashboards here%s: give its service account the role Editor, or the permission dashboards:create on the folder", said)
	case code == http.StatusNotFound:
		return fmt.Errorf("Grafana has no folder %q, or this is not its address%s", g.Folder, said)
	case code == http.StatusPreconditionFailed && a.Status == "plugin-dashboard":
		return fmt.Errorf("the dashboard belongs to a plugin or a file there%s: change it where it comes from", said)
	case code == http.StatusPreconditionFailed:
		return fmt.Errorf("Grafana has another version of it%s: look at what was changed there, then push with --overwrite", said)
	case code == http.StatusBadRequest:
		return fmt.Errorf("Grafana does not accept it%s: a dashboard that is provisioned from files cannot be pushed; remove one of the two ways", said)
	case code == http.StatusRequestEntityTooLarge:
		return errors.New("it is too large for what stands before Grafana: raise the limit of the proxy")
	case code >= 300 && code < 400:
		return fmt.Errorf("it answered with a redirect to %.100q: give the address it leads to, with https and the whole path", resp.Header.Get("Location"))
	case code >= 500:
		return fmt.Errorf("Grafana failed with %s%s: look at its log, then push again", resp.Status, said)
	default:
		return fmt.Errorf("it answered %s%s", resp.Status, said)
	}
}
