# Sourced by the scripts that run programs from npm. What was installed once is used again without network.

# skip REASON: ends the script; with OAR_REQUIRE_NPM=1 what cannot be checked has failed.
skip() {
  echo "SKIP $(basename "$0"): $1"
  [ -z "${OAR_REQUIRE_NPM:-}" ] || exit 1
  exit 0
}

# install FOLDER PACKAGE@VERSION…: the packages below FOLDER/node_modules.
install() {
  local folder=$1
  shift
  if [ "$(cat "$folder/installed" 2>/dev/null)" = "$*" ]; then return; fi
  command -v npm >/dev/null || skip "npm is not installed"
  npm ping --silent --fetch-retries 1 --fetch-timeout 10000 >/dev/null 2>&1 || skip "the npm registry is not reachable"
  rm -rf "$folder"
  mkdir -p "$folder"
  echo '{ "private": true }' >"$folder/package.json"
  echo "installing $* below $folder"
  npm install --prefix "$folder" --save-exact --no-audit --no-fund --loglevel error "$@"
  echo "$*" >"$folder/installed"
}
