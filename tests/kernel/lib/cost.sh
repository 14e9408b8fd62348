# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154 # variables of run
# Cost per packet: forwarding rate in UML, instructions in qemu. Sourced.

measure_cost() {
	local series=$1 stock patched packets
	build "$series" stock uml um uml.config
	stock=$kernel
	build "$series" patched uml um uml.config
	patched=$kernel
	local out=$cache/cost-$series
	echo "== $series cost: forwarding in UML"
	rates "$stock" "$patched" "$out.rate" "${CTFLOWD_COST_ROUNDS:-8}"
	if python3 "$here/lib/cost.py" rate "$out.rate"; then
		count ok "$series cost: forwarding measured"
	else
		count FAILED "$series cost: forwarding not measured"
	fi

	echo "== $series cost: instructions in qemu"
	gcc -O2 -shared -fPIC -o "$cache/insn_plugin.so" \
		"$here/lib/insn_plugin.c" || die "no plugin"
	build "$series" stock insn x86 uml.config qemu.config cost.config
	stock=$kernel
	build "$series" patched insn x86 uml.config qemu.config cost.config
	patched=$kernel
	for packets in 5000 25000; do
		insn "$stock" "$packets" stock "$out"
		insn "$patched" "$packets" off "$out"
		insn "$patched" "$packets" on "$out"
	done
	if python3 "$here/lib/cost.py" insn "$out" "$stock.map" "$patched.map"
	then
		count ok "$series cost: on at most 1.05 of stock"
	else
		count FAILED "$series cost: on more than 1.05 of stock"
	fi
}

# rates STOCK PATCHED OUT ROUNDS: lines "mode packets processor-seconds ns",
# the modes in turn, so that what else the host does hits all alike.
rates() {
	local round mode packets image
	: >"$3"
	for ((round = 0; round < $4; round++)); do
		for mode in stock off on; do
			image=$2
			[ "$mode" != stock ] || image=$1
			for packets in 100000 1600000; do
				rate_of "$image" "$packets" "$mode" >>"$3"
			done
		done
	done
}

rate_of() {
	local console seconds TIMEFORMAT='%U %S'
	console=$(mktemp)
	seconds=$({ time uml "$1" cost.py "$2,1,$3" 512M >"$console"; } 2>&1)
	awk -v mode="$3" -v packets="$2" -v time="$seconds" '
		$1 == "COST" { split(time, t); print mode, packets, t[1] + t[2], $3 }
	' "$console"
	rm -f "$console"
}

# insn KERNEL PACKETS MODE OUT
insn() {
	INSN_OUTPUT=$4.$3.$2 qemu "$1" cost.py "$2,1,$3" -smp 1 \
		-plugin "$cache/insn_plugin.so" >"$4.$3.$2.log"
	grep -q RESULT "$4.$3.$2.log" || {
		tail -5 "$4.$3.$2.log"
		die "cost: the guest did not finish"
	}
}
