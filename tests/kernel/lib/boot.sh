# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# Boots a kernel and adds up what the guest says. Sourced by run, which sets:
# here top cache kernel; changes passed failed skipped

# The header in the patches and the one for the daemon are one and the same.
check_header() {
	local series patch
	for series in "$top"/kernel-patches/[0-9]*; do
		patch=$(grep -l '^+++ b/include/uapi/linux/netfilter/nf_conntrack_flow.h' \
			"$series"/0*.patch | head -1)
		if [ -n "$patch" ] && awk '
			/^diff --git / { on = / b\/include\/uapi\/linux\/netfilter\/nf_conntrack_flow.h$/ }
			on && /^\+/ && !/^\+\+\+ / { print substr($0, 2) }' "$patch" |
			cmp -s - "$top/kernel-patches/nf_conntrack_flow.h"
		then
			count "ok" "header: ${series##*/} has kernel-patches/nf_conntrack_flow.h"
		else
			count "FAILED" "header: ${series##*/} differs from kernel-patches/nf_conntrack_flow.h"
		fi
	done
}

count() {
	echo "$1 $2"
	case $1 in
	ok) passed=$((passed + 1)) ;;
	FAILED) failed=$((failed + 1)) ;;
	*) skipped=$((skipped + 1)) ;;
	esac
}

# UML maps its memory from a file, which has to allow execution.
uml_tmpdir() {
	local dir
	for dir in /dev/shm "${TMPDIR:-/tmp}" "$cache"; do
		if [ -w "$dir" ] && ! findmnt -no OPTIONS -T "$dir" | grep -qw noexec
		then
			echo "$dir"
			return
		fi
	done
}

# uml KERNEL SCRIPT ARGUMENTS MEMORY [WORD...]: the guest's console on stdout.
uml() {
	local kernel=$1 script=$2 arguments=$3 memory=$4
	shift 4
	TMPDIR=$(uml_tmpdir) timeout -k 5 1200 "$kernel" mem="$memory" \
		rootfstype=hostfs rootflags=/ root=/dev/root ro \
		init="$here/guest/init.sh" ctflowd_tests="$here/guest" \
		ctflowd_script="$script" ctflowd_arguments="$arguments" \
		con=null ssl=null con0=null,fd:1 quiet loglevel=1 panic=-1 "$@" \
		</dev/null 2>&1 | clean
}

# qemu KERNEL SCRIPT ARGUMENTS WORD...: the same in a virtual machine.
qemu() {
	local kernel=$1 script=$2 arguments=$3
	shift 3
	need qemu-system-x86_64:qemu-system-x86
	timeout -k 5 1800 qemu-system-x86_64 -accel tcg,thread=multi -cpu max \
		-m 1024 -nographic -no-reboot -net none -kernel "$kernel" \
		-virtfs "local,path=/,id=host,mount_tag=root,security_model=none,readonly=on,multidevs=remap" \
		"$@" -append "console=ttyS0 quiet loglevel=1 panic=-1 \
rootfstype=9p rootflags=trans=virtio,version=9p2000.L,msize=262144 \
root=root ro init=$here/guest/init.sh ctflowd_tests=$here/guest \
nf_conntrack.hashsize=4096 \
ctflowd_script=$script ${arguments:+ctflowd_arguments=$arguments}" \
		</dev/null 2>&1 | clean
}

clean() {
	tr -d '\r' | grep --line-buffered -a -v -e 'configured out of UML' \
		-e 'setup_one_line' -e 'wtmp record' -e '^reboot:' \
		-e '^Powering off' -e '^.\[' -e '^SeaBIOS' -e '^iPXE' \
		-e '^Booting from ROM' -e '^$'
}

# Prints the guest's output and counts its verdicts.
verdicts() {
	local title=$1 line result='' splat=0
	while IFS= read -r line; do
		case $line in
		'KERNEL '*) echo "== $title: booted ${line#KERNEL }" ;;
		'RESULT '*) result=${line#RESULT } ;;
		'EXIT '*) ;;
		'SPLAT '*)
			echo "$line"
			splat=1
			;;
		*) echo "$line" ;;
		esac
	done
	if [ -z "$result" ]; then
		count FAILED "$title: the guest did not finish"
		return
	fi
	# shellcheck disable=SC2086
	set -- $result
	passed=$((passed + $1)) failed=$((failed + $2))
	skipped=$((skipped + $3))
	if ((splat)); then
		count FAILED "$title: the kernel complains"
	else
		count ok "$title: the kernel does not complain"
	fi
}

run_uml() {
	verdicts "$1" < <(uml "$2" "$3" "$4" "$5")
}

run_qemu() {
	verdicts "$1" < <(qemu "$2" "$3" '' -smp 2)
}

# The same traffic on both kernels, numbers next to each other.
measure_uml() {
	uml "$2" side_by_side.py '' 512M | sed -n 's/^SIDE //p' \
		>"$cache/side-${1##* }"
}

side_by_side() {
	echo "== $1: stock and patched side by side"
	if python3 "$here/lib/side_by_side.py" "$cache/side-stock" \
		"$cache/side-patched"
	then
		count ok "$1: side by side"
	else
		count FAILED "$1: side by side"
	fi
}

# The real daemon in the patched kernel, when there is one to run.
run_daemon() {
	if [ -z "${CTFLOWD:-}" ]; then
		count skipped "$1 daemon: NOT RUN, set CTFLOWD to a ctflowd binary"
		return
	fi
	[ -x "$CTFLOWD" ] || die "CTFLOWD=$CTFLOWD is not executable"
	# The guest has a /tmp and a /run of its own.
	case $(readlink -f "$CTFLOWD") in
	/tmp/* | /run/*) die "CTFLOWD=$CTFLOWD: the guest cannot see it, copy it elsewhere" ;;
	esac
	need nfcapd:nfdump
	verdicts "$1 daemon" < <(uml "$2" daemon.py '' 512M \
		ctflowd="$(readlink -f "$CTFLOWD")" \
		nfcapd="$(command -v nfcapd)")
}
