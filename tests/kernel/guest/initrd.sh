#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=dash
# Process 1 of the initial ram disk: the host's root, read only, then init=.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
for module in /modules/*.ko; do
	insmod "$module" || echo "cannot load $module"
done
init=$(sed -n 's/.* init=\([^ ]*\).*/\1/p' /proc/cmdline)
mount -t 9p -o "ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose" \
	root /root || poweroff -f
mount -o move /dev /root/dev
umount /proc
exec switch_root /root "$init"
