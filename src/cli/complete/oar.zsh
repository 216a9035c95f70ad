#compdef oar oarctl job jobctl
# zsh completion of oar and its other names; made by: oar completions zsh
_oar() {
    local line value
    local -a found
    while IFS= read -r line; do
        value="${line%%$'\t'*}"
        found+=("${value//:/\\:}:${line#*$'\t'}")
    done < <("${(Q)words[1]/#\~/$HOME}" __complete $((CURRENT - 1)) "${(@Q)words}" 2>/dev/null)
    if (( ${#found} )); then
        _describe 'oar' found
    else
        # A value behind = is a file of its own.
        [[ $PREFIX == --*=* ]] && compset -P 1 '*='
        _files
    fi
}
if [ "${funcstack[1]}" = "_oar" ]; then
    _oar "$@"
else
    compdef _oar oar oarctl job jobctl
fi
