# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# Compiles what the series touches with Debian's own configuration, where every
# conntrack extension is enabled. Not a complete kernel: that takes hours.
# Sourced by run.

full_config() {
	local series=$1 package=linux-config-$1 config out tree answer begin
	find_source "$series"
	unpack "$series"
	config=$cache/download/usr/src/$package/config.amd64_none_amd64.xz
	if [ ! -f "$config" ]; then
		download "$series" "$package" || die "cannot fetch $package"
	fi
	tree=$cache/$series/tree
	apply "$series"
	for answer in y n; do
		out=$cache/$series/out-full-$answer
		begin=$(date +%s)
		mkdir -p "$out"
		xz -dc "$config" >"$out/.config"
		"$tree/scripts/config" --file "$out/.config" \
			--set-str SYSTEM_TRUSTED_KEYS '' -d DEBUG_INFO_BTF \
			-d DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT \
			-e DEBUG_INFO_NONE -d MODULE_SIG_ALL \
			--set-val NF_CONNTRACK_FLOW "$answer"
		# W=1 is not asked for: the tree itself is not clean under it.
		if {
			make -s -C "$tree" O="$out" olddefconfig &&
				nice make -s -C "$tree" O="$out" -j"$jobs" \
					CC="$compiler" KCFLAGS=-Werror prepare &&
				nice make -s -C "$tree" O="$out" -j"$jobs" \
					CC="$compiler" KCFLAGS=-Werror \
					net/netfilter/ net/ipv4/netfilter/ \
					net/ipv6/netfilter/ \
					net/bridge/netfilter/ \
					net/openvswitch/ net/sched/
		} >"$cache/full-$series-$answer.log" 2>&1 &&
			[ "$(grep -c '^CONFIG_NF_CONNTRACK_FLOW=y' "$out/.config")" \
				= "$([ $answer = y ] && echo 1 || echo 0)" ]
		then
			count ok "$series full configuration, option $answer ($(minutes "$begin"))"
		else
			tail -20 "$cache/full-$series-$answer.log"
			count FAILED "$series full configuration, option $answer"
		fi
	done
}
