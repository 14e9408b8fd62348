# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# The tests on a 32-bit kernel, where a 64-bit value is two words: i386 with two
# processors in qemu, with Debian's i386 programs. Sourced by run.

# A Debian of i386 with what the tests call, in $cache/i386.
userland_i386() {
	local root=$cache/i386
	[ -f "$root/complete" ] || {
		[ "$(id -u)" = 0 ] || die "--32bit has to be root once, for debootstrap"
		need debootstrap:debootstrap
		echo "installing Debian for i386 in $root"
		rm -rf "$root"
		debootstrap --arch=i386 --variant=minbase \
			--include=python3,iproute2,nftables,conntrack,ethtool,procps \
			bookworm "$root" "$(mirror)" >"$cache/i386.log" 2>&1 ||
			die "debootstrap: $(tail -1 "$cache/i386.log"), see $cache/i386.log"
		touch "$root/complete"
	}
	rm -rf "$root/tests"
	cp -r "$here/guest" "$root/tests"
}

run_32bit() {
	local series=$1
	userland_i386
	build "$series" patched i386 i386 uml.config qemu.config 32bit.config
	export qemu_root=$cache/i386
	run_qemu "$series 32-bit" "$kernel" main.py "$2"
	run_smp "$series 32-bit smp" "$kernel"
	unset qemu_root
}
