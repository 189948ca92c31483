package engine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

// A call is one HTTP request, as curl would send it.
type call struct {
	method string // POST if there is a body, else GET
	path   string
	params url.Values
	body   string
	header map[string]string
	host   string
	user   string // basic auth; "" means payoff, "-" none
}

func (c call) do(t *testing.T, e *engine.Engine) (*http.Response, string) {
	t.Helper()
	method := c.method
	if method == "" {
		method = http.MethodGet
		if c.body != "" {
			method = http.MethodPost
		}
	}
	u := url.URL{Scheme: "http", Host: e.Addr(), Path: c.path, RawQuery: c.params.Encode()}
	req, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	switch c.user {
	case "":
		req.SetBasicAuth(engine.OwnerUser, enginetest.PayoffPassword)
	case engine.ReaderUser:
		req.SetBasicAuth(engine.ReaderUser, enginetest.ReaderPassword)
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	if c.host != "" {
		req.Host = c.host
	}
	tr := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func query(sql string, more ...string) url.Values {
	v := url.Values{"query": {sql}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

func TestHTTP(t *testing.T) {
	e := enginetest.Start(t)
	for _, test := range []struct {
		name   string
		call   call
		status int
		want   string // exactly, or a part when it starts with …
	}{
		{"ping", call{path: "/ping", user: "-"}, 200, "Ok.\n"},
		{"root", call{path: "/", user: "-"}, 200, "Ok.\n"},
		{"no such path", call{path: "/play"}, 404, "…no handle /play"},
		{"GET", call{path: "/", params: query("SELECT 1")}, 200, "1\n"},
		{"POST in the body", call{path: "/", body: "SELECT 2"}, 200, "2\n"},
		{"POST in both", call{path: "/", params: query("SELECT"), body: "3"}, 200, "3\n"},
		{"a final semicolon", call{path: "/", body: "SELECT 4;\n"}, 200, "4\n"},
		{"FORMAT", call{path: "/", body: "SELECT 1 AS a FORMAT JSONEachRow"}, 200, "{\"a\":1}\n"},
		{"default_format", call{path: "/", params: url.Values{"default_format": {"CSV"}}, body: "SELECT 'a', 1"}, 200, "\"a\",1\n"},
		{"format header", call{path: "/", header: map[string]string{"X-ClickHouse-Format": "TSKV"}, body: "SELECT 1 AS a"}, 200, "a=1\n"},
		{"a format with a header row and no rows", call{path: "/", body: "SELECT 1 AS a WHERE 0 FORMAT CSVWithNames"}, 200, "\"a\"\n"},
		{"WITH TOTALS", call{path: "/", body: "SELECT number % 2 AS k, count() FROM numbers(4) GROUP BY k WITH TOTALS ORDER BY k"}, 200, "0\t2\n1\t2\n\n0\t4\n"},
		{"extremes", call{path: "/", params: query("SELECT number FROM numbers(3)", "extremes", "1")}, 200, "0\n1\n2\n\n0\n2\n"},
		{"a later max_result_bytes wins", call{path: "/", params: query("SELECT getSetting('max_result_bytes') FORMAT JSONCompact", "max_result_bytes", "12345678")}, 200, "…12345678"},
		{"parameters", call{path: "/", params: query("SELECT {a:String}, {b:UInt8}", "param_a", "x\\ty'", "param_b", "7")}, 200, "x\\ty\\'\t7\n"},
		{"settings", call{path: "/", params: query("SELECT getSetting('max_threads')", "max_threads", "5")}, 200, "5\n"},
		{"database", call{path: "/", params: query("SELECT currentDatabase()", "database", "system")}, 200, "system\n"},
		{"database header", call{path: "/", header: map[string]string{"X-ClickHouse-Database": "system"}, params: query("SELECT currentDatabase()")}, 200, "system\n"},
		{"wait_end_of_query", call{path: "/", params: query("SELECT 1", "wait_end_of_query", "1")}, 200, "1\n"},

		{"unknown database", call{path: "/", params: query("SELECT 1", "database", "nowhere")}, 404, "…(UNKNOWN_DATABASE)"},
		{"unknown setting", call{path: "/", params: query("SELECT 1", "no_such_setting", "1")}, 404, "…(UNKNOWN_SETTING)"},
		{"unknown format", call{path: "/", params: query("SELECT 1", "default_format", "Nothing")}, 404, "…(UNKNOWN_FORMAT)"},
		{"bad value of a setting", call{path: "/", params: query("SELECT 1", "max_threads", "many")}, 400, "…CANNOT_PARSE"},
		{"strange name of a setting", call{path: "/", params: query("SELECT 1", "a=1, readonly", "0")}, 400, "…is not the name of a setting"},
		{"missing parameter", call{path: "/", params: query("SELECT {a:String}")}, 500, "…UNKNOWN_QUERY_PARAMETER"},
		{"syntax error", call{path: "/", body: "SELEC 1"}, 400, "…failed at position 1 (SELEC)"},
		{"empty", call{method: "POST", path: "/"}, 400, "…Empty query"},
		{"unknown table", call{path: "/", body: "SELECT * FROM nowhere"}, 404, "…(UNKNOWN_TABLE) (version 26.7.2.1)\n"},
		{"two statements", call{path: "/", body: "SELECT 1; SELECT 2"}, 400, "…Multi-statements are not allowed"},
		{"session", call{path: "/", params: query("SELECT 1", "session_id", "x")}, 501, "…keeps no sessions"},
		{"GET does not write", call{path: "/", params: query("CREATE TABLE x (a UInt8) ENGINE = Memory")}, 500, "…(READONLY)"},
		{"GET with readonly=0", call{path: "/", params: query("CREATE TABLE x (a UInt8) ENGINE = Memory", "readonly", "0")}, 500, "…(READONLY)"},
		{"PUT", call{method: "PUT", path: "/", body: "SELECT 1"}, 405, "…Use GET"},
		{"unsupported encoding", call{path: "/", header: map[string]string{"Content-Encoding": "br"}, body: "x"}, 501, "…Content-Encoding br"},
		{"a broken gzip body", call{path: "/", header: map[string]string{"Content-Encoding": "gzip"}, body: "SELECT 1"}, 400, "…gzip"},

		{"create", call{path: "/", body: "CREATE TABLE default.t (a UInt32, b String) ENGINE = MergeTree ORDER BY a"}, 200, ""},
		{"INSERT of values", call{path: "/", body: "INSERT INTO t VALUES (1, 'a;'), (2, 'it''s');"}, 200, ""},
		{"INSERT of CSV in the body", call{path: "/", params: query("INSERT INTO t FORMAT CSV"), body: "3,\"x,y\"\n4,z\n"}, 200, ""},
		{"INSERT of JSONEachRow with columns", call{path: "/", params: query("INSERT INTO t (b, a) FORMAT JSONEachRow"), body: `{"a":5,"b":"five"}`}, 200, ""},
		{"INSERT with statement and data in one body", call{path: "/", body: "INSERT INTO t SETTINGS async_insert = 0 FORMAT TSV\n6\tsix\n"}, 200, ""},
		{"INSERT of values in the body", call{path: "/", params: query("INSERT INTO t (a, b) VALUES"), body: "(7, 'seven')"}, 200, ""},
		{"INSERT SELECT", call{path: "/", body: "INSERT INTO t SELECT number + 8, 'n' FROM numbers(2)"}, 200, ""},
		{"INSERT of gzip", call{path: "/", params: query("INSERT INTO t FORMAT CSV"), header: map[string]string{"Content-Encoding": "gzip"}, body: gzipped(t, "10,ten\n")}, 200, ""},
		{"INSERT of zstd", call{path: "/", params: query("INSERT INTO t FORMAT CSV"), header: map[string]string{"Content-Encoding": "zstd"}, body: zstded(t, "11,eleven\n")}, 200, ""},
		{"INSERT in ClickHouse's frames", call{path: "/", params: query("INSERT INTO t FORMAT CSV", "decompress", "1"), body: framed(t, "12,twelve\n")}, 200, ""},
		{"INSERT of nothing", call{method: "POST", path: "/", params: query("INSERT INTO t FORMAT CSV")}, 200, ""},
		{"INSERT that does not parse", call{path: "/", params: query("INSERT INTO t FORMAT CSV"), body: "x,y\n"}, 400, "…CANNOT_PARSE"},
		{"INSERT into nowhere", call{path: "/", params: query("INSERT INTO nowhere FORMAT CSV"), body: "1\n"}, 404, "…(UNKNOWN_TABLE)"},
		{"INSERT in an unknown format", call{path: "/", params: query("INSERT INTO t FORMAT Nothing"), body: "1\n"}, 404, "…(UNKNOWN_FORMAT)"},
		{"INSERT FROM INFILE", call{path: "/", body: "INSERT INTO t FROM INFILE '/etc/hostname' FORMAT CSV"}, 501, "…not allowed over HTTP"},
		{"what came of it", call{path: "/", params: query("SELECT a, b FROM t ORDER BY a")}, 200,
			"1\ta;\n2\tit\\'s\n3\tx,y\n4\tz\n5\tfive\n6\tsix\n7\tseven\n8\tn\n9\tn\n10\tten\n11\televen\n12\ttwelve\n"},

		{"no password", call{path: "/", user: "-", params: query("SELECT 1")}, 401, "…(REQUIRED_PASSWORD)"},
		{"password in headers", call{path: "/", user: "-", header: map[string]string{"X-ClickHouse-User": "payoff", "X-ClickHouse-Key": enginetest.PayoffPassword}, params: query("SELECT 1")}, 200, "1\n"},
		{"password in the URL", call{path: "/", user: "-", params: query("SELECT 1", "user", "reader", "password", enginetest.ReaderPassword)}, 404, "…Database payoff does not exist"},
		{"wrong password", call{path: "/", user: "-", header: map[string]string{"X-ClickHouse-User": "payoff", "X-ClickHouse-Key": "x"}, params: query("SELECT 1")}, 403, "…Code: 516. DB::Exception: payoff: Authentication failed"},
		{"the other's password", call{path: "/", user: "-", header: map[string]string{"X-ClickHouse-User": "payoff", "X-ClickHouse-Key": enginetest.ReaderPassword}, params: query("SELECT 1")}, 403, "…AUTHENTICATION_FAILED"},
		{"unknown user", call{path: "/", user: "-", header: map[string]string{"X-ClickHouse-User": "default"}, params: query("SELECT 1")}, 403, "…AUTHENTICATION_FAILED"},
		{"right in the URL, wrong in the header", call{path: "/", user: "-", header: map[string]string{"X-ClickHouse-User": "payoff", "X-ClickHouse-Key": "x"}, params: query("SELECT 1", "user", "payoff", "password", enginetest.PayoffPassword)}, 403, "…AUTHENTICATION_FAILED"},

		{"host by name", call{path: "/", host: "localhost:1234", params: query("SELECT 1")}, 200, "1\n"},
		{"IPv6 host", call{path: "/", host: "[::1]:8123", params: query("SELECT 1")}, 200, "1\n"},
		{"foreign host", call{path: "/", host: "evil.example:8123", params: query("SELECT 1")}, 403, "…evil.example"},
		{"foreign host pings", call{path: "/ping", host: "evil.example", user: "-"}, 403, "…evil.example"},
		{"host that begins well", call{path: "/", host: "localhost.evil.example", params: query("SELECT 1")}, 403, "…"},
		{"own origin", call{path: "/", host: "localhost:1", header: map[string]string{"Origin": "http://localhost:1"}, params: query("SELECT 1")}, 200, "1\n"},
		{"foreign origin", call{path: "/", header: map[string]string{"Origin": "https://evil.example"}, params: query("SELECT 1")}, 403, "…origin"},
		{"another local origin", call{path: "/", host: "localhost:1", header: map[string]string{"Origin": "http://localhost:2"}, params: query("SELECT 1")}, 403, "…origin"},
		{"no origin", call{path: "/", header: map[string]string{"Origin": "null"}, params: query("SELECT 1")}, 403, "…origin"},
		{"cross-site fetch", call{path: "/", header: map[string]string{"Sec-Fetch-Site": "cross-site"}, params: query("SELECT 1")}, 403, "…Sec-Fetch-Site"},
		{"same-site fetch", call{path: "/", header: map[string]string{"Sec-Fetch-Site": "same-site"}, params: query("SELECT 1")}, 403, "…Sec-Fetch-Site"},
		{"typed into a browser", call{path: "/", header: map[string]string{"Sec-Fetch-Site": "none"}, params: query("SELECT 1")}, 200, "1\n"},
	} {
		resp, got := test.call.do(t, e)
		part, isPart := strings.CutPrefix(test.want, "…")
		if resp.StatusCode != test.status || isPart && !strings.Contains(got, part) || !isPart && got != test.want {
			t.Errorf("%s: %d %q, want %d %q", test.name, resp.StatusCode, got, test.status, test.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	e := enginetest.Start(t)
	resp, _ := call{path: "/", params: query("SELECT number FROM numbers(5)", "query_id", "my-id", "default_format", "JSONEachRow")}.do(t, e)
	for name, want := range map[string]string{
		"X-ClickHouse-Query-Id": "my-id",
		"X-ClickHouse-Format":   "JSONEachRow",
		"X-ClickHouse-Timezone": "UTC",
		"Content-Type":          "application/x-ndjson; charset=UTF-8",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	call{path: "/", body: "CREATE TABLE s (n UInt64) ENGINE = MergeTree ORDER BY n"}.do(t, e)
	resp, _ = call{path: "/", params: query("INSERT INTO s FORMAT CSV"), body: "1\n2\n3\n"}.do(t, e)
	var summary map[string]string
	if err := json.Unmarshal([]byte(resp.Header.Get("X-ClickHouse-Summary")), &summary); err != nil || summary["written_rows"] != "3" {
		t.Errorf("the summary of the insert is %v, %v", summary, err)
	}
	resp, _ = call{path: "/", params: query("SELECT sum(n) FROM s FORMAT JSON")}.do(t, e)
	if err := json.Unmarshal([]byte(resp.Header.Get("X-ClickHouse-Summary")), &summary); err != nil || summary["read_rows"] != "3" || summary["result_rows"] != "1" {
		t.Errorf("the summary of the select is %v, %v", summary, err)
	}
	resp, _ = call{path: "/", body: "SELECT * FROM nowhere"}.do(t, e)
	if got := resp.Header.Get("X-ClickHouse-Exception-Code"); got != "60" {
		t.Errorf("X-ClickHouse-Exception-Code: %q, want 60", got)
	}
	resp, _ = call{path: "/", user: "-", body: "SELECT 1"}.do(t, e)
	if got := resp.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic ") {
		t.Errorf("WWW-Authenticate: %q", got)
	}
}

func TestCompressedAnswers(t *testing.T) {
	e := enginetest.Start(t)
	const sql = "SELECT repeat('x', 1000) FROM numbers(5000)"
	want := strings.Repeat(strings.Repeat("x", 1000)+"\n", 5000)
	for accepted, decode := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		resp, body := call{path: "/", params: query(sql), header: map[string]string{"Accept-Encoding": accepted}}.do(t, e)
		if resp.Header.Get("Content-Encoding") != accepted || len(body) > len(want)/10 {
			t.Errorf("%s: Content-Encoding %q and %d bytes", accepted, resp.Header.Get("Content-Encoding"), len(body))
		}
		r, err := decode(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("%s: decoded to %d bytes, %v; want %d", accepted, len(got), err, len(want))
		}
	}
	_, body := call{path: "/", params: query(sql, "compress", "1")}.do(t, e)
	var got bytes.Buffer
	if _, err := io.Copy(&got, compress.NewReader(strings.NewReader(body))); err != nil && got.String() != want {
		t.Errorf("frames: decoded to %d bytes, %v; want %d", got.Len(), err, len(want))
	}
}

// A failure after the first bytes must not look like a whole answer.
func TestBrokenOffAnswer(t *testing.T) {
	e := enginetest.Start(t)
	u := url.URL{Scheme: "http", Host: e.Addr(), RawQuery: query("SELECT throwIf(number = 3000000) FROM numbers(4000000)", "max_block_size", "65536", "max_threads", "1").Encode()}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(engine.OwnerUser, enginetest.PayoffPassword)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil {
		t.Error("the answer ends well")
	}
	tag := resp.Header.Get("X-ClickHouse-Exception-Tag")
	tail := string(body[max(0, len(body)-500):])
	if resp.StatusCode != 200 || len(tag) != 16 || !strings.Contains(tail, "\r\n__exception__\r\n"+tag+"\r\nCode: 395.") || !strings.HasSuffix(tail, tag+"\r\n__exception__\r\n") {
		t.Errorf("status %d, tag %q, end %q", resp.StatusCode, tag, tail)
	}
}

// A body that breaks off is not inserted.
func TestBrokenOffInsert(t *testing.T) {
	e := enginetest.Start(t)
	conn := enginetest.Conn(t, e)
	mustExec(t, conn, "CREATE TABLE broken (n UInt64) ENGINE = MergeTree ORDER BY n")
	nc, err := e.DialContext(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, "http://engine/?query=INSERT+INTO+broken+FORMAT+CSV", strings.NewReader(strings.Repeat("1\n", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(engine.OwnerUser, enginetest.PayoffPassword)
	req.ContentLength = 1 << 20
	if err := req.Write(nc); err == nil {
		t.Fatal("wrote a whole body")
	}
	nc.Close()
	// The next statement on the table waits for the insert's connection to be over.
	var running uint64 = 1
	waitFor(t, 5e9, "the insert to end", func() bool {
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE '%INTO broken%' AND query NOT LIKE '%processes%'").Scan(&running); err != nil {
			t.Fatal(err)
		}
		return running == 0
	})
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT count() FROM broken").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows were inserted, %v", n, err)
	}
}

// The curl line that `up` prints is one anybody may paste.
func TestCurl(t *testing.T) {
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("SKIP: curl is not installed")
	}
	e := enginetest.Start(t)
	cmd := exec.CommandContext(t.Context(), path, "-sS", "--compressed", "-u", "payoff:"+enginetest.PayoffPassword, "http://"+e.Addr()+"/", "--data-binary", "@-")
	cmd.Stdin = strings.NewReader("SELECT number FROM numbers(3) FORMAT CSV")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil || string(out) != "0\n1\n2\n" {
		t.Errorf("curl got %q, %v", out, err)
	}
}

func gzipped(t *testing.T, s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t *testing.T, s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(s), nil))
}

func framed(t *testing.T, s string) string {
	w := compress.NewWriter(compress.LevelZero, compress.LZ4)
	if err := w.Compress([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return string(w.Data)
}

// grafanaAgent is what the data source's clickhouse-go calls itself.
const grafanaAgent = "grafana/12.2.0 clickhouse-go/2.47.0 (grafana_user:admin; grafana_dashboard:dora; grafana_panel:7; lv:go/1.25)"

// TestGrafana replays what Grafana's data source sends, with the reader's
// password: the health check, a panel, the variables and the ad-hoc keys.
func TestGrafana(t *testing.T) {
	e := enginetest.Start(t)
	owner := enginetest.Conn(t, e)
	for _, sql := range readerFixture {
		mustExec(t, owner, sql)
	}
	grafana := func(sql string) (*http.Response, []byte) {
		t.Helper()
		resp, body := call{
			path: "/", body: sql, user: engine.ReaderUser,
			params: url.Values{"client_protocol_version": {"54460"}, "database": {"payoff"}, "default_format": {"Native"}, "max_execution_time": {"64"}},
			header: map[string]string{"Accept-Encoding": "gzip", "User-Agent": grafanaAgent},
		}.do(t, e)
		if resp.Header.Get("Content-Encoding") != "gzip" {
			return resp, []byte(body)
		}
		zr, err := gzip.NewReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(zr)
		if err != nil {
			t.Fatal(err)
		}
		return resp, plain
	}
	resp, body := grafana("SELECT displayName(), version(), revision(), timezone()")
	handshake := "\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01" +
		"\x0ddisplayName()\x06String\x00\x06payoff" +
		"\x09version()\x06String\x00\x0826.7.2.1" +
		"\x0arevision()\x06UInt32\x00\x00\x00\x00\x00" +
		"\x0atimezone()\x06String\x00\x03UTC"
	if resp.StatusCode != 200 || string(body) != handshake {
		t.Errorf("handshake: %d %q", resp.StatusCode, body)
	}
	for _, test := range []struct{ sql, want string }{
		{"SELECT 1", "\x01\x01\x011\x05UInt8\x01"},
		{"SELECT version()", "26.7.2.1"},
		{"SELECT toStartOfInterval(toDateTime(1762905600), INTERVAL 1 day) AS time, sum(n) AS deployments FROM deployments WHERE toDateTime(1762905600) >= toDateTime(1762905600) AND toDateTime(1762905600) <= toDateTime(1763510400) GROUP BY time ORDER BY time", "deployments"},
		{"SELECT * FROM metric_members(teams=['red'])", "red"},
		{"SELECT name, type, table FROM system.columns WHERE database IN ('payoff') AND table='deployments'", "service"},
		{"SHOW TABLES", "deployments"},
	} {
		resp, body := grafana(test.sql)
		if resp.StatusCode != 200 || !bytes.Contains(body, []byte(test.want)) {
			t.Errorf("%s: %d %q", test.sql, resp.StatusCode, body)
		}
	}
	resp, body = grafana("SELECT nonsense FROM deployments")
	if resp.StatusCode == 200 || !bytes.Contains(body, []byte("DB::Exception")) {
		t.Errorf("a mistake in a panel: %d %q", resp.StatusCode, body)
	}
	// max_execution_time is honoured, not only tolerated.
	resp, slow := call{
		path: "/", body: "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", user: engine.ReaderUser,
		params: url.Values{"max_execution_time": {"1"}, "max_insert_threads": {"9"}}, header: map[string]string{"User-Agent": grafanaAgent},
	}.do(t, e)
	if resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(slow, "TIMEOUT_EXCEEDED") {
		t.Errorf("a slow panel: %d %q", resp.StatusCode, slow)
	}
}
