# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2034 # variables of run
# The patched modules in Debian's unmodified kernel, by dkms as
# packaging/dkms/README.md says. Sourced by run after debian.sh, which sets:
# here top cache jobs modules release

readme=$top/packaging/dkms/README.md

# in_root COMMAND...: with what is installed in $dkms_root in the place of what
# this machine has. Nothing else is written to: dkms keeps its key there, too.
in_root() {
	# shellcheck disable=SC2016 # that shell expands them
	unshare --map-root-user --mount bash -e -c '
		mount -t overlay overlay -o "lowerdir=$0/usr:/usr" /usr
		mount --bind "$0/usr/src" /usr/src
		mount --bind "$0/usr/lib/modules" /usr/lib/modules
		mount --bind "$0/dkms" /var/lib/dkms
		"$@"' "$dkms_root" "$@"
}

# install_kernel SERIES: the kernel of debian_kernel, its headers and its source.
install_kernel() {
	local version=${release%-amd64} package from
	rm -rf "$dkms_root"
	mkdir -p "$dkms_root"/{dkms,usr/lib}
	ln -s usr/lib "$dkms_root/lib"
	for package in "linux-headers-$release" "linux-headers-$version-common" \
		"linux-kbuild-$version" "linux-source-$1"
	do
		from=$(unpacked "$1" "$package") || unavailable "cannot fetch $package"
		cp -al "$from/usr" "$dkms_root"
		[ ! -e "$from/lib" ] || cp -al "$from/lib/." "$dkms_root/usr/lib"
	done
	cp -al "$modules/lib/modules" "$dkms_root/usr/lib"
	# depmod would write through the links.
	cp --remove-destination "$modules/lib/modules/$release"/modules.* \
		"$dkms_root/usr/lib/modules/$release"
}

# What the README has an administrator do after apt-get, for $release.
follow_readme() {
	(cd "$top" && in_root bash -e <(
		sed -n 's/^sudo \(\(install\|cp\|dkms\) .*\)/\1/p' "$readme" |
			sed "/^dkms /s/\$/ -k $release -j $jobs/"
	)) 2>&1
}

# What the modules are made from.
dkms_state() {
	echo "${modules##*/} $(dkms --version)"
	cat "$top"/packaging/dkms/* "$top/kernel-patches/$1"/*.patch | sha256sum
}

# All modules that the kernel has have to fit those that were built: none of
# them may ask for a symbol in a version that is gone.
versions_fit() {
	local installed=$1 module symbol crc bad=0
	local -A built
	while read -r crc symbol; do
		built[$symbol]=$crc
	done < <(python3 "$here/lib/exports.py" "$installed"/updates/dkms/*.ko.xz)
	((${#built[@]} > 100)) || return 1
	while read -r module; do
		while read -r crc symbol; do
			if [ -n "${built[$symbol]:-}" ] && [ "${built[$symbol]}" != "$crc" ]; then
				echo "$module wants $symbol in version $crc, it is ${built[$symbol]}"
				bad=1
			fi
		done < <(modprobe --dump-modversions "$installed/$module")
	done < <(grep updates/dkms/ "$installed/modules.dep" | cut -d: -f1)
	return $bad
}

# Each of the modules that prepare lists, in the place of the kernel's own.
all_installed() {
	local module
	for module in $("$top/packaging/dkms/affected" "$1"); do
		case $(modinfo -b "$dkms_root" -k "$release" -n "${module##*/}") in
		*/updates/dkms/*) ;;
		*) return 1 ;;
		esac
		[ "$(modinfo -F signer "$1/updates/dkms/${module##*/}.ko.xz")" = \
			'DKMS module signing key' ] || return 1
	done
}

only_stock() {
	diff -rq -x build -x source "$modules/lib/modules/$release" \
		"$dkms_root/usr/lib/modules/$release"
}

# refuses_other_source SERIES: and says so in the words of prepare.
refuses_other_source() {
	local name=linux-source-$1 output
	local source=$dkms_root/usr/src/$name.tar.xz
	tar -C "$dkms_root" -xf "$source" \
		"$name"/{Makefile,MAINTAINERS,net,include,Documentation/networking}
	sed -i 's/^SUBLEVEL = .*/SUBLEVEL = 1/' "$dkms_root/$name/Makefile"
	rm "$source"
	tar -C "$dkms_root" -cf "$source" "$name"
	if output=$(follow_readme "$1"); then
		echo "$output"
		return 1
	fi
	grep "^prepare: .*$name.tar.xz is Linux $1.1, the kernel $release:" <<<"$output"
}

# removed: as the README says.
removed() {
	local command
	command=$(grep -o 'dkms remove [^`]*' "$readme")
	# shellcheck disable=SC2086 # words
	[ -n "$command" ] && in_root $command >/dev/null 2>&1 && only_stock
}

# verdict TITLE COMMAND...
verdict() {
	if "${@:2}"; then count ok "$1"; else count FAILED "$1"; fi
}

# Has the modules of series $1 installed for debian_kernel, and sets modules to
# where they are; stock to where they are not.
dkms_modules() {
	local log=$cache/debian/dkms-$1.log
	need dkms:dkms patch:patch xz:xz-utils pahole:dwarves openssl:openssl
	debian_kernel "$1"
	dkms_root=$cache/debian/dkms-$1
	if [ "$(cat "$dkms_root/state" 2>/dev/null)" != "$(dkms_state "$1")" ]; then
		install_kernel "$1"
		in_root true || unavailable "this machine lets nobody mount an overlay in a namespace"
		follow_readme >"$log" || die "dkms failed, see $log"
		dkms_state "$1" >"$dkms_root/state"
	fi
	local installed=$dkms_root/usr/lib/modules/$release
	verdict "$1 dkms: its modules are signed, and take the place of the kernel's" \
		all_installed "$installed"
	verdict "$1 dkms: every module of the kernel fits" versions_fit "$installed"
	stock=$modules
	modules=$dkms_root
}

# Lets the tests of the patch run with these modules, takes them out again, and
# off the machine.
dkms_tests() {
	dkms_modules "$1"
	verdicts "$1 dkms" < <(debian main.py "$2")
	[ -z "$2" ] || return
	verdicts "$1 dkms, unloaded" < <(debian unload.py '')
	modules=$stock
	rm "$dkms_root/state"
	verdict "$1 dkms: removed, the kernel has its own modules" removed
	verdict "$1 dkms: a source of another version is refused" \
		refuses_other_source "$1"
	verdict "$1 dkms: then, too, the kernel has its own modules" only_stock
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
