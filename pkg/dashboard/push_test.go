package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPush plays what Grafana's API documents as its answers.
func TestPush(t *testing.T) {
	const token = "glsa_secret"
	tests := map[string]struct {
		code     int
		header   string // Location
		body     string
		want     string // the address, or what the error says
		refused  bool
		overtake bool
	}{
		"taken":        {code: 200, body: `{"id":1,"uid":"payoff-delivery","url":"/d/payoff-delivery/payoff-delivery","status":"success","version":3}`, want: "/d/payoff-delivery/payoff-delivery"},
		"overwritten":  {code: 200, overtake: true, body: `{"uid":"payoff-delivery","url":"/grafana/d/payoff-delivery/x","status":"success"}`, want: "/grafana/d/payoff-delivery/x"},
		"wrong token":  {code: 401, body: `{"message":"Invalid API key","messageId":"api-key.invalid"}`, want: "does not know the token (it says: Invalid API key)", refused: true},
		"viewer":       {code: 403, body: `{"message":"Access denied"}`, want: "the role Editor", refused: true},
		"changed":      {code: 412, body: `{"message":"The dashboard has been changed by someone else","status":"version-mismatch"}`, want: "push with --overwrite", refused: true},
		"plugin":       {code: 412, body: `{"message":"The dashboard belongs to plugin X.","status":"plugin-dashboard"}`, want: "belongs to a plugin", refused: true},
		"provisioned":  {code: 400, body: `{"message":"Cannot save provisioned dashboard"}`, want: "cannot be pushed", refused: true},
		"no folder":    {code: 404, body: `{"message":"folder not found"}`, want: `no folder "team"`, refused: true},
		"login page":   {code: 302, header: "/login", want: `redirect to "/login"`, refused: true},
		"other server": {code: 200, body: `<html>Welcome</html>`, want: "not as Grafana does", refused: true},
		"broken":       {code: 500, body: `{"message":"database is locked"}`, want: "database is locked", refused: true},
		"proxy":        {code: 413, body: `<html>`, want: "raise the limit", refused: true},
		"teapot":       {code: 418, body: ``, want: "418", refused: true},
	}
	d := boards(t)[0]
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != "/grafana/api/dashboards/db" || r.Header.Get("Authorization") != "Bearer "+token {
					t.Errorf("asked %s %s as %q", r.Method, r.URL, r.Header.Get("Authorization"))
				}
				var body struct {
					Dashboard json.RawMessage
					FolderUID string `json:"folderUid"`
					Overwrite bool
				}
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.FolderUID != "team" || body.Overwrite != tc.overtake {
					t.Errorf("body %+v: %v", body, err)
				}
				if _, err := Decode(body.Dashboard); err != nil {
					t.Error(err)
				}
				if tc.header != "" {
					w.Header().Set("Location", tc.header)
				}
				w.WriteHeader(tc.code)
				w.Write([]byte(tc.body))
			}))
			defer s.Close()
			g := Grafana{URL: s.URL + "/grafana", Token: token, Folder: "team", Overwrite: tc.overtake,
				Client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
			at, err := g.Push(t.Context(), d, "test")
			if !tc.refused && (err != nil || at != s.URL+tc.want) {
				t.Errorf("%q, %v; want %s", at, err, tc.want)
			}
			if tc.refused && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), token)) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestPushAddress(t *testing.T) {
	for _, bad := range []string{"", "grafana.example.com", "ftp://x", "https://", "https://me:secret@x"} {
		if _, err := (Grafana{URL: bad, Client: http.DefaultClient}).Push(t.Context(), boards(t)[1], ""); err == nil || !strings.Contains(err.Error(), "is not the address of a Grafana") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
