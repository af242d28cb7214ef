#!/bin/sh
# Starts a Kafka 4.3.1 broker on loopback, records what it says of its configs, and compares that with
# the committed tables. With --write it replaces the committed ones instead.
# Needs a JDK (17 or later), Maven, and Maven Central. Ports: ORACLE_PORT and the one after it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../../target}/oracle/configs
port=${ORACLE_PORT:-19392}
rm -rf "$target/data" "$target/tables"
mkdir -p "$target/tables"
target=$(cd "$target" && pwd)

mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$target/lib"
cat >"$target/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
controller.listener.names=CONTROLLER
offsets.topic.replication.factor=1
log.dirs=$target/data
EOF
# Without eligible leader replicas: they set min.insync.replicas on the cluster, which hides its default.
java -cp "$target/lib/*" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ \
  --feature eligible.leader.replicas.version=0 -c "$target/server.properties" >"$target/format.log" 2>&1
java -Xmx400m -cp "$target/lib/*" kafka.Kafka "$target/server.properties" >"$target/broker.log" 2>&1 &
broker=$!
trap 'kill "$broker" 2>/dev/null || true' EXIT
# The client waits for the broker to come up.
java -cp "$target/lib/*" "$here/Record.java" "127.0.0.1:$port" 1 "$target/tables" 2>"$target/record.log"

if [ "${1:-}" = --write ]; then
  cp "$target"/tables/*.tsv "$here/"
else
  for table in "$target"/tables/*.tsv; do
    diff -u "$here/$(basename "$table")" "$table"
  done
fi
