#!/bin/bash
# Rehearses from every state file below a folder, with people who help: one line per file.
# usage: tools/people_help.sh PROGRAM FOLDER
set -uo pipefail
program=${1:?the program}
folder=${2:?a folder with state files}
unexplained=0
for file in "$folder"/*/*.yaml; do
  text=$("$program" rehearse --from "$file" --people-help 2>&1)
  exit=$?
  end=$(grep -E '^REHEARSAL of .*: .*, overall' <<<"$text" | tail -1 | sed -E 's/^REHEARSAL of [^:]*: //; s/ in [0-9]+ ms$//')
  why=$(grep -E '^(nobody could finish|error:|  why:|  next:)' <<<"$text" | sed -E 's/^ +//' | paste -sd' ' -)
  printf '%-28s exit %s  %s%s\n' "${file#"$folder"/}" "$exit" "$end" "${why:+  ($why)}"
  if [ "$exit" != 0 ] && [ -z "$why" ]; then unexplained=$((unexplained + 1)); fi
done
if [ "$unexplained" != 0 ]; then echo "$unexplained ended without Done and without saying why" >&2; exit 1; fi
