//go:build linux || darwin

package engine

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Databases of the product. Readers see the first and never the second.
const (
	publicDatabase  = "payoff"
	privateDatabase = "payoff_private"
)

// readerRole is one of the roles of the engine's one user; the other is owner.
const readerRole = "reader"

// configXML is the engine's configuration. The second line has the engine write
// out the SQL SECURITY of views that leave it open: the profile makes it DEFINER,
// so that views work for readers.
const configXML = `<clickhouse>
  <users_config>%[1]s</users_config>
  <ignore_empty_sql_security_in_create_view_query>0</ignore_empty_sql_security_in_create_view_query>
  <backups><allowed_path>%[2]s</allowed_path></backups>
  <logger><level>warning</level><log>%[3]s</log><errorlog>%[3]s</errorlog><size>10M</size><count>2</count></logger>
  <mark_cache_size>268435456</mark_cache_size>
  <max_parts_cleaning_thread_pool_size>2</max_parts_cleaning_thread_pool_size>
  %[4]s
</clickhouse>
`

// usersXML gives the one user both roles; a reader's session gives up the first.
// SOURCES are the ways out of the engine: files, addresses, other databases.
const usersXML = `<clickhouse>
  <profiles><default>
    <async_insert>0</async_insert>
    <deduplicate_insert>disable</deduplicate_insert>
    <implicit_select>0</implicit_select>
    <allow_introspection_functions>0</allow_introspection_functions>
    <default_normal_view_sql_security>DEFINER</default_normal_view_sql_security>
    <default_view_definer>CURRENT_USER</default_view_definer>
    %[1]s
  </default></profiles>
  <quotas><default/></quotas>
  <roles>
    <owner><grants>
      <query>GRANT ALL ON *.*</query>
      <query>REVOKE SOURCES ON *.*</query>
    </grants></owner>
    <reader><grants>
      <query>GRANT SELECT, SHOW, dictGet ON payoff.*</query>
    </grants></reader>
  </roles>
  <users><default>
    <password></password>
    <networks><ip>::/0</ip></networks>
    <profile>default</profile>
    <quota>default</quota>
    <grants><query>GRANT owner, reader</query></grants>
  </default></users>
</clickhouse>
`

// dataDir is the folder under dir that the engine owns.
func dataDir(dir string) string { return filepath.Join(dir, "data") }

// writeConfig writes the engine's configuration into dir and returns the
// arguments every connection is opened with. memoryLimit is in bytes; 0 leaves it
// to a quarter of the machine's memory.
func writeConfig(dir string, memoryLimit uint64) ([]string, error) {
	server := "<max_server_memory_usage_to_ram_ratio>0.25</max_server_memory_usage_to_ram_ratio>"
	profile := ""
	if memoryLimit > 0 {
		server = fmt.Sprintf("<max_server_memory_usage>%d</max_server_memory_usage>", memoryLimit)
		// Beyond half of the limit a query goes to disk rather than fail.
		profile = fmt.Sprintf("<max_memory_usage>%d</max_memory_usage>", memoryLimit*8/10) +
			fmt.Sprintf("<max_bytes_before_external_group_by>%[1]d</max_bytes_before_external_group_by><max_bytes_before_external_sort>%[1]d</max_bytes_before_external_sort>", memoryLimit/2)
	}
	if inMemory(dir) {
		// Such a file system cannot be asked whether a read would wait, which none does:
		// the engine would hand each to another thread.
		profile += "<local_filesystem_read_method>pread</local_filesystem_read_method>"
	}
	users, config := filepath.Join(dir, "users.xml"), filepath.Join(dir, "config.xml")
	text := fmt.Sprintf(configXML, escapeXML(users), escapeXML(filepath.Join(dir, "backups")), escapeXML(filepath.Join(dir, "engine.log")), server)
	for _, d := range []string{dataDir(dir), filepath.Join(dir, "backups")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("preparing the engine's directory: %w", err)
		}
	}
	for path, content := range map[string]string{users: fmt.Sprintf(usersXML, profile), config: text} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("writing the engine's configuration: %w", err)
		}
	}
	// The level in the file alone leaves the log at trace, with the text of every query.
	return []string{"--config-file=" + config, "--path=" + dataDir(dir), "--log-level=warning"}, nil
}

func escapeXML(s string) string {
	var b strings.Builder
	// A strings.Builder does not fail.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
