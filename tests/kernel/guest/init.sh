#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Process 1 of the guest. The root file system is the host's, read only.
# On the kernel's command line:
# ctflowd_tests    directory with the tests
# ctflowd_modules  directory with lib/modules, of a kernel that has modules
# ctflowd_measure  tests/bpf/measure, where eBPF is to measure
# ctflowd_storm    how many connections end at once
# ctflowd_origin   source.measure for the daemon; netfilter: for ctflowd_measure, too
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/netns /run/lock /run/host
# What these two hide of the host.
mount --bind / /run/host
value() {
	sed -n "s/.* $1=\\([^ ]*\\).*/\\1/p; s/^$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline
}
CTFLOWD=$(value ctflowd)
NFCAPD=$(value nfcapd)
CTFLOWD_MEASURE=$(value ctflowd_measure)
CTFLOWD_STORM=$(value ctflowd_storm)
CTFLOWD_SOURCE_MEASURE=$(value ctflowd_origin)
export CTFLOWD_STORM CTFLOWD NFCAPD CTFLOWD_MEASURE CTFLOWD_SOURCE_MEASURE
# This kernel's modules are not where the host has its own: whatever it misses
# comes from there.
modules=$(value ctflowd_modules)
if [ -n "$modules" ]; then
	printf '#!/bin/sh\nexec modprobe -d %s "$@"\n' "$modules" >/run/modprobe
	chmod +x /run/modprobe
	echo /run/modprobe >/proc/sys/kernel/modprobe
	for module in br_netfilter nf_conntrack_netlink nf_flow_table_inet \
		nfnetlink_queue pktgen veth
	do
		/run/modprobe $module
	done
fi
echo "KERNEL $(uname -r)"
# What a kernel with lockdep says before it has started us is not about the
# patches, unless it names what they touch: 6.1 as User Mode Linux complains of
# its own maple_tree.
complaints='WARNING|BUG|KASAN|KCSAN|UBSAN|suspicious|possible recursive|circular|lockdep|leak'
dmesg -c | grep -vi -e 'command line:' -e 'checking is enabled' >/tmp/boot.log
if grep -qE 'nf_conntrack|nf_ct_|ctnetlink|flow_offload' /tmp/boot.log; then
	grep -E "$complaints" /tmp/boot.log | sed 's/^/SPLAT /'
else
	grep -E "$complaints" /tmp/boot.log | head -n 1 | sed 's/^/note: before init: /'
fi
cd "$(value ctflowd_tests)" || poweroff -f
script=$(value ctflowd_script)
# Words are separated by commas there.
arguments=$(value ctflowd_arguments | tr ',' ' ')
# shellcheck disable=SC2086
python3 "${script:-main.py}" $arguments
echo "EXIT $?"
dmesg | grep -E "$complaints" | sed 's/^/SPLAT /'
poweroff -f
