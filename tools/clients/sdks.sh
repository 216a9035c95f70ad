#!/usr/bin/env bash
# The official SDKs for Python and TypeScript list and call tools over HTTP, SSE and stdio.
# Usage: tools/clients/sdks.sh [PROGRAM]
set -euo pipefail
cd "$(dirname "$0")/../.."
program=${1:-${CARGO_TARGET_DIR:-target}/debug/oar}
source tools/clients/npm.sh
source tools/clients/serve.sh
python_sdk=mcp==2.3.0
home=target/sdk-clients

install "$home/typescript" @modelcontextprotocol/sdk@1.32.2 node@22.23.3
if [ "$(cat "$home/python/installed" 2>/dev/null)" != "$python_sdk" ]; then
  rm -rf "$home/python"
  python3 -m venv "$home/python"
  "$home/python/bin/pip" install -q "$python_sdk" || skip "PyPI is not reachable"
  echo "$python_sdk" >"$home/python/installed"
fi

start_world
start_server
failed=0
"$home/python/bin/python" tools/clients/python_sdk.py "$program" "$url" "$token" || failed=1
"$home/typescript/node_modules/node/bin/node" tools/clients/typescript_sdk.mjs \
  "$PWD/$home/typescript" "$program" "$url" "$token" || failed=1
exit $failed
