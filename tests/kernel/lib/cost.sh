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
	: >"$out.rate"
	echo "== $series cost: forwarding rate in UML"
	# Alternate, so that whatever else the host does hits all alike.
	for _ in 1 2 3 4 5 6 7 8; do
		uml "$stock" cost.py 200000,5,stock 512M
		uml "$patched" cost.py 200000,5,off,on 512M
	done | sed -n 's/^COST //p' >>"$out.rate"
	python3 "$here/lib/cost.py" rate "$out.rate" || count FAILED "$series cost"

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

# insn KERNEL PACKETS MODE OUT
insn() {
	INSN_OUTPUT=$4.$3.$2 qemu "$1" cost.py "$2,1,$3" -smp 1 \
		-plugin "$cache/insn_plugin.so" >"$4.$3.$2.log"
	grep -q RESULT "$4.$3.$2.log" || {
		tail -5 "$4.$3.$2.log"
		die "cost: the guest did not finish"
	}
}
