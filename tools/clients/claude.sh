#!/usr/bin/env bash
# The Claude Code client connects over every transport: its own health check says so, no model is asked.
# Usage: tools/clients/claude.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${1:-${CARGO_TARGET_DIR:-target}/debug/oar}
source tools/clients/npm.sh
source tools/clients/serve.sh
install target/claude-client @anthropic-ai/claude-code@2.1.330
client=$PWD/target/claude-client/node_modules/.bin/claude

start_world
start_server
# A person who never used the client: nothing in HOME, nothing in the environment, nothing sent home.
mkdir "$place/person" "$place/work"
# The invented credentials of the world, for the server that the client starts itself.
mapfile -t world < <(sed -nE "s/^export ([A-Z_]+)='(.*)'$/\1=\2/p" "$place/world")
claude() {
  (cd "$place/work" && env -i "${world[@]}" PATH="$PATH" HOME="$place/person" DISABLE_TELEMETRY=1 \
    DISABLE_ERROR_REPORTING=1 DISABLE_AUTOUPDATER=1 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
    timeout 60 "$client" "$@" </dev/null)
}
echo "claude $(claude --version)"
failed=0
# tell NAME CONNECTED: whether the client says so of the server it calls NAME.
tell() {
  local line connected=no
  line=$(grep "^$1:" "$place/listed") || line="$1 is not listed" connected=unknown
  if [[ $line == *Connected* ]]; then connected=yes; fi
  if [ $connected = "$2" ]; then
    echo "PASS claude, $line"
  else
    echo "FAIL claude, $line"
    failed=1
  fi
}
# add NAME TRANSPORT PATH TOKEN
add() {
  claude mcp add --transport "$2" "$1" "$url$3" --header "Authorization: Bearer $4" >"$place/added" || cat "$place/added"
}
add http http /mcp "$token"
add sse sse /sse "$token"
add wrong-token http /mcp oar_wrong
claude mcp list >"$place/listed" 2>&1 || true
tell http yes
tell sse yes
tell wrong-token no

# The same with what `oar mcp install` writes.
for transport in http sse stdio; do
  rm -rf "$place/person"/.claude*
  (cd "$place/work" && HOME="$place/person" "$program" mcp install --scope user --transport $transport --url "$url") \
    >"$place/installed" 2>&1 || cat "$place/installed"
  claude mcp list >"$place/listed" 2>&1 || true
  tell release-tests yes
done
exit $failed
