# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of ctflowd(8) for fish.

set -l commands run check doctor status record replay report top accounting nat-lookup nat-log
set -l none "not __fish_seen_subcommand_from $commands"
set -l configured __fish_seen_subcommand_from run check doctor replay report accounting nat-lookup nat-log

complete -c ctflowd -f
complete -c ctflowd -s h -l help -d 'Print help'
complete -c ctflowd -n "$none" -s V -l version -d 'Print the version'
complete -c ctflowd -n "$none" -l json -d 'With --version: print JSON'
complete -c ctflowd -n "$none" -s c -l config -r -F -d 'Configuration file'
complete -c ctflowd -n "$none" -a run -d 'Export until SIGTERM or SIGINT'
complete -c ctflowd -n "$none" -a check -d 'Check the configuration file'
complete -c ctflowd -n "$none" -a doctor -d 'Check this host'
complete -c ctflowd -n "$none" -a status -d 'Show the status of a running ctflowd'
complete -c ctflowd -n "$none" -a record -d "Write the kernel's events to a file"
complete -c ctflowd -n "$none" -a replay -d 'Export the events of a recorded file'
complete -c ctflowd -n "$none" -a report -d 'Say who used how much'
complete -c ctflowd -n "$none" -a top -d 'Show who uses how much now'
complete -c ctflowd -n "$none" -a accounting -d 'Look after the accounting database'
complete -c ctflowd -n "$none" -a nat-lookup -d 'Say who used a public address and port'
complete -c ctflowd -n "$none" -a nat-log -d 'Change the NAT log'

complete -c ctflowd -n "$configured" -s c -l config -r -F -d 'Configuration file'
complete -c ctflowd -n "$none; or __fish_seen_subcommand_from run record replay" -l log-format -x -a 'text json journal' -d 'Format of log lines'
complete -c ctflowd -n '__fish_seen_subcommand_from run check doctor record replay' -F
complete -c ctflowd -n '__fish_seen_subcommand_from check' -l show -d 'Print the configuration that is used'
complete -c ctflowd -n '__fish_seen_subcommand_from check' -l json-schema -d 'Print the JSON Schema of configuration files'
complete -c ctflowd -n '__fish_seen_subcommand_from doctor status' -l json -d 'Print JSON'
complete -c ctflowd -n '__fish_seen_subcommand_from status' -l watch -d Repeat
complete -c ctflowd -n '__fish_seen_subcommand_from status top' -l interval -x -d 'Seconds between two looks'
complete -c ctflowd -n '__fish_seen_subcommand_from status top' -l socket -r -F -d 'status.socket of the running ctflowd'
complete -c ctflowd -n '__fish_seen_subcommand_from replay' -l rate -x -d 'Events per second'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup' -l at -x -d When
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup' -l protocol -x -a 'tcp udp icmp icmpv6 sctp'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup' -l remote -x -d 'Whom it was used with'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup' -l zone -x -d 'Of this conntrack zone only'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup' -l tolerance -x -d 'How far clocks may be apart'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup report' -l format -x -a 'table json csv'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup' -l subject -x -d 'All rows of an inside address'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup nat-log' -l directory -x -a '(__fish_complete_directories)'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-lookup nat-log report top accounting' -l namespace -x -d 'Network namespace'
complete -c ctflowd -n '__fish_seen_subcommand_from nat-log' -a forget -d 'Remove an address from all rows'
complete -c ctflowd -n '__fish_seen_subcommand_from report' -l since -x -d 'How far back'
complete -c ctflowd -n '__fish_seen_subcommand_from report' -l period -x -a 'current last'
complete -c ctflowd -n '__fish_seen_subcommand_from report top' -l by -x -a 'device host network interface remote_interface zone mark protocol service remote_network asn country direction'
complete -c ctflowd -n '__fish_seen_subcommand_from report top' -l top -x -d Rows
complete -c ctflowd -n '__fish_seen_subcommand_from report top' -l direction -x -a 'internet in out local through self all'
complete -c ctflowd -n '__fish_seen_subcommand_from report' -l bytes -d 'Numbers without units'
complete -c ctflowd -n '__fish_seen_subcommand_from report' -l over-quota -d Quotas
complete -c ctflowd -n '__fish_seen_subcommand_from top' -l once -d 'End after one interval'
complete -c ctflowd -n '__fish_seen_subcommand_from report accounting' -l database -r -F -d accounting.database
complete -c ctflowd -n '__fish_seen_subcommand_from accounting' -a 'export prune check'
complete -c ctflowd -n '__fish_seen_subcommand_from accounting' -l level -x -a 'minute hour day period'
