#!/usr/bin/env bash
# The protocol's own test suite against our server: one line per scenario, exit 1 when one fails.
# Usage: tools/conformance.sh [--fixtures] [PROGRAM]
# --fixtures runs all that both revisions require; PROGRAM then has the feature conformance.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=@modelcontextprotocol/conformance@0.2.0-alpha.12
stateful=2025-11-25
stateless=2026-07-28
# What fails with reason; docs/mcp-conformance.md has the reasons.
exceptions='^tasks-'
fixtures=
if [ "${1:-}" = --fixtures ]; then
  fixtures=1
  shift
fi
program=${1:-${CARGO_TARGET_DIR:-target}/debug/oar}
source tools/clients/npm.sh
source tools/clients/serve.sh

# What a server can pass without the suite's own tools.
plain() {
  printf "$stateful %s\n" server-initialize server-session-lifecycle ping completion-complete tools-list \
    resources-list prompts-list dns-rebinding-protection server-sse-multiple-streams
  printf "$stateless %s\n" tools-list resources-list prompts-list sep-2164-resource-not-found caching \
    http-header-validation dns-rebinding-protection server-sse-multiple-streams
}

home=target/conformance
install "$home" "$suite" node@22.23.3
conformance() {
  NO_COLOR=1 "$home/node_modules/node/bin/node" "$home/node_modules/@modelcontextprotocol/conformance/dist/index.js" \
    server --url "$url/mcp" --output-dir "$home/results" "$@" 2>&1 </dev/null
}

failed=0
# tell VERDICT REVISION SCENARIO RESULT
tell() {
  printf '%-9s %s %-46s %s\n' "$@"
  if [ "$1" = FAIL ]; then failed=$((failed + 1)); fi
}

rm -rf "$home/results" "$home"/*.log
start_world
if [ -z "$fixtures" ]; then
  start_server --auth none
  while read -r revision scenario; do
    log="$home/$revision-$scenario.log"
    # A scenario that does not apply to the revision ends well without a single check: that is no pass.
    if conformance --scenario "$scenario" --spec-version "$revision" >"$log" && grep -q '^Passed: [1-9]' "$log"; then
      tell PASS "$revision" "$scenario" "$(sed -n 's/^Passed: //p' "$log")"
    else
      tell FAIL "$revision" "$scenario" "see $log"
    fi
  done < <(plain)
else
  start_server --auth none --fixtures
  for revision in $stateful $stateless; do
    log="$home/$revision.log"
    conformance --requirements "$revision" >"$log" || true
    grep -q '^=== SUMMARY ===' "$log" || tell FAIL "$revision" "the whole set" "see $log"
    while IFS=: read -r scenario result; do
      mark=${scenario%% *} scenario=${scenario#* } verdict=PASS
      # Nothing checked is nothing passed.
      if [ "$mark" = ✗ ] || [[ $result == " 0 passed"* ]]; then
        if [[ $scenario =~ $exceptions ]]; then verdict=EXCEPTION; else verdict=FAIL; fi
      fi
      tell $verdict "$revision" "$scenario" "${result# }"
    done < <(sed -n '/^=== SUMMARY ===/,/^Total:/p' "$log" | grep -E '^[✓✗] ')
  done
fi
echo "$failed failed"
exit $((failed > 0))
