#!/bin/sh
# Makes the vectors anew from Kafka's own message classes and compares them, byte for byte, with the
# committed ones. With --write it replaces the committed ones instead.
# Needs a JDK (17 or later), Maven, and Maven Central.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}/oracle
mkdir -p "$target"
target=$(cd "$target" && pwd)

mvn -q -B -f "$here/java/pom.xml" "-Doracle.target=$target/java" compile \
    dependency:build-classpath "-Dmdep.outputFile=$target/classpath"

rm -rf "$target/vectors"
java -cp "$target/java/classes:$(cat "$target/classpath")" oracle.Main \
    "$here/apis.txt" "$here/records.txt" "$target/vectors"

if [ "${1:-}" = --write ]; then
    rm -rf "$here/vectors"
    cp -r "$target/vectors" "$here/vectors"
else
    diff -r "$here/vectors" "$target/vectors"
    echo "the vectors are those of Kafka's message classes"
fi
