# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# Debian's own kernels, unmodified, in an emulated machine. Packages are fetched
# and unpacked into the cache, never installed. Sourced by run, which sets:
# here top cache

# newest SERIES PATTERN: the newest package that apt knows of, if any.
newest() {
	apt_cache "$1" search --names-only "$2" | cut -d' ' -f1 |
		grep -v -e '-cloud-' -e '-rt-' | sort -V | tail -1
}

# Packages of Debian's newest kernel of series $1: one, or what it is divided into
# since 7.0.
debian_packages() {
	local series=${1//./\\.} package
	package=$(newest "$1" "^linux-image-$series\..*-amd64-unsigned\$")
	if [ -z "$package" ]; then
		package=$(newest "$1" "^linux-binary-unsigned-$series\..*-amd64\$")
		package=${package:+"$package ${package/binary-unsigned/modules} ${package/binary-unsigned/base}"}
	fi
	echo "$package"
}

# unpacked SERIES PACKAGE...: the directory with their files, fetched when it has
# to be. The version is part of the name: 6.1.192 may come in several packagings.
unpacked() {
	local series=$1 package=$2 version dir deb
	shift
	version=$(apt_cache "$series" show --no-all-versions "$package" 2>/dev/null |
		sed -n 's/^Version: //p' | head -1)
	[ -n "$version" ] || return 1
	dir=$cache/debian/${package}_$version
	if [ ! -e "$dir/complete" ]; then
		echo "fetching $package $version" >&2
		rm -rf "$cache/debian/$package"_*
		mkdir -p "$dir"
		(
			cd "$dir" || exit 1
			apt_get "$series" download "$@" || {
				# The lists may be older than the archive.
				[ "$(id -u)" = 0 ] && apt_get "$series" update &&
					apt_get "$series" download "$@"
			}
		) >&2 || return 1
		for deb in "$dir"/*.deb; do
			dpkg-deb -x "$deb" "$dir" || return 1
		done
		rm "$dir"/*.deb
		touch "$dir/complete"
	fi
	echo "$dir"
}

# debian_kernel SERIES: sets kernel, initrd, modules (a directory that has
# lib/modules) and release.
debian_kernel() {
	local busybox packages
	[ "$(uname -m)" = x86_64 ] ||
		unavailable "the emulated machine is an x86, this one is $(uname -m)"
	command -v apt-get >/dev/null ||
		unavailable "no apt-get to fetch Debian's kernel with"
	need qemu-system-x86_64:qemu-system-x86 depmod:kmod
	read -ra packages < <(debian_packages "$1")
	((${#packages[@]})) || unavailable "apt knows no kernel $1 for amd64"
	modules=$(unpacked "$1" "${packages[@]}") ||
		unavailable "cannot fetch ${packages[*]}"
	busybox=$(unpacked 6.1 busybox-static) ||
		unavailable "cannot fetch busybox-static"
	[ -e "$modules/lib/modules" ] || ln -s usr/lib "$modules/lib"
	release=$(echo "$modules"/lib/modules/*)
	release=${release##*/}
	kernel=$modules/boot/vmlinuz-$release
	[ -e "$kernel" ] || kernel=$modules/lib/modules/$release/vmlinuz.unsigned
	[ -s "$modules/lib/modules/$release/modules.dep" ] ||
		depmod -b "$modules" "$release"
	initrd=$modules/initrd.gz
	python3 "$here/lib/initrd.py" "$busybox/bin/busybox" "$here/guest/initrd.sh" \
		"$modules/lib/modules/$release" virtio_pci 9pnet_virtio 9p \
		>"$initrd" || die "cannot make $initrd"
	echo "$1: Debian's ${packages[0]}, version ${modules##*_}"
}

qemu_options=()

# debian SCRIPT ARGUMENTS [WORD...]: the console of the kernel of debian_kernel.
# One thread: emulators before 8.1 let a processor run code that another one
# has just overwritten, and attaching tracing programs overwrites code.
debian() {
	local script=$1 arguments=$2 qemu_threads=multi qemu_words
	shift 2
	qemu_patches_code || qemu_threads=single
	qemu_words="ctflowd_modules=$(guest_path "$modules") $*"
	qemu "$kernel" "$script" "$arguments" -smp "${processors:-1}" \
		-initrd "$initrd" "${qemu_options[@]}"
}

# The program that measures in the guest and prints what it finds.
find_measure() {
	measure=${CTFLOWD_MEASURE:-$top/build/tests/bpf/measure}
	[ -x "$measure" ] ||
		unavailable "no $measure: build ctflowd with CTFLOWD_BPF, or set CTFLOWD_MEASURE"
}

# What the patch says of the packets of guest/same_packets.py: in $1. Any series
# will do, the rules are one.
ask_patch() {
	local obstacle series=6.1
	obstacle=$(uml_obstacle)
	[ -z "$obstacle" ] || {
		echo "$obstacle"
		return
	}
	has_source $series || series=6.12
	(
		mkdir -p "$cache/locks"
		exec 9>"$cache/locks/$series"
		flock 9
		build "$series" patched uml um uml.config >&2 &&
			uml "$kernel" same_packets.py '' 512M |
			sed -n 's/^SIDE //p' >"$1"
	)
	[ -s "$1" ] || echo "the patched kernel says nothing"
}

# The same packets for the patch and for eBPF, field by field.
same_packets() {
	local series=$1 dir=$cache/debian obstacle
	echo "== $series: patch and eBPF side by side"
	obstacle=$(ask_patch "$dir/same-patch")
	if [ -n "$obstacle" ]; then
		count skipped "$series side by side: NOT RUN, $obstacle"
		return
	fi
	debian same_packets.py '' "ctflowd_measure=$(guest_path "$measure")" |
		sed -n 's/^SIDE //p' >"$dir/same-$series"
	if python3 "$here/lib/same_packets.py" "$dir/same-patch" \
		"$dir/same-$series"
	then
		count ok "$series: side by side"
	else
		count FAILED "$series: side by side"
	fi
}

# debian_daemon SERIES ORIGIN [SCRIPT]: the real daemon, which is told who is to
# measure.
debian_daemon() {
	local script=${3:-daemon.py}
	if [ -z "${CTFLOWD:-}" ]; then
		count skipped "$1 eBPF ${script%.py}: NOT RUN, set CTFLOWD to a ctflowd binary"
		return
	fi
	[ -x "$CTFLOWD" ] || die "CTFLOWD=$CTFLOWD is not executable"
	need nfcapd:nfdump objcopy:binutils
	verdicts "$1 eBPF ${script%.py}, $2" < <(debian "$script" '' \
		"ctflowd=$(guest_path "$CTFLOWD")" \
		"nfcapd=$(command -v nfcapd)" "ctflowd_origin=$2")
}

# What a packet and a connection cost: an emulator that counts instructions.
bpf_cost() {
	debian_kernel "$1"
	find_measure
	qemu_options=(-icount 'shift=0,sleep=off')
	verdicts "$1 eBPF cost" < <(debian cost_bpf.py '' \
		"ctflowd_measure=$(guest_path "$measure")" \
		${CTFLOWD:+"ctflowd=$(guest_path "$CTFLOWD")"})
	qemu_options=()
}

# Everything that is to be shown with Debian's kernel of series $1.
bpf_tests() {
	local series=$1 arguments=$2
	debian_kernel "$series"
	find_measure
	if [ "$arguments" = side,by,side ]; then
		same_packets "$series"
		return
	fi
	# A connection takes about 1 KiB: entry, extensions, what is measured of it.
	local storm=${CTFLOWD_STORM:-200000}
	verdicts "$series eBPF" < <(qemu_memory=$((1024 + storm / 500)) \
		debian main.py "$arguments" "ctflowd_storm=$storm" \
		"ctflowd_measure=$(guest_path "$measure")")
	# Netfilter programs came with 6.4. Two processors race each other in the same
	# machine.
	[ "$series" = 6.1 ] || verdicts "$series netfilter programs" < <(processors=2 \
		debian main.py "$arguments" ctflowd_origin=netfilter \
		"ctflowd_measure=$(guest_path "$measure")")
	[ -z "$arguments" ] || return
	verdicts "$series eBPF, two processors" < <(processors=2 \
		debian smp.py '' "ctflowd_measure=$(guest_path "$measure")")
	same_packets "$series"
	debian_daemon "$series" fentry
	[ "$series" = 6.1 ] || debian_daemon "$series" netfilter
	debian_daemon "$series" auto refusals.py
}
