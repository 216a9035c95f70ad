# fish completion of oar and its other names; made by: oar completions fish
function __oar_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($words[1] __complete (count $words) $words "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        # A value behind = is completed alone and put back.
        set -l name (string match -r -- '^--[^=]*=' "$current")
        for path in (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$current"))
            echo "$name$path"
        end
    end
end
for name in oar oarctl job jobctl
    complete -c $name -f -a '(__oar_complete)'
end
