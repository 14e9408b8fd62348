# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# Fetches Debian's kernel source, applies the series, builds kernels, keeps
# them. Sourced by run, which sets: top here cache jobs

die() {
	echo "run: $*" >&2
	exit 1
}

# What this machine does not have: a reason to skip in a quick run, else an
# error.
unavailable() {
	if [ -n "${quick:-}" ]; then
		echo "kernel tests NOT RUN: $*"
		exit 77
	fi
	die "$*"
}

# Debian packages that provide the commands in $@, installed when missing.
need() {
	local missing=() pair
	for pair in "$@"; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	((${#missing[@]})) || return 0
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		unavailable "missing: ${missing[*]} (Debian package names); please install"
	fi
	echo "installing ${missing[*]}"
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
		install -y --no-install-recommends "${missing[@]}" >/dev/null ||
		unavailable "cannot install ${missing[*]}"
}

# Suites that have a source which the suite of this machine may not have.
declare -A suite_of=([7.3]=trixie-backports)

# The Debian mirror that this machine uses.
mirror() {
	# shellcheck disable=SC2016 # apt-get expands these
	apt-get indextargets --format '$(REPO_URI) $(LABEL)' \
		'Created-By: Packages' | sed -n 's/ Debian$//p' | head -1
}

# apt_options SERIES: sets apt_words, which make apt use lists of their own of the
# suite that has the source when apt as configured here does not know it.
apt_options() {
	local series=$1 dir=$cache/apt-$1 mirror
	apt_words=()
	if ! apt-cache show "linux-source-$series" >/dev/null 2>&1 &&
		[ -n "${suite_of[$series]:-}" ]
	then
		mirror=$(mirror)
		[ -n "$mirror" ] || return 1
		apt_words=(-o Dir::Etc::SourceList="$dir/sources.list"
			-o Dir::Etc::SourceParts=/dev/null
			-o Dir::State::Lists="$dir/lists"
			-o Dir::Cache="$dir/cache")
		if [ ! -d "$dir/lists/partial" ]; then
			mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
			echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror ${suite_of[$series]} main" \
				>"$dir/sources.list"
			apt-get -qq "${apt_words[@]}" -o APT::Sandbox::User=root update || {
				rm -rf "$dir"
				return 1
			}
		fi
	fi
}

# apt_get SERIES WORD..., apt_cache SERIES WORD...: with these lists.
apt_get() {
	apt_options "$1" || return 1
	shift
	apt-get -qq "${apt_words[@]}" -o APT::Sandbox::User=root "$@"
}

apt_cache() {
	apt_options "$1" || return 1
	shift
	apt-cache "${apt_words[@]}" "$@"
}

# download SERIES PACKAGE: unpacked in $cache/download.
download() {
	local package=$2 deb
	echo "fetching $package"
	mkdir -p "$cache/download"
	(
		cd "$cache/download" || exit 1
		rm -f "$package"_*.deb
		apt_get "$1" download "$package" || {
			# The lists may be older than the archive.
			[ "$(id -u)" = 0 ] && apt_get "$1" update &&
				apt_get "$1" download "$package"
		}
	) || return 1
	deb=$(echo "$cache/download/$package"_*.deb)
	dpkg-deb -x "$deb" "$cache/download" || return 1
	dpkg-deb -f "$deb" Version >"$cache/download/$package.version"
	rm "$deb"
}

# Is there a source of series $1, or one that apt knows of?
has_source() {
	[ -f "/usr/src/linux-source-$1.tar.xz" ] ||
		[ -f "$cache/download/linux-source-$1.version" ] ||
		apt-cache show "linux-source-$1" >/dev/null 2>&1
}

# Sets source_version and tarball of linux-source-$1.
find_source() {
	local package=linux-source-$1
	tarball=/usr/src/$package.tar.xz
	if [ -f "$tarball" ] &&
		source_version=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null)
	then
		return
	fi
	tarball=$cache/download/usr/src/$package.tar.xz
	if [ ! -f "$tarball" ] || [ ! -f "$cache/download/$package.version" ]; then
		command -v apt-get >/dev/null ||
			unavailable "$package is not installed and there is no apt-get to fetch it"
		download "$1" "$package" ||
			unavailable "cannot fetch $package with apt-get"
	fi
	source_version=$(cat "$cache/download/$package.version")
}

# The unpacked source of series $1, unpatched, in $cache/$1/tree.
unpack() {
	local tree=$cache/$1/tree
	if [ "$(cat "$cache/$1/version" 2>/dev/null)" != "$source_version" ]; then
		echo "unpacking $tarball ($source_version)"
		rm -rf "${cache:?}/$1"
		mkdir -p "$tree"
		tar -xf "$tarball" -C "$tree" --strip-components=1
		echo "$source_version" >"$cache/$1/version"
	fi
}

# The files that the series touches; the originals of those that exist are
# kept in orig. Only what differs is copied, so that make rebuilds little.
changed_files() {
	local patch
	while read -r patch; do
		sed -n 's,^+++ b/,,p' "$top/kernel-patches/$1/$patch"
	done <"$top/kernel-patches/$1/series" | sort -u
}

put() {
	cmp -s "$1" "$2" && return
	mkdir -p "${2%/*}"
	cp "$1" "$2"
}

# The tree of series $1 as Debian packages it.
unapply() {
	local dir=$cache/$1 file
	[ -f "$dir/changed" ] || return 0
	while read -r file; do
		if [ -f "$dir/orig/$file" ]; then
			put "$dir/orig/$file" "$dir/tree/$file"
		else
			rm -f "$dir/tree/$file"
		fi
	done <"$dir/changed"
}

# The tree of series $1 with all patches.
apply() {
	local dir=$cache/$1 file patch
	touch "$dir/changed"
	rm -rf "$dir/patched"
	for file in $(changed_files "$1"); do
		if ! grep -qxF "$file" "$dir/changed"; then
			if [ -f "$dir/tree/$file" ]; then
				put "$dir/tree/$file" "$dir/orig/$file"
			fi
			echo "$file" >>"$dir/changed"
		fi
		if [ -f "$dir/orig/$file" ]; then
			put "$dir/orig/$file" "$dir/patched/$file"
		fi
	done
	while read -r patch; do
		patch -s -p1 --fuzz=0 --no-backup-if-mismatch \
			-d "$dir/patched" <"$top/kernel-patches/$1/$patch" ||
			die "$1: $patch does not apply to $source_version"
	done <"$top/kernel-patches/$1/series"
	while read -r file; do
		if [ -f "$dir/patched/$file" ]; then
			put "$dir/patched/$file" "$dir/tree/$file"
		elif [ -f "$dir/orig/$file" ]; then
			put "$dir/orig/$file" "$dir/tree/$file"
		else
			rm -f "$dir/tree/$file"
		fi
	done <"$dir/changed"
}

# key SERIES KIND CONFIG...: what a build depends on, as a short hash.
key() {
	local series=$1 kind=$2 patch
	shift 2
	{
		echo "$source_version $kind" "$(gcc --version | head -1)"
		(cd "$here/config" && cat "$@")
		if [ "$kind" = patched ]; then
			while read -r patch; do
				cat "$top/kernel-patches/$series/$patch"
			done <"$top/kernel-patches/$series/series"
		fi
	} | sha256sum | cut -c1-16
}

# User Mode Linux saves the floating point registers of a process in 2696 octets,
# which the host takes for all of them or not at all: those of processors with AMX
# are 11008. Newer kernels ask the host how many there are.
make_room_for_registers() {
	sed -i 's/(HOST_FP_SIZE, 2696)/(HOST_FP_SIZE, 12288)/' \
		"$1/arch/x86/um/user-offsets.c"
}

# What is tested in a kernel with hash $1: it and the tests.
tested() {
	{
		echo "$1"
		find "$here/guest" -maxdepth 1 -type f | LC_ALL=C sort | xargs cat
	} | sha256sum | cut -c1-16
}

# Is it known to pass?
verified() {
	grep -qx "$(tested "$1")" "$here/verified"
}

# build SERIES stock|patched NAME ARCH CONFIG...
# Sets kernel to a bootable file.
build() {
	local series=$1 kind=$2 name=$3 arch=$4 out image begin hash tree log
	local fragments=()
	shift 4
	find_source "$series"
	hash=$(key "$series" "$kind" "$@")
	kernel=$cache/kernels/$series-$name-$kind-$hash
	if [ -x "$kernel" ]; then
		touch "$kernel"
		echo "$series $name $kind: cached ($(cat "$kernel.info"))"
		return
	fi
	# Nine minutes that an ordinary run does not have on a machine without this kernel.
	if [ -n "${spare_known:-}" ] && verified "$hash"; then
		unavailable "this kernel is not built here; it and its tests are those of tests/kernel/verified. With it: tests/run --kernel"
	fi
	need make:make gcc:gcc flex:flex bison:bison bc:bc xz:xz-utils \
		patch:patch perl:perl cpp:cpp
	if [ "$arch" != um ] && [ ! -e /usr/include/libelf.h ]; then
		need libelf.h:libelf-dev
	fi
	mkdir -p "$cache/kernels"
	unpack "$series"
	tree=$cache/$series/tree
	out=$cache/$series/out-$name
	log=$cache/kernels/$series-$name-$kind.log
	if [ "$kind" = patched ]; then
		apply "$series"
	else
		unapply "$series"
	fi
	[ "$arch" != um ] || make_room_for_registers "$tree"
	echo "$series $name $kind: building with $jobs jobs"
	begin=$(date +%s)
	mkdir -p "$out"
	for fragment in "$@"; do
		fragments+=("$here/config/$fragment")
	done
	image=linux
	[ "$arch" = um ] || image=arch/x86/boot/bzImage
	{
		make -s -C "$tree" ARCH="$arch" O="$out" tinyconfig &&
			(cd "$tree" && ARCH=$arch scripts/kconfig/merge_config.sh \
				-m -O "$out" "$out/.config" "${fragments[@]}") &&
			make -s -C "$tree" ARCH="$arch" O="$out" olddefconfig
	} >"$log" 2>&1 || {
		tail -20 "$log"
		die "$series $name $kind cannot be configured, see $log"
	}
	check_config "$out/.config" "$kind" "$arch" "${fragments[@]}"
	{
		nice make -s -C "$tree" ARCH="$arch" O="$out" -j"$jobs" \
			CC="$compiler" "${image##*/}"
	} >>"$log" 2>&1 || {
		tail -20 "$log"
		die "$series $name $kind does not build, see $log"
	}
	rm -f "$cache/kernels/$series-$name-$kind"-*
	cp "$out/$image" "$kernel"
	cp "$out/System.map" "$kernel.map"
	chmod +x "$kernel"
	echo "Debian $source_version, built in $(minutes "$begin")" \
		>"$kernel.info"
	echo "$series $name $kind: $(cat "$kernel.info")"
}

minutes() {
	local seconds=$(($(date +%s) - $1))
	printf '%d min %02d s' $((seconds / 60)) $((seconds % 60))
}

# Options that the kernel silently dropped make tests meaningless: a debug kernel
# without KASAN finds nothing. Those that an architecture does not have are known.
# The last fragment that mentions an option counts.
check_config() {
	local config=$1 kind=$2 arch=$3 lost absent
	shift 3
	# Not options any more: since 6.2, and in 7.3.
	absent=(NFT_OBJREF PROC_SYSCTL)
	case $arch in
	um) absent+=(JUMP_LABEL DEBUG_ATOMIC_SLEEP) ;;
	# PREEMPT_NONE: 7.3 has nothing less than PREEMPT_LAZY there.
	x86) absent+=(STDERR_CONSOLE NULL_CHAN HOSTFS SSL PREEMPT_NONE) ;;
	esac
	[ "$kind" = patched ] || absent+=(NF_CONNTRACK_FLOW)
	lost=$(sed -n 's/^\(CONFIG_[A-Z0-9_]*\)=\(.*\)$/\1 \2/p' "$@" |
		awk '{ value[$1] = $2 }
		     END { for (o in value) if (value[o] == "y") print o "=y" }' |
		grep -vxFf "$config" |
		grep -vxF "$(printf 'CONFIG_%s=y\n' "${absent[@]}")" | sort | tr '\n' ' ')
	[ -z "$lost" ] || die "this kernel would not have: ${lost% }"
}
