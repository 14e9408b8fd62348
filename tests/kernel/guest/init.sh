#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Process 1 of the guest. The root file system is the host's, read only.
# ctflowd_tests (kernel command line): directory with the tests
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/netns /run/lock
value() {
	sed -n "s/.* $1=\\([^ ]*\\).*/\\1/p; s/^$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline
}
CTFLOWD=$(value ctflowd)
NFCAPD=$(value nfcapd)
export CTFLOWD NFCAPD
echo "KERNEL $(uname -r)"
cd "$(value ctflowd_tests)" || poweroff -f
script=$(value ctflowd_script)
# Words are separated by commas there.
arguments=$(value ctflowd_arguments | tr ',' ' ')
# shellcheck disable=SC2086
python3 "${script:-main.py}" $arguments
echo "EXIT $?"
dmesg | grep -E 'WARNING|BUG|KASAN|KCSAN|UBSAN|suspicious|possible recursive|circular|lockdep|leak' |
	sed 's/^/SPLAT /'
poweroff -f
