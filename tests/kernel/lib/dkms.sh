# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# The patched modules of packaging/dkms in Debian's unmodified kernel. Sourced by
# run after debian.sh, which sets: top cache jobs modules release series

# Debian's headers of $release, to be used where they are unpacked: dkms_headers.
unpack_headers() {
	local kbuild flavour common
	if ! flavour=$(unpacked "$series" "linux-headers-$release") ||
		! common=$(unpacked "$series" "linux-headers-${release%-amd64}-common") ||
		! kbuild=$(unpacked "$series" "linux-kbuild-${release%-amd64}")
	then
		unavailable "cannot fetch the headers of $release"
	fi
	dkms_headers=$1/usr/src/linux-headers-$release
	cp -a "$flavour/usr" "$common/usr" "$kbuild/usr" "$1"
	echo "include $1/usr/src/linux-headers-${release%-amd64}-common/Makefile" \
		>"$dkms_headers/Makefile"
}

# All modules that the kernel has have to fit those that were built: none of
# them may ask for a symbol in a version that is gone.
check_versions() {
	local module symbol crc bad=0
	while read -r module; do
		while read -r crc symbol; do
			if [ -n "${built[$symbol]:-}" ] && [ "${built[$symbol]}" != "$crc" ]; then
				echo "$module wants $symbol in version $crc, it is ${built[$symbol]}"
				bad=1
			fi
		done < <(modprobe --dump-modversions "$1/$module")
	done < <(grep updates/dkms/ "$1/modules.dep" | cut -d: -f1)
	return $bad
}

# Builds the modules of series $1 for debian_kernel and sets modules to a directory
# that has them too; before that, stock to the one that has not.
dkms_modules() {
	local series=$1 dir source
	local -A built
	need make:make gcc:gcc patch:patch xz:xz-utils pahole:dwarves
	debian_kernel "$series"
	source=$(unpacked "$series" "linux-source-$series") ||
		unavailable "cannot fetch linux-source-$series"
	dir=$cache/debian/dkms-$series
	if [ "$(cat "$dir/built" 2>/dev/null)" != "$(dkms_state "$series")" ]; then
		rm -rf "$dir"
		mkdir -p "$dir"
		unpack_headers "$dir"
		CTFLOWD_KERNEL_SOURCE=$source/usr/src/linux-source-$series.tar.xz \
			"$top/packaging/dkms/prepare" "$modules/lib/modules/$release" \
			"$dkms_headers" "$top/kernel-patches/$series" "$dir/tree" ||
			die "$series: packaging/dkms/prepare failed"
		make -s -C "$dkms_headers" M="$dir/tree" CTFLOWD_TREE="$dir/tree" \
			-j "$jobs" modules >"$dir/log" 2>&1 ||
			die "$series: building the modules failed, see $dir/log"
		mkdir -p "$dir/lib/modules/$release"
		cp -al "$modules/lib/modules/$release/." "$dir/lib/modules/$release"
		# depmod would write through the links.
		rm "$dir/lib/modules/$release"/modules.*
		cp "$modules/lib/modules/$release"/modules.{builtin,order,builtin.modinfo} \
			"$dir/lib/modules/$release"
		mkdir -p "$dir/lib/modules/$release/updates/dkms"
		find "$dir/tree" -name '*.ko' -exec strip --strip-debug {} + \
			-exec cp {} "$dir/lib/modules/$release/updates/dkms" \;
		depmod -b "$dir" "$release"
		dkms_state "$series" >"$dir/built"
	fi
	while read -r crc symbol _; do
		built[$symbol]=$crc
	done <"$dir/tree/Module.symvers"
	if check_versions "$dir/lib/modules/$release"; then
		count ok "$series dkms: every module of the kernel fits"
	else
		count FAILED "$series dkms: modules of the kernel would be refused"
	fi
	stock=$modules
	modules=$dir
}

# Lets the tests of the patch run with these modules, and takes them out again.
dkms_tests() {
	dkms_modules "$1"
	verdicts "$1 dkms" < <(debian main.py "$2")
	[ -n "$2" ] || verdicts "$1 dkms, unloaded" < <(debian unload.py '')
}

# What a packet and a connection cost, with the kernel's own modules and with
# these: an emulator that counts instructions.
dkms_cost() {
	dkms_modules "$1"
	qemu_options=(-icount 'shift=0,sleep=off')
	verdicts "$1 dkms cost" < <(debian cost_modules.py '')
	modules=$stock
	verdicts "$1 stock cost" < <(debian cost_modules.py '')
	qemu_options=()
}

# What the modules are made from.
dkms_state() {
	echo "${modules##*/}"
	cat "$top"/packaging/dkms/{prepare,affected,reduce} \
		"$top/kernel-patches/$1"/*.patch | sha256sum
}
