# Sourced by the scripts that need a running MCP server: a simulated world and servers in it, all of them on
# free ports of this machine and gone when the script ends. `program` is the oar to run.

program=$(realpath "${program:?the program to serve with}")
place=$(mktemp -d)
# Under a service manager the server tells its token to nobody.
unset JOURNAL_STREAM
started=()
leave() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$place"
}
trap leave EXIT

# Waits until `pattern` stands in `file`, at most 20 s, and prints the first line that has it.
await() {
  local file=$1 pattern=$2
  for _ in $(seq 200); do
    grep -m1 -E "$pattern" "$file" 2>/dev/null && return
    sleep 0.1
  done
  echo "nothing like '$pattern' after 20 s:" >&2
  cat "$file" >&2
  return 1
}

# The world; from here on every oar of this script lives in it.
start_world() {
  "$program" sim serve --port 0 >"$place/world" 2>&1 &
  started+=($!)
  await "$place/world" "^: 'Then" >/dev/null
  # shellcheck disable=SC1090 # written by the line above
  source <(grep '^export ' "$place/world")
}

# start_server ARGUMENTS…: sets `url` (the origin) and, when a token is needed, `token`.
start_server() {
  local log
  log=$(mktemp "$place/server.XXXX")
  "$program" mcp serve --port 0 "$@" >"$log" 2>&1 &
  started+=($!)
  url=$(await "$log" '^serving MCP on ' | sed -E 's!^serving MCP on (http://[^/]+)/.*!\1!')
  token=$(sed -nE 's/.*(oar_[A-Za-z0-9_-]{40,}).*/\1/p' "$log" | head -1)
}
