
# Where the package bash-completion is not loaded, this puts the words together
# that bash breaks at = and :.
if ! declare -F _init_completion >/dev/null 2>&1 && ! declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
    __freshet_init_completion()
    {
        COMPREPLY=()
        words=()
        cword=0
        local i glued=0 rest=${COMP_LINE}
        for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
            if ((glued)) && [[ ${rest} != [[:space:]]* ]]; then
                words[${#words[@]}-1]+=${COMP_WORDS[i]}
            else
                words+=("${COMP_WORDS[i]}")
            fi
            rest=${rest#"${rest%%[![:space:]]*}"}
            rest=${rest#"${COMP_WORDS[i]}"}
            # The next word belongs to this one if it, or this one, is a break.
            [[ ${COMP_WORDS[i]} == *[=:] || ${COMP_WORDS[i+1]-} == [=:]* ]] && glued=1 || glued=0
            ((i == COMP_CWORD)) && cword=$((${#words[@]} - 1))
        done
        cur=${words[cword]}
        prev=
        ((cword > 0)) && prev=${words[cword-1]}
    }
fi
