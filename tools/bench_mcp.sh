#!/usr/bin/env bash
# Figures of the MCP server in front of a simulated world, as a table. Usage: tools/bench_mcp.sh [SECONDS]
# Needs oar and the example mcp_load, built for release.
set -euo pipefail
seconds=${1:-5}
built=${CARGO_TARGET_DIR:-target}/release
oar=$built/oar
load=$built/examples/mcp_load
work=$(mktemp -d)
trap 'kill "${sim:-}" "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

"$oar" sim serve --port 0 >"$work/sim" 2>"$work/sim.err" &
sim=$!
until grep -q "^: 'Then" "$work/sim"; do sleep 0.05; done
set -a
# shellcheck disable=SC1091
. <(grep '^export' "$work/sim")
set +a
"$oar" -r 4.20.17 create-test-report >/dev/null

begin=$(date +%s%N)
"$oar" mcp serve --port 0 >"$work/out" 2>"$work/err" &
server=$!
until grep -q 'serving' "$work/out"; do sleep 0.002; done
ready=$(date +%s%N)
address=$(grep -o 'http://[^/]*' "$work/out" | head -1 | cut -d/ -f3)
token=$(grep -o 'oar_[A-Za-z0-9_-]*' "$work/err" | tail -1)
memory() { awk '/^VmRSS/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$server/status"; }

echo "start until it serves: $(((ready - begin) / 1000000)) ms"
echo "memory idle: $(memory)"
echo
echo '| what | clients | requests/s | per second of server CPU | p50 ms | p99 ms |'
echo '|---|---|---|---|---|---|'
for what in metadata tools health; do
  for clients in 1 16; do
    "$load" "$address" "$token" "$what" "$clients" "$seconds" "$server"
  done
done
echo
echo "memory after load: $(memory)"
