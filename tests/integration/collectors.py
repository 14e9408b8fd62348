# SPDX-License-Identifier: GPL-2.0-or-later
"""Collectors that other people wrote, and a capture for tshark to judge."""

import csv
import dataclasses
import datetime
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from lab import COLLECTOR, wait_until


@dataclasses.dataclass(frozen=True)
class Record:
    """A flow record as a collector understood it; None where it has no such field."""
    protocol: int
    source: str
    destination: str
    source_port: int
    destination_port: int
    packets: int
    octets: int
    icmp: tuple = None  # type, code
    translated: tuple = None  # source, source port, destination, destination port
    zones: tuple = None  # ingressVRFID, egressVRFID
    end_reason: int = None
    first: float = None  # Unix time
    last: float = None
    interfaces: tuple = None  # ingress and egress ifIndex
    received: float = None  # Unix time by the collector's clock


class Receiver:
    """A process that listens on a UDP port of the collector's namespace."""

    def __init__(self, namespace, port, command, log):
        self._namespace = namespace
        self._port = port
        self._log = log
        with open(log, "wb") as file:
            self._process = subprocess.Popen(namespace.command(*command), stdout=file,
                                             stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        wait_until(self._sockets, f"{command[0]} to listen on port {port}")

    def _sockets(self):
        """Lines of /proc/net/udp for our port."""
        if self._process.poll() is not None:
            raise RuntimeError(f"ended with {self._process.returncode}: {self.log()}")
        lines = [line.split() for table in ("udp", "udp6")
                 for line in self._namespace.read(f"/proc/net/{table}").splitlines()[1:]]
        return [line for line in lines if line[1].endswith(f":{self._port:04X}")]

    def log(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _stop(self, number):
        """Tells it to end, once it has read all that has arrived; wait() waits for the end."""
        wait_until(lambda: all(line[4].endswith(":00000000") for line in self._sockets()),
                   f"port {self._port} to be read")
        dropped = sum(int(line[-1]) for line in self._sockets())
        if dropped:
            raise RuntimeError(f"the collector on port {self._port} lost {dropped} messages itself")
        time.sleep(0.1)  # nfcapd drops the message that it has just read when the signal comes
        self._process.send_signal(number)

    def wait(self):
        self._process.wait(20)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Nfcapd(Receiver):
    """nfcapd of nfdump. Its files are read by nfdump."""

    def __init__(self, namespace, port, directory, address=COLLECTOR, options=("-t", 3600)):
        self.directory = f"{directory}/nfcapd-{port}-{time.monotonic_ns()}"
        os.mkdir(self.directory)
        super().__init__(namespace, port,
                         ["nfcapd", "-w", self.directory, "-b", address, "-p", port, *options,
                          "-B", 4 << 20], f"{self.directory}.log")

    def stop(self):
        self._stop(signal.SIGTERM)

    def complaints(self):
        """What nfcapd counted against the exporter: sequence errors and bad packets."""
        self.wait()
        totals = re.findall(r"Sequence Errors: (\d+), Bad Packets: (\d+)", self.log())
        if not totals:
            raise RuntimeError(f"nfcapd told no totals: {self.log()}")
        return {"sequence": sum(int(sequence) for sequence, _ in totals),
                "bad": sum(int(bad) for _, bad in totals)}

    def nfdump(self, *arguments):
        return subprocess.run(["nfdump", "-q", "-R", self.directory, *arguments], check=True,
                              text=True, stdout=subprocess.PIPE, env={**os.environ, "TZ": "UTC"}).stdout

    def records(self):
        self.wait()
        # With -q nfdump leaves out the brackets. The end reason is in the raw format only.
        text = self.nfdump("-o", "json")
        entries = json.loads(f"[{text}]") if text.startswith("{") else []
        blocks = self.nfdump("-o", "raw").split("Flow Record:")[1:]
        if len(entries) != len(blocks):
            raise RuntimeError(f"nfdump printed {len(entries)} and {len(blocks)} records")
        return [_nfdump_record(*both) for both in zip(entries, blocks)]


def _nfdump_record(entry, raw):
    def address(name):
        return entry.get(name.format(4), entry.get(name.format(6)))
    icmp = (entry["icmp_type"], entry["icmp_code"]) if "icmp_type" in entry else None
    reason = re.search(r"end reason\s+=\s+0x([0-9a-f]+)", raw)
    translated = zones = None
    if "src_xlt_port" in entry:
        translated = (address("src{}_xlt_ip"), int(entry["src_xlt_port"]),
                      address("dst{}_xlt_ip"), int(entry["dst_xlt_port"]))
    if "ingress_vrf" in entry:
        zones = (int(entry["ingress_vrf"]), int(entry["egress_vrf"]))
    return Record(entry["proto"], address("src{}_addr"), address("dst{}_addr"),
                  entry.get("src_port", 0), entry.get("dst_port", 0),
                  entry["in_packets"], entry["in_bytes"], icmp, translated, zones,
                  int(reason[1], 16) if reason else None, unix_time(entry["first"]),
                  unix_time(entry["last"]),
                  (int(entry.get("input_snmp", 0)), int(entry.get("output_snmp", 0))),
                  unix_time(entry["received"]))


def unix_time(text):
    """A time as nfdump prints it in UTC."""
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.timezone.utc).timestamp()


class Nfacctd(Receiver):
    """nfacctd of pmacct, which writes what it summed when it is told to end."""

    def __init__(self, namespace, port, directory):
        base = f"{directory}/nfacctd-{port}-{time.monotonic_ns()}"
        self._output = f"{base}.csv"
        with open(f"{base}.conf", "w", encoding="ascii") as file:
            file.write(f"daemonize: false\nnfacctd_ip: {COLLECTOR}\nnfacctd_port: {port}\n"
                       "nfacctd_pipe_size: 4194304\nnfacctd_time_new: true\n"
                       "plugins: print[sums]\n"
                       "aggregate[sums]: src_host,dst_host,src_port,dst_port,proto\n"
                       "print_output[sums]: csv\nprint_refresh_time[sums]: 3600\n"
                       f"print_output_file[sums]: {self._output}\n"
                       "print_output_file_append[sums]: true\n")
        super().__init__(namespace, port, ["nfacctd", "-f", f"{base}.conf"], f"{base}.log")

    def stop(self):
        # Its plugin, a process of its own, tells nobody when it has read what the core passed on.
        time.sleep(0.3)
        self._stop(signal.SIGINT)

    def complaints(self):
        self.wait()
        return [line for line in self.log().splitlines()
                if re.search(r"WARN|ERROR|malformed|discarding|incomplete|unknown template", line)]

    def records(self):
        """One Record for each 5-tuple."""
        self.wait()
        if not os.path.exists(self._output):
            return []
        with open(self._output, encoding="ascii") as file:
            rows = list(csv.DictReader(file))
        return [Record(_protocol(row["PROTOCOL"]), row["SRC_IP"], row["DST_IP"],
                       int(row["SRC_PORT"]), int(row["DST_PORT"]),
                       int(row["PACKETS"]), int(row["BYTES"])) for row in rows]


def _protocol(text):
    if text.isdigit():
        return int(text)
    names = {"ipv6-icmp": 58, "icmp6": 58, "unknown": 0}
    return names.get(text) or socket.getprotobyname(text)


class Capture:
    """Everything that reaches the collector's namespace, as a pcap file for tshark."""

    def __init__(self, namespace, directory):
        self.path = f"{directory}/capture-{time.monotonic_ns()}.pcap"
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self._socket.bind(("eth0", 0x0003))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._stopping = False
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def _record(self):
        with open(self.path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))  # Ethernet
            while True:
                readable = select.select([self._socket], [], [], 0.05)[0]
                if not readable and self._stopping:
                    return
                if readable:
                    frame = self._socket.recv(65535)
                    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
                    file.write(struct.pack("<IIII", seconds, rest // 1000, len(frame), len(frame)))
                    file.write(frame)

    def stop(self):
        self._stopping = True
        self._thread.join()
        self._socket.close()


def tshark(path, ports, display_filter, *fields):
    """Lines of the frames that match, with these fields or as tshark summarises them."""
    command = ["tshark", "-n", "-r", path, "-Y", display_filter]
    for port in ports:
        command += ["-d", f"udp.port=={port},cflow"]
    if fields:
        command += ["-T", "fields"] + [part for field in fields for part in ("-e", field)]
    result = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env={**os.environ, "TZ": "UTC"})
    return result.stdout.splitlines()


def tshark_complaints(path, ports):
    """Frames that tshark takes for malformed or suspicious, or without a known template."""
    of_ours = " || ".join(f"udp.dstport == {port}" for port in ports)
    return tshark(path, ports,
                  f"({of_ours}) && (_ws.malformed || _ws.expert.severity >= 0x00400000"
                  " || cflow.no_template_found || !cflow)")
