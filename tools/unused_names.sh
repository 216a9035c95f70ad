#!/usr/bin/env bash
# Public names that occur once in src and tests: items that nothing uses, which the compiler does not report
# because they are public. Comments do not count as a use.
set -euo pipefail
cd "$(dirname "$0")/.."

code() { find src tests examples -name '*.rs' -print0 | xargs -0 sed -e 's|^[[:space:]]*//.*||' -e 's|[[:space:]]//[^"]*$||'; }

unused=$(comm -12 \
  <(code | grep -oE 'pub(\([a-z:: ]+\))? (const |async |unsafe )*(fn|struct|enum|trait|type|const|static|mod) [A-Za-z_][A-Za-z_0-9]*' | awk '{print $NF}' | sort -u) \
  <(code | grep -oE '[A-Za-z_][A-Za-z_0-9]*' | sort | uniq -u))
if [ -n "$unused" ]; then
  echo "public names that nothing uses; remove the items, or make them private and let the compiler judge:" >&2
  for name in $unused; do grep -rnE "(fn|struct|enum|trait|type|const|static|mod) $name\b" src tests examples --include=*.rs >&2 || true; done
  exit 1
fi
