# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of transports with sessions share: a collector that keeps what each connection
brought, a load of flows that are all different, and the ledger."""

import collections
import contextlib
import glob
import os
import signal
import socket
import subprocess
import sys
import time

import case
import ctflowd
import ipfix
import traffic
from lab import COLLECTOR, SERVER4, wait_until

PORT = 4739
SIZE = 40
OCTETS = traffic.IP_HEADER[socket.AF_INET] + traffic.UDP_HEADER + SIZE
RECORD = 62  # octets of a flow record, at least
PER_MESSAGE = 1400 // RECORD  # flow records
CUT = f"""
    add table ip cut
    add chain ip cut in {{ type filter hook input priority 0; }}
    add rule ip cut in tcp dport {PORT} drop
    """
HERE = os.path.dirname(os.path.abspath(__file__))


def make_certificates(directory, **names):
    """NAME.pem and NAME.key for each alternative name, and ca.pem, which signed them."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=directory,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-subj", "/CN=authority", "-days", "400",
            "-keyout", "ca.key", "-out", "ca.pem")
    for name, alternative in names.items():
        with open(f"{directory}/{name}.ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={alternative}\n")
        openssl("req", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-days", "400", "-extfile", f"{name}.ext", "-out", f"{name}.pem")


class Collector:
    """stream_collector.py in the collector's namespace; what it received survives it."""

    def __init__(self, lab, directory, *options, port=PORT):
        self._lab = lab
        self._port = port
        self._options = options
        self.directory = f"{directory}/streams-{time.monotonic_ns()}"
        os.mkdir(self.directory)
        self.process = None
        self.start()

    def start(self):
        self.log = f"{self.directory}/log"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self._lab.collector.command(
                sys.executable, "-B", f"{HERE}/stream_collector.py", COLLECTOR, self._port,
                self.directory, *self._options), stdout=log, stderr=log)
        wait_until(self._listens, "the collector to listen")

    def _listens(self):
        if self.process.poll() is not None:
            with open(self.log, encoding="utf-8") as file:
                raise RuntimeError(file.read())
        lines = self._lab.collector.read("/proc/net/tcp").splitlines()[1:]
        return any(line.split()[1].endswith(f":{self._port:04X}") and line.split()[3] == "0A"
                   for line in lines)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @contextlib.contextmanager
    def cut_off(self):
        """Stops it, with nothing half written, and lets nothing through to it any more. Gives how many flow records
        its kernel had acknowledged by then and it had not read, at most."""
        self.signal(signal.SIGUSR2)
        wait_until(self._stopped, "the collector to stop")
        self._lab.collector.run("nft", "-f", "-", input=CUT)
        octets = sum(int(line.split()[0]) for line in self._connections())
        yield octets // RECORD + PER_MESSAGE  # a message may be read in part
        self._lab.collector.run("nft", "delete table ip cut")

    def _connections(self):
        return self._lab.collector.run("ss", "--no-header", "--tcp", "--numeric", "state", "established",
                                       f"( sport = :{self._port} )").splitlines()

    def _stopped(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"

    def reset(self):
        """Resets the connections of one that is cut off."""
        self.signal(signal.SIGUSR1)
        self.signal(signal.SIGCONT)
        wait_until(lambda: not self._connections(), "the connections to be reset")

    def stop(self):
        self.process.terminate()
        if self.process.wait(30) != 0:
            raise RuntimeError("the collector failed")

    def paths(self):
        return sorted(glob.glob(f"{self.directory}/*.ipfix"))

    def sessions(self):
        result = []
        for path in self.paths():
            with open(path, "rb") as file:
                result.append(ipfix.read(file.read()))
        return [session for session in result if session.messages]

    def flows(self):
        """How often each flow was received."""
        return collections.Counter(key(record) for session in self.sessions()
                                   for record in session.records)


def key(record):
    return tuple(record[element] for element in (7, 11, 152, 1))


class Load:
    """Connections of one datagram each, all different, that end at once."""

    def __init__(self, lab):
        self._lab = lab
        self.count = 0

    def send(self, count):
        with contextlib.closing(self._lab.client.socket(socket.AF_INET,
                                                        socket.SOCK_DGRAM)) as sock:
            for port in range(1, 1 + count):
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(bytes(SIZE), (SERVER4, port))
        # Not -D: an entry that ends by itself meanwhile would be an error.
        self._lab.router.run("conntrack", "-F")
        self.count += count

    def run(self, seconds, batch=100):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.send(batch)
            time.sleep(0.02)


class StreamTest(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.load = Load(self.lab)

    def start_collector(self, *options):
        collector = Collector(self.lab, self.directory, *options)
        self.addCleanup(collector.kill)
        return collector

    def start_ctflowd(self, transport="tcp", before=(), **settings):
        """`before`: the command that starts it."""
        collector = ctflowd.Collector("main", PORT, "ipfix",
                                      settings={"transport": transport, **settings})
        command = [*before, case.program, "run"]
        program = ctflowd.Ctflowd(command[0], self.lab.router, self.directory, *command[1:],
                                  config=ctflowd.configuration(
                                      [collector],
                                      source={"active_timeout": "off"})).wait_for("started")
        self.addCleanup(program.kill)
        return program

    def connected(self, program, times=1):
        wait_until(lambda: program.log.count(" collector_connected ") >= times,
                   "ctflowd to connect", 90)

    def assert_ledger(self, program, offered):
        totals, kept = program.collector_totals()["main"], program.kept_totals()
        self.assertEqual(totals["offered"], offered)
        lost = sum((kept[what] for what in kept if what.startswith("lost_")),
                   collections.Counter())
        rest = kept["waiting"] + lost
        recovered = kept["recovered"]
        self.assertEqual(totals["offered"] + recovered["flows"], totals["flows"] + rest["flows"])
        self.assertEqual(offered * OCTETS + recovered["octets"],
                         totals["octets"] + rest["octets"])
        return totals, kept, lost

    def wait_for_flows(self, collector, count, seconds=60):
        try:
            wait_until(lambda: len(collector.flows()) >= count, f"{count} flows", seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}, of which {len(collector.flows())} came") from None

    def make_small_disk(self, size):
        path = f"{self.directory}/disk"
        os.mkdir(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=False)
        return path
