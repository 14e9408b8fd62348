# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of ctflowd(8) for bash.

_ctflowd() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='run check doctor status record replay report top accounting nat-lookup nat-log'
    local keys='device host network interface remote_interface zone mark protocol service remote_network asn country direction'
    local command='' one options=''
    for one in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        if [[ " $commands " == *" $one "* ]]; then
            command=$one
            break
        fi
    done

    case $before in
        -c | --config | --database | --socket) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
        --directory) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
        --format) mapfile -t COMPREPLY < <(compgen -W 'table json csv' -- "$word"); return ;;
        --protocol) mapfile -t COMPREPLY < <(compgen -W 'tcp udp icmp icmpv6 sctp' -- "$word"); return ;;
        --namespace) mapfile -t COMPREPLY < <(compgen -W "$(ls /run/netns 2> /dev/null)" -- "$word"); return ;;
        --by)
            mapfile -t COMPREPLY < <(compgen -W "$keys" -- "$word")
            return
            ;;
        --direction)
            mapfile -t COMPREPLY < <(compgen -W 'internet in out local through self all' -- "$word")
            return
            ;;
        --log-format) mapfile -t COMPREPLY < <(compgen -W 'text json journal' -- "$word"); return ;;
        --level) mapfile -t COMPREPLY < <(compgen -W 'minute hour day period' -- "$word"); return ;;
        --period) mapfile -t COMPREPLY < <(compgen -W 'current last' -- "$word"); return ;;
        --at | --interval | --rate | --remote | --since | --subject | --tolerance | --top | --zone) return ;;
    esac

    case $command in
        '') options="$commands --config --log-format --version --json --help" ;;
        run) options='--config --log-format --help' ;;
        check) options='--config --show --json-schema --help' ;;
        doctor) options='--config --json --help' ;;
        status) options='--json --watch --interval --socket --help' ;;
        record) options='--log-format --help' ;;
        replay) options='--config --rate --log-format --help' ;;
        report)
            options='--since --period --by --top --direction --format --bytes --over-quota --config --database'
            options+=' --namespace --help'
            ;;
        top) options='--by --interval --once --top --direction --socket --namespace --help' ;;
        accounting) options='export prune check --level --config --database --namespace --help' ;;
        nat-lookup)
            options='--at --protocol --remote --zone --tolerance --format --subject --config --directory --namespace --help'
            ;;
        nat-log) options='forget --config --directory --namespace --help' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    if [[ $command == run || $command == check || $command == doctor || $command == record || $command == replay ]]; then
        mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _ctflowd ctflowd
