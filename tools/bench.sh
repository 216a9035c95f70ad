#!/usr/bin/env bash
# Wall time and peak memory of a rehearsal, median of five, as a table.
# Usage: tools/bench.sh [PROGRAM [ARGUMENTS…]]
set -euo pipefail
runs=5
[ $# -gt 0 ] || set -- "${CARGO_TARGET_DIR:-target}/release/oar"
program=$1
shift
[ $# -gt 0 ] || set -- rehearse 4.20.17
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# One run: "SECONDS KIBIBYTES" into $log/figures.
measure() {
  if [ -x /usr/bin/time ]; then
    /usr/bin/time -f '%e %M' -o "$log/one" "$@" >"$log/out" 2>&1
  elif command -v python3 >/dev/null; then
    python3 - "$log/one" "$@" >"$log/out" 2>&1 <<'PY'
import resource, subprocess, sys, time
start = time.monotonic()
code = subprocess.call(sys.argv[2:])
wall = time.monotonic() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
open(sys.argv[1], "w").write(f"{wall:.2f} {peak}\n")
sys.exit(code)
PY
  else
    # No helper at hand: ask the kernel for the high-water mark while the program runs.
    local start end peak=0 now
    start=$(date +%s%N)
    "$@" >"$log/out" 2>&1 &
    local pid=$!
    while now=$(awk '/^VmHWM:/ { print $2 }' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
      peak=$now
      sleep 0.02
    done
    wait "$pid"
    end=$(date +%s%N)
    awk -v ns=$((end - start)) -v kib="$peak" 'BEGIN { printf "%.2f %d\n", ns / 1e9, kib }' >"$log/one"
  fi || { echo "bench: '$*' failed:" >&2; tail -5 "$log/out" >&2; exit 1; }
  tail -1 "$log/one" >>"$log/figures"
}

for _ in $(seq $runs); do measure "$program" "$@"; done
median() { cut -d' ' -f"$1" "$log/figures" | sort -n | sed -n "$((runs / 2 + 1))p"; }
wall=$(median 1)
peak=$(median 2)
printf '%-40s %10s %12s\n' "$* (median of $runs)" "wall, s" "peak, MiB"
printf '%-40s %10s %12s\n' "$(basename "$program")" "$wall" "$(awk -v kib="$peak" 'BEGIN { printf "%.1f", kib / 1024 }')"
