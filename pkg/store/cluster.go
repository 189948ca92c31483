package store

import (
	"fmt"
	"regexp"
	"strings"
)

// sharded are the tables that grow with the events. On a cluster each is spread
// over the shards by event_id, so that all versions of a fact meet on one shard;
// every other table is whole on every node.
var sharded = map[string]bool{"payoff_private.event_log": true, "payoff_private.events": true}

var (
	createTable    = regexp.MustCompile(`(?m)^CREATE TABLE IF NOT EXISTS ([a-z_]+\.[a-z_]+)`)
	createDatabase = regexp.MustCompile(`(?m)^CREATE DATABASE IF NOT EXISTS ([a-z_]+)`)
	createView     = regexp.MustCompile(`(?m)^CREATE OR REPLACE VIEW ([a-z_]+\.[a-z_0-9]+)`)
	engineOf       = regexp.MustCompile(`(?m)^ENGINE = (\w*MergeTree)(?:\(([^)]*)\))?`)
)

// ClusterSteps are the migrations for a cluster of that name: the same files, with
// ON CLUSTER, replicated engines and, for the tables that grow with the events, a
// Distributed table over them. The nodes need the macros {shard} and {replica}.
func ClusterSteps(cluster string) ([]Step, error) {
	all, err := Steps()
	if err != nil {
		return nil, err
	}
	var out []Step
	for _, s := range all {
		steps, err := onCluster(s, cluster)
		if err != nil {
			return nil, fmt.Errorf("migration %s on a cluster: %w", s.Name, err)
		}
		out = append(out, steps...)
	}
	return out, nil
}

func onCluster(s Step, cluster string) ([]Step, error) {
	on := " ON CLUSTER '" + cluster + "'"
	for _, re := range []*regexp.Regexp{createDatabase, createView} {
		if re.MatchString(s.SQL) {
			s.SQL = re.ReplaceAllString(s.SQL, "${0}"+on)
			return []Step{s}, nil
		}
	}
	m := createTable.FindStringSubmatch(s.SQL)
	if m == nil || !engineOf.MatchString(s.SQL) {
		return nil, fmt.Errorf("it makes neither a database, a view nor a table of the MergeTree family")
	}
	table, local, path, replica := m[1], m[1], "/clickhouse/tables/all/"+m[1], "{shard}-{replica}"
	if sharded[table] {
		local, path, replica = table+"_local", "/clickhouse/tables/{shard}/"+table, "{replica}"
	}
	s.SQL = strings.Replace(s.SQL, m[0], "CREATE TABLE IF NOT EXISTS "+local+on, 1)
	s.SQL = engineOf.ReplaceAllStringFunc(s.SQL, func(engine string) string {
		e := engineOf.FindStringSubmatch(engine)
		args := fmt.Sprintf("'%s', '%s'", path, replica)
		if e[2] != "" {
			args += ", " + e[2]
		}
		return fmt.Sprintf("ENGINE = Replicated%s(%s)", e[1], args)
	})
	if !sharded[table] {
		return []Step{s}, nil
	}
	database, name, _ := strings.Cut(table, ".")
	over := Step{Number: s.Number, Name: strings.TrimSuffix(s.Name, ".sql") + "_distributed.sql", SQL: fmt.Sprintf(
		"-- All shards of %s as one table.\nCREATE TABLE IF NOT EXISTS %s%s AS %s\nENGINE = Distributed('%s', '%s', '%s_local', cityHash64(event_id))",
		table, table, on, local, cluster, database, name)}
	return []Step{s, over}, nil
}
