# SPDX-License-Identifier: GPL-2.0-or-later
# A file of protocols as nlbwmon has it (PROTOCOL PORT NAME) as `services:` of ctflowd, for uci-to-yaml. Protocols
# without ports are left out: the key `protocol` has them.
NF == 0 || /^#/ { next }
NF != 3 || $1 !~ /^[0-9]+$/ || $2 !~ /^[0-9]+$/ || $1 > 255 || $2 > 65535 || $3 !~ /^[A-Za-z0-9._-]+$/ || $3 == "other" {
    wrong = "line " NR ": expected PROTOCOL PORT NAME, such as 6 443 HTTPS, got " $0
    exit
}
$2 == 0 || ($1, $2) in seen { next }
{
    seen[$1, $2]
    if (!($3 in ports)) names[++count] = $3
    protocol = $1 == 6 ? "tcp" : $1 == 17 ? "udp" : $1
    ports[$3] = ports[$3] ($3 in ports && ports[$3] != "" ? ", " : "") "\"" protocol "/" $2 "\""
}
END {
    if (wrong != "") {
        print wrong
        exit 1
    }
    keys = dash
    sub(/- $/, "  ", keys)
    for (i = 1; i <= count; i++) print dash "name: \"" names[i] "\"\n" keys "ports: [" ports[names[i]] "]"
}
