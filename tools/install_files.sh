#!/bin/bash
# install_files.sh PROGRAM: puts oar, its other names, manual pages and completions below $DESTDIR$PREFIX.
# A file that no earlier install wrote is never replaced: all such files are named and nothing is done, unless
# FORCE=1. NAMES= leaves the other names out. What was written is listed in share/oar/installed.
# install_files.sh --remove: takes away what is listed there.
set -eu
prefix=${DESTDIR:-}${PREFIX:-/usr/local}
list=$prefix/share/oar/installed
names=${NAMES-oarctl job jobctl}
bash=$prefix/share/bash-completion/completions
zsh=$prefix/share/zsh/site-functions
fish=$prefix/share/fish/vendor_completions.d

ours() { [ -f "$list" ] && grep -qxF -- "$1" "$list"; }

if [ "$1" = --remove ]; then
  [ -f "$list" ] || { echo "$list does not exist: no install of ours is below $prefix" >&2; exit 1; }
  while IFS= read -r file; do rm -f -- "$file"; done < "$list"
  rm -f -- "$list"
  exit 0
fi

program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$program" man --dir "$work/man" > /dev/null
links=()
files=("$prefix/bin/oar" "$bash/oar" "$zsh/_oar" "$fish/oar.fish")
for page in "$work"/man/*; do files+=("$prefix/share/man/man1/$(basename "$page")"); done
for name in $names; do
  links+=("oar $prefix/bin/$name" "oar $bash/$name" "oar.fish $fish/$name.fish")
  files+=("$prefix/bin/$name" "$bash/$name" "$fish/$name.fish")
done

foreign=()
for file in "${files[@]}"; do
  if { [ -e "$file" ] || [ -L "$file" ]; } && ! ours "$file"; then foreign+=("$file"); fi
done
if [ ${#foreign[@]} -gt 0 ] && [ "${FORCE:-}" != 1 ]; then
  {
    echo "nothing was installed: these files exist and no install of ours wrote them"
    printf '  %s\n' "${foreign[@]}"
    echo "FORCE=1 replaces them; NAMES= leaves the other names (oarctl, job, jobctl) out; PREFIX=DIR goes elsewhere"
  } >&2
  exit 1
fi

install -d "$prefix/share/oar" "$bash" "$zsh" "$fish"
{ [ ! -f "$list" ] || cat "$list"; printf '%s\n' "${files[@]}"; } | sort -u > "$work/list"
# Before the files: an install that breaks off is finished by the next one.
install -m 644 "$work/list" "$list"
# A program that runs, or a link that points elsewhere, is replaced and not written through.
rm -f -- "${files[@]}"
install -D -m 755 "$program" "$prefix/bin/oar"
install -D -m 644 -t "$prefix/share/man/man1" "$work"/man/*
"$program" completions bash > "$bash/oar"
"$program" completions zsh > "$zsh/_oar"
"$program" completions fish > "$fish/oar.fish"
for link in "${links[@]}"; do ln -s ${link%% *} "${link#* }"; done
