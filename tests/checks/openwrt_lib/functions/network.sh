#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash disable=SC2034
# Stands for /lib/functions/network.sh of OpenWrt in tests/checks/openwrt: the interface lan is up, others are not.

network_get_subnets() {
    [ "$2" = lan ] && eval "$1='192.168.1.1/24 10.3.77.1/12'"
}

network_get_subnets6() {
    [ "$2" = lan ] && eval "$1='fd12:3456:789a:bcde::1/60'"
}
