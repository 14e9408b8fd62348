#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
# Stands for /lib/functions.sh of OpenWrt in tests/checks/openwrt, as far as packaging/openwrt uses it: the functions
# that read UCI, with the same arguments, variables and callbacks (openwrt/openwrt, package/base-files). `uci export`
# prints a file of UCI with quoted values, which the original evaluates, too.

config_cb() { :; }
option_cb() { :; }
list_cb() { :; }

package() { :; }

config() {
    sections=$((sections + 1))
    CONFIG_SECTION=${2:-cfg$sections}
    CONFIG_SECTIONS="$CONFIG_SECTIONS $CONFIG_SECTION"
    config_set "$CONFIG_SECTION" TYPE "$1"
    config_cb "$1" "$CONFIG_SECTION"
}

option() {
    local name=$1
    shift
    config_set "$CONFIG_SECTION" "$name" "$*"
    option_cb "$name" "$*"
}

list() {
    local name=$1 length joined
    shift
    config_get length "$CONFIG_SECTION" "${name}_LENGTH" 0
    config_get joined "$CONFIG_SECTION" "$name"
    length=$((length + 1))
    config_set "$CONFIG_SECTION" "${name}_ITEM$length" "$*"
    config_set "$CONFIG_SECTION" "${name}_LENGTH" "$length"
    config_set "$CONFIG_SECTION" "$name" "${joined:+$joined }$*"
    list_cb "$name" "$*"
}

config_load() {
    sections=0
    CONFIG_SECTIONS=
    CONFIG_SECTION=
    [ -r "$CTFLOWD_TEST_CONFIG/$1" ] || return 1
    load_lines "$CTFLOWD_TEST_CONFIG/$1"
    [ -z "$CONFIG_SECTION" ] || config_cb
}

# As `uci -S export`, which config_load runs: a line that cannot be read is left out, in silence.
load_lines() {
    local line
    if uci export "${1##*/}" > /dev/null 2>&1; then
        # shellcheck source=/dev/null
        . "$1"
        return
    fi
    while IFS= read -r line; do
        ! (eval "$line") > /dev/null 2>&1 || eval "$line"
    done < "$1"
}

config_set() {
    eval "CONFIG_${1}_${2}=\$3"
}

# config_get VARIABLE SECTION OPTION [DEFAULT]: nothing, and the variable stays, for other characters in a name.
config_get() {
    case $2$3 in *[!A-Za-z0-9_]*) return ;; esac
    eval "$1=\${CONFIG_${2}_${3}:-\$4}"
}

config_get_bool() {
    local word
    config_get word "$2" "$3" "$4"
    case $word in
        1 | on | true | yes | enabled) eval "$1=1" ;;
        0 | off | false | no | disabled) eval "$1=0" ;;
        *) eval "$1=\$4" ;;
    esac
}

config_foreach() {
    local function=$1 wanted=$2 section found
    for section in $CONFIG_SECTIONS; do
        config_get found "$section" TYPE
        [ "$found" != "$wanted" ] || "$function" "$section"
    done
}

config_list_foreach() {
    local section=$1 option=$2 function=$3 length number=1 item
    config_get length "$section" "${option}_LENGTH" 0
    while [ "$number" -le "$length" ]; do
        config_get item "$section" "${option}_ITEM$number"
        "$function" "$item"
        number=$((number + 1))
    done
}
