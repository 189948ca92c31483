package engine_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

// readerFixture is what a product's database looks like from a reader's side: a
// table and views in payoff, and what nobody may see in payoff_private.
var readerFixture = []string{
	"CREATE DATABASE payoff",
	"CREATE DATABASE payoff_private",
	"CREATE TABLE payoff.deployments (service String, n UInt64, path String) ENGINE = MergeTree ORDER BY service",
	"INSERT INTO payoff.deployments VALUES ('shop', 3, '/etc/hostname'), ('pay', 4, 'x')",
	"CREATE TABLE payoff_private.people (name String, team String) ENGINE = MergeTree ORDER BY name",
	"INSERT INTO payoff_private.people VALUES ('secret-ada', 'red'), ('secret-bob', 'red')",
	"CREATE TABLE payoff_private.joined (name String, team String) ENGINE = Join(ANY, LEFT, name)",
	"INSERT INTO payoff_private.joined VALUES ('secret-ada', 'secret-team')",
	"CREATE DICTIONARY payoff_private.dict (name String, team String) PRIMARY KEY name SOURCE(CLICKHOUSE(TABLE 'people' DB 'payoff_private')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)",
	"CREATE VIEW payoff.team_members AS SELECT team, count() AS n FROM payoff_private.people GROUP BY team",
	"CREATE VIEW payoff.metric_members AS SELECT team, count() AS n FROM payoff_private.people WHERE empty({teams:Array(String)}) OR team IN {teams:Array(String)} GROUP BY team",
}

func TestReader(t *testing.T) {
	e := enginetest.Start(t)
	owner := enginetest.Conn(t, e)
	for _, sql := range readerFixture {
		if err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	conn := enginetest.ReaderConn(t, e)

	t.Run("may", func(t *testing.T) {
		for _, test := range []struct{ sql, want string }{
			{"SELECT toString(sum(n)) FROM deployments", "7"},
			{"SELECT toString(sum(n)) FROM payoff.deployments", "7"},
			{"SELECT toString(n) FROM payoff.team_members", "2"},
			{"SELECT toString(n) FROM payoff.metric_members(teams=['red'])", "2"},
			{"SELECT toString(n) FROM metric_members(teams=[])", "2"},
			{"WITH x AS (SELECT * FROM team_members) SELECT toString(sum(n)) FROM x JOIN numbers(1) AS y ON 1", "2"},
			{"SELECT toString(count()) FROM view(SELECT * FROM payoff.deployments)", "2"},
			{"SELECT toString(sum(number)) FROM numbers(5)", "10"},
			{"SELECT toString(count()) FROM generateSeries(1, 3)", "3"},
			{"SELECT toString(dummy) FROM system.one", "0"},
			{"SELECT name FROM system.tables WHERE database = 'payoff' AND name LIKE 'dep%'", "deployments"},
			{"SELECT name FROM system.columns WHERE table = 'deployments' AND position = 1", "service"},
			{"SELECT toString(count() > 100) FROM system.settings", "1"},
			{"SELECT toString(count() > 100) FROM system.functions", "1"},
			{"SELECT 'system.processes; DROP TABLE x -- payoff_private.people'", "system.processes; DROP TABLE x -- payoff_private.people"},
			{"SELECT toString(count()) AS \"a b\" FROM (SELECT 1 UNION ALL SELECT 2) /* system.processes */", "2"},
			{"EXISTS TABLE payoff.deployments", ""},
			{"SHOW TABLES", ""}, {"SHOW DATABASES", ""}, {"DESCRIBE TABLE payoff.deployments", ""},
			{"SHOW CREATE TABLE payoff.deployments", ""}, {"EXPLAIN SELECT * FROM deployments", ""},
			{"SELECT $a$ 'it' $a$", " 'it' "},
			{"SELECT 'x' /* one /* two */ file('y') */ || 'y'", "xy"},
			{"SELECT version()", ""},
		} {
			rows, err := conn.Query(t.Context(), test.sql)
			if err != nil {
				t.Errorf("%s: %v", test.sql, err)
				continue
			}
			var got string
			if rows.Next() && test.want != "" {
				if err := rows.Scan(&got); err != nil {
					t.Errorf("%s: %v", test.sql, err)
				}
			}
			if got != test.want {
				t.Errorf("%s = %q, want %q", test.sql, got, test.want)
			}
			rows.Close()
		}
	})

	t.Run("may not", func(t *testing.T) {
		// Twice: what was judged once is remembered, and a refusal is no permission.
		for _, sql := range slices.Concat(readerAttempts, readerAttempts) {
			got, err := readAll(t, conn, sql)
			if err == nil {
				t.Errorf("%s\n\twas answered: %.200q", sql, got)
			} else if s := err.Error(); strings.Contains(s, "secret-") || strings.Contains(s, "root:") {
				t.Errorf("%s\n\tleaked in its error: %.300s", sql, s)
			}
		}
	})

	t.Run("sees nothing private", func(t *testing.T) {
		for _, sql := range []string{
			"SELECT * FROM system.tables WHERE database = 'payoff_private'",
			"SELECT * FROM system.columns WHERE database != 'payoff' AND database != 'system'",
			"SHOW COLUMNS FROM deployments LIKE '%secret%'",
		} {
			got, err := readAll(t, conn, sql)
			if err != nil || got != "" {
				t.Errorf("%s = %.200q, %v; want nothing", sql, got, err)
			}
		}
	})

	var n uint64
	if err := owner.QueryRow(t.Context(), "SELECT count() + (SELECT count() FROM payoff_private.people) FROM payoff.deployments").Scan(&n); err != nil || n != 4 {
		t.Errorf("after all attempts there are %d rows, %v; want 4", n, err)
	}
}

// readerAttempts are ways out of the reader's role that were thought of.
var readerAttempts = []string{
	// Names.
	"SELECT * FROM payoff_private.people",
	"SELECT * FROM `payoff_private`.`people`",
	`SELECT * FROM "payoff_private"."people"`,
	"SELECT * FROM payoff_private . people",
	"SELECT * FROM payoff_private/* */./**/people",
	"SELECT * FROM payoff_private -- \n .people",
	"SELECT * FROM `payoff\\x5fprivate`.people",
	"SELECT * FROM `\\x70ayoff_private`.people",
	"SELECT * FROM payoff_private.people AS deployments",
	"SELECT people.name FROM payoff_private.people",
	"SELECT payoff_private.people.name FROM payoff_private.people",
	"FROM payoff_private.people SELECT name",
	"TABLE payoff_private.people",
	"SELECT * FROM payoff_private.people FINAL",
	// Places.
	"SELECT (SELECT name FROM payoff_private.people LIMIT 1)",
	"SELECT * FROM (SELECT * FROM (SELECT * FROM payoff_private.people))",
	"WITH p AS (SELECT * FROM payoff_private.people) SELECT * FROM p",
	"WITH (SELECT groupArray(name) FROM payoff_private.people) AS p SELECT p",
	"WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT length(name) FROM payoff_private.people, r) SELECT * FROM r",
	"SELECT 1 UNION ALL SELECT count() FROM payoff_private.people",
	"SELECT 1 INTERSECT SELECT count() FROM payoff_private.people",
	"SELECT 2 EXCEPT SELECT count() FROM payoff_private.people WHERE 0",
	"SELECT * FROM deployments AS d JOIN payoff_private.people AS p ON 1",
	"SELECT * FROM deployments, payoff_private.people",
	"SELECT ('guess', 'red') IN payoff_private.people",
	"SELECT ('guess', 'red') IN `payoff_private.people`",
	"SELECT 'x' IN (SELECT name FROM payoff_private.people)",
	"SELECT EXISTS (SELECT 1 FROM payoff_private.people)",
	"SELECT count() FROM deployments WHERE service GLOBAL IN (SELECT name FROM payoff_private.people)",
	"SELECT 1 ORDER BY (SELECT count() FROM payoff_private.people)",
	"SELECT 1 LIMIT (SELECT count() FROM payoff_private.people)",
	"SELECT * APPLY(x -> (SELECT any(name) FROM payoff_private.people)) FROM deployments",
	"SELECT sum(n) OVER (PARTITION BY (SELECT any(name) FROM payoff_private.people)) FROM deployments",
	"SHOW TABLES WHERE name IN (SELECT name FROM payoff_private.people)",
	"SHOW COLUMNS FROM deployments WHERE field IN (SELECT name FROM payoff_private.people)",
	"VALUES (1), ((SELECT any(name) FROM payoff_private.people))",
	// Table functions.
	"SELECT * FROM merge('payoff_private', '.*')",
	"SELECT * FROM merge(payoff_private, '.*')",
	"SELECT * FROM merge(REGEXP('.*'), 'people')",
	"SELECT * FROM `merge`('payoff_private', '.*')",
	"SELECT * FROM `mer\\x67e`('payoff_private', '.*')",
	"SELECT * FROM MERGE('payoff_private', '.*')",
	"SELECT * FROM remote('127.0.0.1', 'payoff_private.people')",
	"SELECT * FROM remote('127.0.0.1', payoff_private, people)",
	"SELECT * FROM clusterAllReplicas('default', payoff_private.people)",
	"SELECT * FROM cluster('default', payoff_private.people)",
	"SELECT * FROM loop(payoff_private.people) LIMIT 1",
	"SELECT * FROM loop('payoff_private', 'people') LIMIT 1",
	"SELECT * FROM mergeTreeIndex('payoff_private', 'people')",
	"SELECT * FROM mergeTreeProjection('payoff_private', 'people', 'p')",
	"SELECT * FROM mergeTreeAnalyzeIndexes('payoff_private', 'people')",
	"SELECT * FROM dictionary('payoff_private.dict')",
	"SELECT * FROM view(SELECT * FROM payoff_private.people)",
	"SELECT * FROM viewIfPermitted(SELECT name FROM payoff_private.people ELSE null('name String'))",
	"SELECT * FROM viewExplain('EXPLAIN', '', (SELECT * FROM payoff_private.people))",
	"SELECT * FROM eval('SELECT name FROM payoff_private.people')",
	"SELECT * FROM eval('SELECT name FROM payoff_private.people') SETTINGS allow_experimental_eval_table_function = 1",
	"SELECT * FROM executable('id', 'CSV', 'a String')",
	"SELECT * FROM input('a String')",
	"SELECT * FROM fuzzQuery('SELECT 1')",
	"SELECT * FROM generateRandom('a UInt8') LIMIT 1",
	// Ordinary functions.
	"SELECT dictGet('payoff_private.dict', 'team', tuple('guess'))",
	"SELECT dictHas('payoff_private.dict', tuple('guess'))",
	"SELECT joinGet('payoff_private.joined', 'team', 'guess')",
	"SELECT joinGet(payoff_private.joined, 'team', 'guess')",
	"SELECT hasColumnInTable('payoff_private', 'people', 'name')",
	"SELECT file('/etc/hostname')",
	"SELECT `file`('/etc/hostname')",
	"SELECT `\\x66ile`('/etc/hostname')",
	"SELECT FILE('/etc/hostname')",
	"SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
	"SELECT arrayMap(file, ['/etc/hostname'])",
	"SELECT * APPLY(file) FROM (SELECT path FROM deployments)",
	"SELECT * APPLY file FROM (SELECT path FROM deployments)",
	"SELECT * APPLY(x -> file(x)) FROM (SELECT path FROM deployments)",
	"SELECT COLUMNS('path') APPLY(`file`) FROM deployments",
	"SELECT catboostEvaluate('/etc/passwd', 1)",
	"SELECT aiGenerate('x')",
	// Files, addresses and other systems.
	"SELECT * FROM file('/etc/passwd', 'LineAsString')",
	"SELECT * FROM default.`/etc/passwd`",
	"SELECT * FROM filesystem('/etc') LIMIT 1",
	"SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
	"SELECT * FROM s3('http://127.0.0.1:1/b/k', 'CSV', 'a String')",
	"SELECT * FROM sqlite('/tmp/x.db', 't')",
	"SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
	"SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')",
	"SELECT * FROM icebergLocal('/etc')",
	"SELECT * FROM deployments INTO OUTFILE '/tmp/payoff-reader-outfile'",
	"SELECT * FROM deployments INTO OUTFILE '/tmp/payoff-reader-outfile' APPEND FORMAT CSV",
	// The system's tables.
	"SELECT * FROM system.processes",
	"SELECT * FROM `system`.`processes`",
	"SELECT * FROM `system`/**/.\"processes\"",
	"SELECT * FROM `sys\\x74em`.processes",
	"SELECT 1 IN (SELECT query FROM system.processes)",
	"SELECT count() FROM system.stack_trace",
	"SELECT * FROM system.parts",
	"SELECT * FROM system.server_settings",
	"SELECT * FROM system.dictionaries",
	"SELECT * FROM system.disks",
	"SELECT * FROM system.users",
	"SELECT * FROM information_schema.tables",
	"SELECT * FROM INFORMATION_SCHEMA.COLUMNS",
	"SELECT * APPLY(x -> x IN (SELECT query FROM system.processes)) FROM deployments",
	"SHOW TABLES WHERE name IN (SELECT query FROM system.processes)",
	"SHOW PROCESSLIST",
	"SHOW ACCESS",
	"SHOW GRANTS",
	"SHOW USERS",
	"SHOW CREATE USER default",
	"SHOW ENGINES",
	"DESCRIBE TABLE system.processes",
	"WITH system AS (SELECT 1) SELECT * FROM system.processes",
	// Schemas.
	"SHOW CREATE TABLE payoff_private.people",
	"SHOW CREATE DATABASE payoff_private",
	"SHOW CREATE DICTIONARY payoff_private.dict",
	"DESCRIBE TABLE payoff_private.people",
	"DESCRIBE (SELECT * FROM payoff_private.people)",
	"EXISTS TABLE payoff_private.people",
	"EXISTS payoff_private.people",
	"EXISTS DATABASE payoff_private",
	"SHOW TABLES FROM payoff_private",
	"SHOW COLUMNS FROM people FROM payoff_private",
	"SHOW INDEX FROM payoff_private.people",
	"CHECK TABLE payoff_private.people",
	"CHECK TABLE payoff.deployments",
	"EXPLAIN SELECT * FROM payoff_private.people",
	"EXPLAIN QUERY TREE SELECT * FROM payoff_private.people",
	"EXPLAIN ESTIMATE SELECT * FROM payoff_private.people",
	"EXPLAIN SYNTAX SELECT * FROM payoff_private.people",
	"EXPLAIN AST SELECT * FROM payoff_private.people",
	"EXPLAIN SELECT * FROM (EXPLAIN SELECT * FROM payoff_private.people)",
	"EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
	// Leaving the role or readonly.
	"SET readonly = 0",
	"SET ROLE owner",
	"SET ROLE ALL",
	"SET DEFAULT ROLE owner TO default",
	"EXECUTE AS default SELECT * FROM payoff_private.people",
	"SELECT 1 SETTINGS readonly = 0",
	"SELECT * FROM deployments SETTINGS additional_table_filters = {'payoff.deployments': 'n IN (SELECT length(name) FROM payoff_private.people)'}",
	"SELECT * FROM deployments SETTINGS additional_result_filter = 'file(path) != 1'",
	"SELECT * FROM (SELECT * FROM deployments SETTINGS readonly = 0)",
	"SELECT * FROM (SELECT * FROM deployments SETTINGS additional_table_filters = {'payoff.deployments': 'file(path) = 1'})",
	"SELECT * FROM (SELECT * FROM deployments SETTINGS additional_result_filter = 'n IN (SELECT length(query) FROM system.processes)')",
	"SELECT * FROM (SELECT * FROM eval('SELECT 1') SETTINGS allow_experimental_eval_table_function = 1)",
	"SELECT * FROM deployments WHERE n IN (SELECT 3 SETTINGS max_threads = 1)",
	"USE payoff_private",
	"GRANT SELECT ON payoff_private.* TO default",
	"GRANT owner TO default",
	"CREATE USER u",
	// Writing.
	"INSERT INTO payoff.deployments VALUES ('x', 1, '')",
	"INSERT INTO payoff.deployments SELECT name, 1, '' FROM payoff_private.people",
	"INSERT INTO FUNCTION file('/tmp/payoff-reader', 'CSV', 'a String') VALUES ('x')",
	"CREATE TABLE payoff.x (a String) ENGINE = Memory",
	"CREATE TEMPORARY TABLE x (a String)",
	"CREATE VIEW payoff.x AS SELECT * FROM payoff_private.people",
	"CREATE OR REPLACE VIEW payoff.team_members AS SELECT * FROM payoff_private.people",
	"CREATE FUNCTION f AS (x) -> file(x)",
	"ALTER TABLE payoff.deployments DELETE WHERE 1",
	"DELETE FROM payoff.deployments WHERE 1",
	"TRUNCATE TABLE payoff.deployments",
	"DROP TABLE payoff.deployments",
	"OPTIMIZE TABLE payoff.deployments FINAL",
	"RENAME TABLE payoff.deployments TO payoff.x",
	"EXCHANGE TABLES payoff.deployments AND payoff.team_members",
	"DETACH TABLE payoff.deployments",
	"BACKUP TABLE payoff.deployments TO File('x')",
	"RESTORE TABLE payoff_private.people AS payoff.people FROM File('x')",
	"KILL QUERY WHERE 1",
	"KILL MUTATION WHERE 1",
	"SYSTEM FLUSH LOGS",
	"SYSTEM SHUTDOWN",
	"SYSTEM RELOAD CONFIG",
	"BEGIN TRANSACTION",
	"WATCH payoff.team_members",
	// More than one statement, and what the engine's parser allows besides.
	"SELECT 1; SELECT * FROM payoff_private.people",
	"SELECT 1; SET ROLE owner",
	"SELECT 1; SET ROLE owner; SELECT * FROM payoff_private.people; (((",
	"SELECT 1; DROP TABLE payoff.deployments; (((",
	"SELECT 1 /*;*/ ; ; DROP TABLE payoff.deployments; SELEC",
	"SELECT 1 PARALLEL WITH SELECT * FROM payoff_private.people",
	"SELECT 1\n;\nDROP TABLE payoff.deployments",
	"file('/etc/hostname')",
	"1 + 1",
	"",
	"/* nothing */",
	"SELECT \u201cx\u201d FROM deployments",
	"SELECT 1 /* unclosed",
	"SELECT 1 /* /* */ FROM system.processes",
	// Texts that another lexer would cut in another way.
	"SHOW TABLES WHERE name IN ($'$ ' $'$, (SELECT query FROM system.processes)) -- '",
	"SHOW TABLES WHERE name = x'41\\' OR name IN (SELECT query FROM system.processes) -- '",
	"SHOW TABLES WHERE name = $a$ ' $a$ OR name IN (SELECT query FROM system.processes) -- '",
	"SHOW TABLES WHERE name = 'a\\'' OR name IN (SELECT query FROM system.processes) -- '",
	"SHOW TABLES WHERE name = 'a''' OR name IN (SELECT query FROM system.processes) -- '",
	"SHOW TABLES WHERE name = '' OR /* ' /* ' */ */ name IN (SELECT query FROM system.processes) -- '",
	"SHOW TABLES WHERE name = 'a' # ' \n OR name IN (SELECT query FROM system.processes) -- '",
	"SHOW TABLES WHERE name = \u2018a' OR name IN (SELECT query FROM system.processes) OR name = 'b\u2019",
	"SHOW TABLES WHERE name\u00a0IN\u00a0(SELECT query FROM system.processes)",
	"SHOW TABLES WHERE name IN (SELECT query FROM system\x00.processes)",
	"SELECT 'unclosed",
}

// readAll returns all rows as text.
func readAll(t *testing.T, conn clickhouse.Conn, sql string) (string, error) {
	t.Helper()
	r, err := conn.QueryFormat(t.Context(), "TabSeparated", sql)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			if err.Error() == "EOF" {
				err = nil
			}
			return b.String(), err
		}
	}
}

// TestReaderSettings tries the settings that could blind the one who judges.
func TestReaderSettings(t *testing.T) {
	e := enginetest.Start(t)
	owner := enginetest.Conn(t, e)
	for _, sql := range readerFixture {
		mustExec(t, owner, sql)
	}
	for _, settings := range []url.Values{
		{"limit": {"1"}}, {"offset": {"1000"}},
		{"max_result_rows": {"1"}, "result_overflow_mode": {"break"}},
		{"max_rows_to_read": {"1"}, "read_overflow_mode": {"break"}},
		{"max_execution_time": {"0.000001"}, "timeout_overflow_mode": {"break"}},
		{"readonly": {"0"}}, {"readonly": {"2"}}, {"implicit_select": {"1"}},
		{"database": {"payoff_private"}}, {"database": {"system"}}, {"role": {"owner"}}, {"user": {"payoff"}},
		{"additional_table_filters": {"{'payoff.deployments': 'file(path) = 1'}"}},
		{"allow_experimental_eval_table_function": {"1"}},
	} {
		for _, sql := range []string{
			"SELECT query FROM system.processes",
			"SELECT 1 IN (SELECT query FROM system.processes)",
			"SHOW PROCESSLIST",
			"SELECT name FROM payoff_private.people",
			"SELECT * APPLY(file) FROM (SELECT path FROM deployments)",
			"SELECT * FROM eval('SELECT query FROM system.processes')",
			"DROP TABLE payoff.deployments",
		} {
			resp, body := call{path: "/", params: settings, body: sql, user: engine.ReaderUser}.do(t, e)
			if resp.StatusCode == 200 {
				t.Errorf("%s with %v was answered: %.200q", sql, settings, body)
			}
		}
	}
	// What is not on the list is ignored, and does not fail the query.
	resp, body := call{path: "/", user: engine.ReaderUser, params: query("SELECT getSetting('readonly'), getSetting('max_threads'), getSetting('log_comment')", "readonly", "0", "max_threads", "2", "log_comment", "x", "no_such_setting", "1")}.do(t, e)
	if resp.StatusCode != 200 || body != "1\t2\t\n" {
		t.Errorf("settings: %d %q", resp.StatusCode, body)
	}
	// What a reader asks is over before its machine code would be made.
	for _, compiled := range []string{"compile_expressions", "compile_aggregate_expressions", "compile_sort_description"} {
		resp, body := call{path: "/", user: engine.ReaderUser, params: query("SELECT getSetting('"+compiled+"')", compiled, "1")}.do(t, e)
		if resp.StatusCode != 200 || body != "false\n" {
			t.Errorf("%s: %d %q", compiled, resp.StatusCode, body)
		}
	}
}

// A reader's mistakes are explained where they are.
func TestReaderSyntaxError(t *testing.T) {
	e := enginetest.Start(t)
	mustExec(t, enginetest.Conn(t, e), "CREATE DATABASE payoff")
	for _, sql := range []string{"SELEC 1", "SELECT 1,\n  FROM x y z"} {
		_, owner := call{path: "/", body: sql}.do(t, e)
		_, reader := call{path: "/", body: sql, user: engine.ReaderUser}.do(t, e)
		where := regexp.MustCompile(`failed at position \d+ \(\w+\)( \(line \d+, col \d+\))?`)
		want, got := where.FindStringSubmatch(owner), where.FindStringSubmatch(reader)
		if want == nil || got == nil || !strings.HasPrefix(got[0], strings.TrimSuffix(want[0], want[1])) || want[1] != "" && got[1] != want[1] {
			t.Errorf("%q: the owner reads %q, the reader %q", sql, owner, reader)
		}
	}
}

func TestReaderParameters(t *testing.T) {
	e := enginetest.Start(t)
	owner := enginetest.Conn(t, e)
	for _, sql := range readerFixture {
		if err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	conn := enginetest.ReaderConn(t, e)
	for _, test := range []struct{ sql, value string }{
		{"SELECT * FROM {x:Identifier}", "payoff_private.people"},
		{"SELECT * FROM {x:Identifier}.people", "payoff_private"},
		{"SELECT * FROM {x:Identifier}", "system.processes"},
		{"SELECT {x:Identifier}('/etc/hostname')", "file"},
	} {
		ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"x": test.value}))
		rows, err := conn.Query(ctx, test.sql)
		if err == nil {
			rows.Close()
			t.Errorf("%s with %s was answered", test.sql, test.value)
		}
	}
}
