# SPDX-License-Identifier: GPL-2.0-or-later
"""Exporters that look at each packet of a device: what they cost the forwarding, and what they count."""

import os
import re
import signal
import time

import collectors
from lab import COLLECTOR
from readers import Reader

DEVICE = "lan"  # both directions of all traffic pass it


def sums(namespace, path):
    """Packets in all files that nfcapd or nfpcapd wrote."""
    text = namespace.run("nfdump", "-R", path, "-I")
    return int(re.search(r"^Packets:\s+(\d+)", text, re.M).group(1))


class Capturer(Reader):
    """Sends NetFlow v9 to an nfcapd."""

    def __init__(self, lab, directory):
        super().__init__(lab, directory)
        self.collector = collectors.Nfcapd(lab.collector, 9995, directory)
        self.begin()
        time.sleep(1)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} does not start: {self.process.communicate()[0]}")

    def begin(self):
        raise NotImplementedError

    def end(self):
        """Lets it send what it still has."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        self.end()
        self.process.communicate()
        time.sleep(0.5)
        self.collector.stop()
        return sum(record.packets for record in self.collector.records()), None

    def kill(self):
        super().kill()
        self.collector.kill()


class Softflowd(Capturer):
    name = "softflowd"

    def begin(self):
        self.spawn("softflowd", "-d", "-i", DEVICE, "-n", f"{COLLECTOR}:9995", "-v", "9", "-m", "1000000",
                   "-p", f"{self.directory}/softflowd.pid", "-c", f"{self.directory}/softflowd.ctl")

    def end(self):
        self.lab.router.run("softflowctl", "-c", f"{self.directory}/softflowd.ctl", "shutdown")


class Pmacctd(Capturer):
    name = "pmacctd"

    def begin(self):
        file_name = f"{self.directory}/pmacctd.conf"
        with open(file_name, "w", encoding="ascii") as file:
            file.write(f"""daemonize: false
pcap_interface: {DEVICE}
aggregate: src_host, dst_host, src_port, dst_port, proto
plugins: nfprobe
nfprobe_receiver: {COLLECTOR}:9995
nfprobe_version: 9
""")
        self.spawn("pmacctd", "-f", file_name)


class Nfpcapd(Reader):
    """Writes files of its own."""
    name = "nfpcapd"

    def __init__(self, lab, directory):
        super().__init__(lab, directory)
        self.files = f"{directory}/nfpcapd-{time.monotonic_ns()}"
        os.mkdir(self.files)
        self.spawn("nfpcapd", "-i", DEVICE, "-w", self.files)
        time.sleep(1)
        if self.process.poll() is not None:
            raise RuntimeError(f"nfpcapd does not start: {self.process.communicate()[0]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()
        return sums(self.lab.router, self.files), None
