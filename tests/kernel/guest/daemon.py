# SPDX-License-Identifier: GPL-2.0-or-later
"""The real ctflowd in the patched kernel, to a real nfcapd.

Environment: CTFLOWD, NFCAPD; nfdump is looked for beside the latter.
CTFLOWD_SOURCE_MEASURE: who measures where the kernel is not patched.
"""

from __future__ import annotations

import collections
import contextlib
import csv
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import main
from lab import (CLIENT, CLIENT6, HOST_CLIENT, HOST_SERVER, SERVER, TICK,
                 Failure, Lab, Skip, Sniffer, equal, ifindex, near, run,
                 sysctl)
from nfqueue import first_packets_wait

MEASURE = os.environ.get("CTFLOWD_SOURCE_MEASURE") or "patch"
ORIGIN = "kernel_patch" if MEASURE == "patch" else MEASURE
MEASURED = f"origin={ORIGIN} measuring=on"
ACTIVE_TIMEOUT = 1 if MEASURE == "patch" else 5     # the least that it takes
CONFIG = f"""\
source:
  measure: {MEASURE}
  active_timeout: 5s
collectors:
  - name: nfcapd
    address: 127.0.0.1
    port: 4739
    protocol: ipfix
    flush_after: 100ms
log:
  level: debug
"""


class Export:
    """ctflowd and nfcapd for as long as the block runs, then the records."""

    def __init__(self, name: str, more: str = "", begun: str = MEASURED,
                 command: Sequence[str] = ()) -> None:
        self.config = CONFIG + more
        self.begun = begun
        self.command = command or [os.environ["CTFLOWD"]]
        self.directory = pathlib.Path("/tmp/export-" + name)
        self.directory.mkdir()
        self.records: list[dict[str, str]] = []

    def __enter__(self) -> Export:
        config = self.directory / "ctflowd.yaml"
        config.write_text(self.config)
        flows = self.directory / "flows"
        flows.mkdir()
        self.capture = subprocess.Popen(
            [os.environ["NFCAPD"], "-b", "127.0.0.1", "-p", "4739", "-w",
             str(flows), "-t", "3600"],
            stdout=open(self.directory / "nfcapd", "wb"),
            stderr=subprocess.STDOUT)
        time.sleep(0.5)
        if self.capture.poll() is not None:
            raise Failure("nfcapd: "
                          + (self.directory / "nfcapd").read_text())
        self.log = open(self.directory / "log", "wb")
        self.daemon = subprocess.Popen(
            [*self.command, "run", "-c", str(config)],
            stdout=self.log, stderr=subprocess.STDOUT)
        self.wait_until_begun()
        return self

    def wait_until_begun(self) -> None:
        log = self.directory / "log"
        deadline = time.monotonic() + 60        # an emulator verifies slowly
        while self.begun not in (text := log.read_text()):
            if self.daemon.poll() is not None or time.monotonic() > deadline:
                raise Failure("ctflowd: " + text)
            time.sleep(0.2)
        time.sleep(1)

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(10)
        time.sleep(0.5)
        self.capture.send_signal(signal.SIGINT)
        self.capture.wait(10)
        nfdump = pathlib.Path(os.environ["NFCAPD"]).with_name("nfdump")
        text = run(f"{nfdump} -N -o csv -R {self.directory / 'flows'}")
        self.records = [row for row in csv.DictReader(io.StringIO(text))
                        if row.get("te")]
        if not self.records:
            raise Failure("no records: " + text
                          + (self.directory / "log").read_text())

    def of(self, src: str, port: int) -> list[dict[str, str]]:
        return [r for r in self.records
                if r["sa"] == src and str(port) in (r["sp"], r["dp"])]

    def total(self, src: str, port: int) -> tuple[int, int]:
        mine = self.of(src, port)
        return (sum(int(r["ipkt"]) for r in mine),
                sum(int(r["ibyt"]) for r in mine))


def test_counts_are_those_of_the_wire(lab: Lab) -> None:
    lab.offload(None, "r2", "tso off gso off sg off")
    try:
        with Export("wire") as export:
            sniffer = Sniffer("s", "s0")
            port = lab.transfer(2_000_000)
            truth = sniffer.totals(port)
            run("conntrack -F")
    finally:
        lab.offload(None, "r2", "sg on tso on gso on")
    equal("client", export.total(HOST_CLIENT, port), truth[False])
    equal("server", export.total(HOST_SERVER, port), truth[True])


def test_what_only_the_series_knows(lab: Lab) -> None:
    sysctl("nf_conntrack_udp_timeout", 2)
    with Export("fields") as export:
        port = lab.port()
        begin = time.time()
        lab.udp(port, size=100, tos=0xb8)
        time.sleep(0.5)
        lab.udp(port, size=300, tos=0xb8)
        time.sleep(2.2)
        lab.expire()
        tcp = lab.port()
        lab.handshake(tcp)
        lab.fins(tcp)
        lab.settle()
        run("conntrack -F")
    record = export.of(CLIENT, port)[0]
    equal("interfaces", (record["in"], record["out"]),
          (str(ifindex("r1")), str(ifindex("r2"))))
    equal("tos", record["stos"], str(0xb8))
    near("duration", float(record["td"]), 0.5, max(0.05, 3 * TICK))
    near("end", time.mktime(time.strptime(record["te"],
                                          "%Y-%m-%d %H:%M:%S")),
         begin + 0.5, 1.1)
    flags = collections.Counter(record["flg"].replace(".", "")
                                for record in export.of(SERVER, tcp))
    equal("flags", dict(flags), {"ASF": 1})


@contextlib.contextmanager
def vrf(lab: Lab) -> Iterator[None]:
    """Both links of the router are ports of one."""
    run("set -e; ip link add blue type vrf table 77; ip link set blue up; "
        "ip link set r1 master blue; ip link set r2 master blue")
    lab.neighbours()
    try:
        yield
    finally:
        run("ip link del blue")
        for net, device in ((1, "r1"), (2, "r2")):
            run(f"ip -6 addr add fd0{net}::1/64 dev {device} nodad",
                check=False)
        lab.neighbours()


def test_vrf_counts_once(lab: Lab) -> None:
    """Packets pass conntrack with the port and once more with the VRF."""
    with vrf(lab), Export("vrf") as export:
        port = lab.port()
        for _ in range(3):
            lab.udp(port)
        lab.udp(port, reply=True)
        lab.settle()
        run("conntrack -F")
    equal("client", export.total(CLIENT, port), (3, 3 * 128))
    equal("server", export.total(SERVER, port), (1, 128))
    (record,) = export.of(CLIENT, port)
    equal("interfaces", (record["in"], record["out"]),
          (str(ifindex("r1")), str(ifindex("r2"))))


def test_packets_that_overtake_each_other_in_a_queue(lab: Lab) -> None:
    """Each has an entry of its own, of which one is dropped."""
    with Export("clash") as export, first_packets_wait(lab) as queue:
        port = lab.port()
        lab.udp(port, size=10)
        lab.udp(port, size=500)
        for packet in reversed(queue.take(2)):
            queue.accept(packet)
        lab.udp(port, reply=True)
        lab.settle()
        run("conntrack -F")
    equal("client", export.total(CLIENT, port), (2, 566))
    equal("server", export.total(SERVER, port), (1, 128))


def test_reports_take_the_place_of_dumps(lab: Lab) -> None:
    lab.active_timeout(ACTIVE_TIMEOUT)
    with Export("reports") as export:
        port = lab.port()
        for _ in range(35):
            lab.udp(port)
            time.sleep(ACTIVE_TIMEOUT / 10)
        time.sleep(2.5 * ACTIVE_TIMEOUT)
        run("conntrack -F")
    records = export.of(CLIENT, port)
    equal("several records", len(records) >= 3, True)
    equal("adding up", export.total(CLIENT, port), (35, 35 * 128))


def test_clock_set_by_an_hour(lab: Lab) -> None:
    """Back and forth: counters stay, times follow the clock as it is now."""
    sysctl("nf_conntrack_udp_timeout", 2)
    hour = 3600
    for step in (hour, -hour):
        with Export(f"clock{step}") as export:
            port = lab.port()
            begin = time.time()
            lab.udp(port, size=100)
            time.sleep(0.5)
            time.clock_settime(time.CLOCK_REALTIME, time.time() + step)
            lab.udp(port, size=300)
            later = lab.port()
            lab.udp(later, size=200)
            end = time.time()
            time.sleep(2.2)
            lab.expire()
        log = (export.directory / "log").read_text()
        equal("told", log.count("clock_set by="), 1)
        equal("counters", export.total(CLIENT, port), (2, 400 + 2 * 28))
        equal("counters of the later", export.total(CLIENT, later),
              (1, 228))
        (record,) = export.of(CLIENT, port)
        times = [time.mktime(time.strptime(record[key],
                                           "%Y-%m-%d %H:%M:%S"))
                 for key in ("ts", "te")]
        near("start", times[0], begin + step, 1.5)
        near("end", times[1], end, 1.5)


NAT_LOG = """\
nat_log:
  directory: /tmp/nat
  retention: 30d
  commit_interval: 100ms
"""
LATE_ENDS = 10      # seconds after a reading of the table until a row is closed


def nat_rows(public: str) -> list[dict[str, object]]:
    """What the NAT log says of an address and port."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    answer = subprocess.run(
        [os.environ["CTFLOWD"], "nat-lookup", public, "--directory", "/tmp/nat",
         "--at", now, "--tolerance", "1h", "--format", "json"], text=True,
        check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        return json.loads(answer.stdout)["rows"]
    except (ValueError, KeyError):
        raise Failure("nat-lookup: " + answer.stderr) from None


def test_nat_log_knows_its_connections_again(lab: Lab) -> None:
    """Read from the table, an entry is that of the row; so is its end."""
    if MEASURE == "patch":
        raise Skip("ids are CTA_IDs: integration.nat_log")
    lab.rules("""table ip n {
        chain postrouting {
            type nat hook postrouting priority srcnat
            oifname r2 udp dport 53 snat to 10.0.2.1:4000-4999
        }
    }""")
    sysctl("nf_conntrack_udp_timeout", 300)
    port = 4000 + lab.port() % 1000
    public = f"10.0.2.1:{port}"
    with Export("nat", NAT_LOG):
        lab.udp(port, size=100)
        time.sleep(2)
        equal("open", [row["ended"] for row in nat_rows(public)], [None])
    with Export("nat-again", NAT_LOG):
        time.sleep(LATE_ENDS + 3)
        equal("open after a start", [row["ended"] for row in nat_rows(public)],
              [None])
        run("conntrack -F")
        time.sleep(2)
        ends = [(row["ended"] is not None, row["end_unknown"])
                for row in nat_rows(public)]
        equal("the ends of all rows", ends, [(True, False)])


ACCOUNTING = """\
accounting:
  database: /tmp/accounting-%s
  aggregates: [{name: hosts, by: [host]},
    {name: services, by: [service, protocol, interface, remote_interface]}]
  services: [{name: dns, ports: [udp/53]}]
  inside: [10.0.1.0/24, "fd01::/64"]
  commit_interval: 1s
  time_zone: UTC
"""
FLOWTABLE = """table inet ft {
    flowtable f {
        hook ingress priority 0
        devices = { r1, r2 }
        counter
    }
    chain forward {
        type filter hook forward priority 0
        ct state established flow add @f
    }
}"""
OFFLOADED = 1 << 14


def counted(name: str, key: str) -> dict[str, tuple[int, ...]]:
    """Octets and packets up and down that accounting has of each `key`."""
    answer = run(f"{os.environ['CTFLOWD']} report --database /tmp/accounting-"
                 f"{name} -c /none --by {key} --direction out --format json",
                 check=False)
    return {row["name"]: tuple(row[field] for field in (
                "up_packets", "up_octets", "down_packets", "down_octets"))
            for row in json.loads(answer)["rows"]}


def datagrams(lab: Lab, port: int, six: bool) -> tuple[int, ...]:
    """A conversation that is offloaded after its first two packets."""
    lab.udp(port, six=six)
    lab.udp(port, reply=True, six=six)
    lab.settle()
    equal("offloaded", lab.find(port).status & OFFLOADED, OFFLOADED)
    for size in range(200, 240):
        lab.udp(port, size=size, six=six)
        lab.udp(port, size=3 * size, six=six, reply=True)
    header = 48 if six else 28
    sizes = (100, *range(200, 240))
    return (41, sum(sizes) + 41 * header,
            41, 100 + 3 * sum(sizes[1:]) + 41 * header)


def accounted(lab: Lab, name: str) -> None:
    lab.rules(FLOWTABLE)
    lab.offload(None, "r2", "tso off gso off sg off")
    try:
        with Export(name, ACCOUNTING % name):
            sniffer = Sniffer("s", "s0")
            transfer = lab.transfer(2_000_000)
            wire = sniffer.totals(transfer)
            sent = {host: datagrams(lab, lab.port(), six)
                    for host, six in ((CLIENT, False), (CLIENT6, True))}
            time.sleep(2)       # some of it is reported before the end
            run("conntrack -F")
    finally:
        lab.offload(None, "r2", "sg on tso on gso on")
    hosts = counted(name, "host")
    equal("datagrams", {host: hosts[host] for host in sent}, sent)
    equal("transfer", hosts[HOST_CLIENT], (*wire[False], *wire[True]))
    services = counted(name, "service")
    equal("dns", services["dns"],
          tuple(map(sum, zip(*sent.values()))))
    equal("others", services["other"], hosts[HOST_CLIENT])
    equal("interfaces", counted(name, "interface").keys(), {"r1"})
    equal("check", run(f"{os.environ['CTFLOWD']} accounting check --database "
                       f"/tmp/accounting-{name} -c /none; echo $?",
                       check=False).split()[-1], "0")


def test_accounting_of_a_flowtable_that_is_measured(lab: Lab) -> None:
    if MEASURE != "fentry":
        raise Skip("seen to be right with fentry only")
    accounted(lab, "measured")


def test_accounting_when_the_clock_is_set(lab: Lab) -> None:
    """Back to 1970 and to the right time, or an hour off: nothing is of a
    time that never was, and all is counted once."""
    right = time.time() - time.monotonic()
    for offset in (0, 3600, -3600):
        name = f"boot{offset}"
        try:
            with Export(name, ACCOUNTING % name, begun="started") as export:
                port = lab.port()
                lab.udp(port, size=100)
                time.sleep(1.5)
                # The kernel refuses times before that of the boot.
                time.clock_settime(time.CLOCK_REALTIME,
                                   time.clock_gettime(time.CLOCK_BOOTTIME) + 1)
                lab.udp(port, size=200)
                time.sleep(1.5)
                now = right + offset + time.monotonic()
                time.clock_settime(time.CLOCK_REALTIME, now)
                lab.udp(port, size=300)
                run("conntrack -F")
        finally:
            time.clock_settime(time.CLOCK_REALTIME, right + time.monotonic())
        log = (export.directory / "log").read_text()
        equal("whole", "accounting_incomplete" in log, False)
        equal("octets", counted(name, "host")[CLIENT], (3, 600 + 3 * 28, 0, 0))
        minutes = run(f"sqlite3 /tmp/accounting-{name} 'SELECT DISTINCT time "
                      "FROM usage WHERE level = 0'").split()
        for minute in minutes:
            near("minute", float(minute), now, 120)
        near("number of minutes", len(minutes), 1.5, 0.5)


def doctor(*command: str) -> Any:
    """What `ctflowd doctor --json` answers."""
    config = pathlib.Path("/tmp/doctor.yaml")
    config.write_text(CONFIG)
    result = subprocess.run(
        [*(command or [os.environ["CTFLOWD"]]), "doctor", "--json", "-c",
         str(config)], text=True, check=False, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    return json.loads(result.stdout)


def findings() -> dict[str, dict[str, str]]:
    """Those of the doctor, by name."""
    return {one["name"]: one for one in doctor()["findings"]}


def test_doctor_finds_a_flowtable_that_does_not_count(lab: Lab) -> None:
    run("nft add table inet f")
    try:
        run("nft 'add flowtable inet f fast "
            "{ hook ingress priority 0; devices = { r1, r2 }; }'")
        finding = findings()["flowtable_uncounted"]
        equal("named", "inet f fast" in finding["impact"], True)
        command = finding["fix"].split("'")[1]
        run(f"nft '{command}'")
        equal("mended", "flowtable_uncounted" in findings(), False)
    finally:
        run("nft delete table inet f")


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    sys.exit(main.run_module(sys.modules[__name__], "daemon"))
