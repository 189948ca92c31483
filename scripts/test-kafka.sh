#!/usr/bin/env bash
# Runs the transport's suite on a real Apache Kafka: fetches its jars with Maven,
# starts one KRaft node on the loopback interface with throw-away keys and
# passwords, runs the client's suite once per way of coming in (plain, TLS, SASL
# PLAIN over TLS, SCRAM) and the crash test of the processes once, and stops the
# node whatever happens. Needs Go, Maven and Java 17.
#
#   scripts/test-kafka.sh              all of it
#   scripts/test-kafka.sh -v           with these flags for go test
#
# The tests find the node by PAYOFF_TEST_KAFKA (host:port), its process by
# PAYOFF_TEST_KAFKA_PID and, where they apply, PAYOFF_TEST_KAFKA_CA (a file), PAYOFF_TEST_KAFKA_SASL (the mechanism),
# PAYOFF_TEST_KAFKA_USER and PAYOFF_TEST_KAFKA_PASSWORD.
# PAYOFF_TEST_KAFKA_ONLY=tls runs one way only, =crash the crash test.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'test-kafka: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

for tool in go mvn java keytool; do
	command -v "$tool" >/dev/null || die "$tool is missing: install Go, Maven and Java 17"
done

flags=("$@")

# --- fetch ------------------------------------------------------------------
# The folder is named for the pom's content: another version is another folder.
cache=$PWD/.cache/kafka
jars=$cache/jars-$(cksum <scripts/kafka/pom.xml | cut -d' ' -f1)
if [[ ! -e $jars/complete ]]; then
	say "fetching Apache Kafka"
	rm -rf "$jars"
	mkdir -p "$jars"
	for try in 1 2 3; do
		mvn -q -B -f scripts/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$jars" >&2 && break
		((try < 3)) || die "Maven could not fetch the jars of Apache Kafka"
	done
	touch "$jars/complete"
fi

# --- start ------------------------------------------------------------------
dir=$(mktemp -d "${TMPDIR:-/tmp}/payoff-kafka.XXXXXX")
node=
stop() {
	status=$?
	trap - EXIT INT TERM
	if [[ -n $node ]]; then
		kill "$node" 2>/dev/null || true
		for _ in {1..100}; do kill -0 "$node" 2>/dev/null || break; sleep 0.1; done
		kill -9 "$node" 2>/dev/null || true
		wait "$node" 2>/dev/null || true
	fi
	if ((status != 0)) && [[ -f $dir/log ]]; then
		say "the last warnings in the node's log:"
		grep -E ' (WARN|ERROR) ' "$dir/log" | tail -n 30 >&2 || true
	fi
	rm -rf "$dir"
	exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM

# free_ports N prints N ports of the loopback interface that nobody listens on.
free_ports() {
	local port=$((20000 + RANDOM % 20000)) found=0
	while ((found < $1)); do
		port=$((port + 1))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
		echo "$port"
		found=$((found + 1))
	done
}
read -r plaintext ssl sasl_ssl sasl_plaintext controller <<<"$(free_ports 5 | tr '\n' ' ')"
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

sed -e "s|@DIR@|$dir|g" -e "s|@PASSWORD@|$password|g" \
	-e "s|@PLAINTEXT@|$plaintext|g" -e "s|@SSL@|$ssl|g" -e "s|@SASL_SSL@|$sasl_ssl|g" \
	-e "s|@SASL_PLAINTEXT@|$sasl_plaintext|g" -e "s|@CONTROLLER@|$controller|g" \
	scripts/kafka/server.properties >"$dir/server.properties"

# A certificate authority for this run, and a certificate of it for the node.
keys() { keytool -J-Xshare:auto -storetype PKCS12 -storepass "$password" -noprompt "$@" 2>>"$dir/keytool"; }
make_keys() {
	keys -keystore "$dir/ca.p12" -alias ca -genkeypair -keyalg EC -groupname secp256r1 -validity 2 \
		-dname CN=payoff-test-ca -ext bc:c=ca:true -ext ku:c=keyCertSign
	keys -keystore "$dir/ca.p12" -alias ca -exportcert -rfc -file "$dir/ca.pem"
	keys -keystore "$dir/broker.p12" -alias broker -genkeypair -keyalg EC -groupname secp256r1 -validity 2 \
		-dname CN=localhost
	keys -keystore "$dir/broker.p12" -alias broker -certreq -file "$dir/broker.csr"
	keys -keystore "$dir/ca.p12" -alias ca -gencert -rfc -validity 2 \
		-ext san=dns:localhost,ip:127.0.0.1 -infile "$dir/broker.csr" -outfile "$dir/broker.pem"
	keys -keystore "$dir/broker.p12" -alias ca -importcert -file "$dir/ca.pem"
	keys -keystore "$dir/broker.p12" -alias broker -importcert -file "$dir/broker.pem"
}
make_keys || { cat "$dir/keytool" >&2; die "keytool could not make the keys"; }

jvm=(java -Xshare:auto -Xmx512m -Dorg.slf4j.simpleLogger.showDateTime=true
	-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS -cp "$jars/*")
"${jvm[@]}" kafka.tools.StorageTool format --config "$dir/server.properties" \
	--cluster-id "$("${jvm[@]}" kafka.tools.StorageTool random-uuid 2>/dev/null)" \
	--add-scram "SCRAM-SHA-256=[name=payoff,password=$password]" \
	--add-scram "SCRAM-SHA-512=[name=payoff,password=$password]" >"$dir/log" 2>&1 ||
	die "the node's storage could not be formatted"

say "starting Apache Kafka"
"${jvm[@]}" kafka.Kafka "$dir/server.properties" >>"$dir/log" 2>&1 &
node=$!
for _ in {1..600}; do
	grep -q 'Kafka Server started' "$dir/log" && break
	kill -0 "$node" 2>/dev/null || die "the node ended while starting"
	sleep 0.1
done
grep -q 'Kafka Server started' "$dir/log" || die "the node did not start within a minute"

# --- test -------------------------------------------------------------------
failed=()
# way NAME PORT [NAME=VALUE ...] runs the tests through one listener.
way() {
	local name=$1 port=$2
	shift 2
	[[ -z ${PAYOFF_TEST_KAFKA_ONLY:-} || $PAYOFF_TEST_KAFKA_ONLY == "$name" ]] || return 0
	say "testing: $name"
	env PAYOFF_TEST_KAFKA="127.0.0.1:$port" PAYOFF_TEST_KAFKA_USER=payoff PAYOFF_TEST_KAFKA_PASSWORD="$password" "$@" \
		go test -race -count=1 -timeout 10m -run '^TestReal' "${flags[@]}" ./pkg/transport/kafka || failed+=("$name")
}
way plaintext "$plaintext"
way tls "$ssl" PAYOFF_TEST_KAFKA_CA="$dir/ca.pem"
way sasl-plain "$sasl_ssl" PAYOFF_TEST_KAFKA_CA="$dir/ca.pem" PAYOFF_TEST_KAFKA_SASL=plain
way sasl-scram-512 "$sasl_ssl" PAYOFF_TEST_KAFKA_CA="$dir/ca.pem" PAYOFF_TEST_KAFKA_SASL=scram-sha-512
way sasl-scram-256 "$sasl_plaintext" PAYOFF_TEST_KAFKA_SASL=scram-sha-256
if [[ -z ${PAYOFF_TEST_KAFKA_ONLY:-} || $PAYOFF_TEST_KAFKA_ONLY == crash ]]; then
	say "testing: ingest, engine and two loaders, killed at seeded instants"
	env PAYOFF_TEST_KAFKA="127.0.0.1:$plaintext" PAYOFF_TEST_KAFKA_PID="$node" \
		go test -race -count=1 -timeout 10m -run '^TestRealKafkaCrash$' "${flags[@]}" ./cmd/payoff || failed+=(crash)
fi
((${#failed[@]} == 0)) || die "failed on Apache Kafka: ${failed[*]}"
say "passed on Apache Kafka"
