# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# Debian's own kernels, unmodified, in an emulated machine. Packages are fetched
# and unpacked into the cache, never installed. Sourced by run, which sets:
# here top cache

# Newest package of series $1 that apt knows of, if any.
debian_package() {
	apt-cache search --names-only "^linux-image-${1//./\\.}\..*-amd64-unsigned\$" |
		cut -d' ' -f1 | grep -v -e '-cloud-' -e '-rt-' | sort -V | tail -1
}

# unpacked PACKAGE: the directory with its files, fetched when it has to be.
# The version is part of the name: 6.1.192 may come in several packagings.
unpacked() {
	local package=$1 version dir
	version=$(apt-cache show --no-all-versions "$package" 2>/dev/null |
		sed -n 's/^Version: //p' | head -1)
	[ -n "$version" ] || return 1
	dir=$cache/debian/${package}_$version
	if [ ! -e "$dir/complete" ]; then
		echo "fetching $package $version" >&2
		rm -rf "$cache/debian/$package"_*
		mkdir -p "$dir"
		(
			cd "$dir" || exit 1
			apt-get -qq -o APT::Sandbox::User=root download "$package" || {
				# The lists may be older than the archive.
				[ "$(id -u)" = 0 ] && apt-get -qq update &&
					apt-get -qq -o APT::Sandbox::User=root download "$package"
			}
		) >&2 || return 1
		dpkg-deb -x "$dir"/*.deb "$dir" || return 1
		rm "$dir"/*.deb
		touch "$dir/complete"
	fi
	echo "$dir"
}

# debian_kernel SERIES: sets kernel, initrd, modules (a directory that has
# lib/modules) and release.
debian_kernel() {
	local package busybox
	[ "$(uname -m)" = x86_64 ] ||
		unavailable "the emulated machine is an x86, this one is $(uname -m)"
	command -v apt-get >/dev/null ||
		unavailable "no apt-get to fetch Debian's kernel with"
	need qemu-system-x86_64:qemu-system-x86 depmod:kmod
	package=$(debian_package "$1")
	[ -n "$package" ] ||
		unavailable "apt knows no linux-image-$1.*-amd64-unsigned"
	modules=$(unpacked "$package") || unavailable "cannot fetch $package"
	busybox=$(unpacked busybox-static) ||
		unavailable "cannot fetch busybox-static"
	kernel=$(echo "$modules"/boot/vmlinuz-*)
	release=${kernel##*/vmlinuz-}
	[ -e "$modules/lib/modules" ] || ln -s usr/lib "$modules/lib"
	[ -s "$modules/lib/modules/$release/modules.dep" ] ||
		depmod -b "$modules" "$release"
	initrd=$modules/initrd.gz
	python3 "$here/lib/initrd.py" "$busybox/bin/busybox" "$here/guest/initrd.sh" \
		"$modules/lib/modules/$release" virtio_pci 9pnet_virtio 9p \
		>"$initrd" || die "cannot make $initrd"
	echo "$1: Debian's $package, version ${modules##*_}"
}

# run_debian TITLE SCRIPT ARGUMENTS [WORD...]: in the kernel of debian_kernel.
# One thread: emulators before 8.1 let a processor run code that another one
# has just overwritten, and attaching tracing programs overwrites code.
run_debian() {
	local title=$1 script=$2 arguments=$3 threads=multi
	shift 3
	qemu_patches_code || threads=single
	verdicts "$title" < <(qemu_threads=$threads \
		qemu_words="ctflowd_modules=$(guest_path "$modules") $*" \
		qemu "$kernel" "$script" "$arguments" \
		-smp "${processors:-1}" -initrd "$initrd")
}

# Everything that is to be shown with Debian's kernel of series $1.
bpf_tests() {
	debian_kernel "$1"
	run_debian "$1 Debian" main.py "$2"
}
