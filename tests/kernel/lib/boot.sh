# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# Boots a kernel and adds up what the guest says. Sourced by run, which sets:
# here top cache kernel series; changes passed failed skipped

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

# UML maps its memory from a file, which has to allow execution and to have
# the room: /dev/shm of a container has 64 MB.
uml_tmpdir() {
	local dir available
	for dir in /dev/shm "${TMPDIR:-/tmp}" "$cache"; do
		[ -w "$dir" ] || continue
		available=$(df --output=avail -k "$dir" | tail -1)
		if ((available >= 1200 * 1024)) &&
			! findmnt -no OPTIONS -T "$dir" | grep -qw noexec
		then
			echo "$dir"
			return
		fi
	done
	return 1
}

# Prints why User Mode Linux cannot run on this machine, if so.
uml_obstacle() {
	if [ "$(uname -m)" != x86_64 ]; then
		echo "User Mode Linux is for x86, this machine is $(uname -m)"
	elif ! uml_tmpdir >/dev/null; then
		echo "no directory for the guest's memory: /dev/shm, ${TMPDIR:-/tmp} and $cache are too small or mounted noexec"
	elif ! python3 - <<-'END'
		import ctypes, os, sys
		child = os.fork()
		if not child:
		    os._exit(ctypes.CDLL(None).ptrace(0, 0, 0, 0) != 0)
		sys.exit(os.waitpid(child, 0)[1] != 0)
	END
	then
		echo "ptrace is not permitted here, User Mode Linux needs it"
	fi
}

# Some sandboxes show their limits only when the guest starts. A kernel that
# gets as far as to panic is the tests' business, not this machine's.
uml_starts() {
	local output
	output=$(TMPDIR=$(uml_tmpdir) timeout -k 5 60 "$1" mem=512M \
		rootfstype=hostfs rootflags=/ root=/dev/root ro init=/bin/true \
		con=null ssl=null con0=null,fd:1 quiet panic=-1 </dev/null 2>&1 |
		tr -d '\r\0')
	case $output in
	*'Kernel panic'* | *'Call Trace'*) return 0 ;;
	esac
	unavailable "User Mode Linux does not start on this machine: $(
		printf '%s' "$output" | grep -v '^$' | tail -3 | tr '\n' ' ')"
}

# How the guest names a file of the host: it has a /tmp and a /run of its own.
guest_path() {
	local path
	path=$(readlink -f "$1")
	case $path in
	/tmp/* | /run/*) echo "/run/host$path" ;;
	*) echo "$path" ;;
	esac
}

# uml KERNEL SCRIPT ARGUMENTS MEMORY [WORD...]: the guest's console on stdout.
uml() {
	local kernel=$1 script=$2 arguments=$3 memory=$4 directory
	shift 4
	directory=$(uml_tmpdir) || die "$(uml_obstacle)"
	TMPDIR=$directory timeout -k 5 1200 "$kernel" mem="$memory" \
		rootfstype=hostfs rootflags=/ root=/dev/root ro \
		init="$here/guest/init.sh" \
		ctflowd_tests="$(guest_path "$here/guest")" \
		ctflowd_script="$script" ctflowd_arguments="$arguments" \
		con=null ssl=null con0=null,fd:1 quiet loglevel=1 panic=-1 "$@" \
		</dev/null 2>&1 | clean
}

# qemu KERNEL SCRIPT ARGUMENTS OPTION...: the same in a virtual machine.
# qemu_threads is single or multi (default), qemu_words are for the kernel,
# qemu_memory is in MiB.
qemu() {
	local kernel=$1 script=$2 arguments=$3
	shift 3
	need qemu-system-x86_64:qemu-system-x86
	timeout -k 5 3600 qemu-system-x86_64 -accel "tcg,thread=${qemu_threads:-multi}" -cpu max \
		-m "${qemu_memory:-1024}" -nographic -no-reboot -net none -kernel "$kernel" \
		-virtfs "local,path=/,id=host,mount_tag=root,security_model=none,readonly=on,multidevs=remap" \
		"$@" -append "console=ttyS0 quiet loglevel=1 panic=-1 \
rootfstype=9p rootflags=trans=virtio,version=9p2000.L,msize=262144 \
root=root ro init=$here/guest/init.sh \
ctflowd_tests=$(guest_path "$here/guest") \
nf_conntrack.hashsize=4096 \
ctflowd_script=$script ${arguments:+ctflowd_arguments=$arguments} \
${qemu_words:-}" \
		</dev/null 2>&1 | clean
}

clean() {
	sed -u -E 's/\r//g; s/\x1b(\[[?0-9;]*[A-Za-z]|c)//g' |
		grep --line-buffered -a -v -e 'configured out of UML' \
		-e 'setup_one_line' -e 'wtmp record' \
		-e '^\(\[[ .0-9]*\] \)\?reboot:' \
		-e '^Powering off' -e '^SeaBIOS' -e '^iPXE' \
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

# Emulators before 8.1 let a processor run what another one has just
# overwritten, when it was translating that very moment: a static key that is
# switched under load ends in an int3 oops, whoever's key it is (qemu commit
# deba78709ae8). There, tests that switch keys have to do with one thread.
qemu_patches_code() {
	local version
	version=$(qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
	[ "$(printf '%s\n' 8.1 "$version" | sort -V | head -1)" = 8.1 ]
}

# run_qemu TITLE KERNEL SCRIPT [ARGUMENTS [THREADS]]: with two processors.
run_qemu() {
	verdicts "$1" < <(qemu_threads=${5:-multi} qemu "$2" "$3" "${4:-}" -smp 2)
}

# Two processors race each other.
run_smp() {
	local title=$1 kernel=$2 threads=multi
	need qemu-system-x86_64:qemu-system-x86
	qemu_patches_code || threads=single
	run_qemu "$title" "$kernel" smp.py
	if [ $threads = single ]; then
		echo "note: $(qemu-system-x86_64 --version | head -1) cannot patch code that another thread runs; one thread for static keys"
	fi
	run_qemu "$title static keys" "$kernel" static_keys.py '' $threads
}

# The same traffic on both kernels, numbers next to each other.
measure_uml() {
	uml "$2" side_by_side.py '' 512M | sed -n 's/^SIDE //p' \
		>"$cache/$series/side-${1##* }"
}

side_by_side() {
	echo "== $1: stock and patched side by side"
	if python3 "$here/lib/side_by_side.py" "$cache/$1/side-stock" \
		"$cache/$1/side-patched"
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
	need nfcapd:nfdump
	verdicts "$1 daemon" < <(uml "$2" daemon.py '' 512M \
		ctflowd="$(guest_path "$CTFLOWD")" \
		nfcapd="$(command -v nfcapd)")
}
