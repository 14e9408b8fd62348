#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Accounting and its reports: what they say is what the kernel counted."""

import collections
import contextlib
import csv
import glob
import io
import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import time

import case
import ctflowd
import grafana
import kernel
import traffic
from lab import CLIENT4, CLIENT6, LAN4, SERVER4, SERVER6, WAN4, Namespace, wait_until

COMPLETE, INCOMPLETE, NO_ANSWER = 0, 1, 2
IN, OUT, LOCAL, THROUGH, SELF = range(5)
SECOND4 = "10.20.0.2"  # a host of another inside network
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/man/ctflowd-accounting.5.scd"
AGGREGATES = """[{name: hosts, by: [host]}, {name: services, by: [network, service, protocol]},
    {name: links, by: [interface, remote_interface]}, {name: few, by: [host, service], max_keys: 1},
    {name: totals, by: [direction]}, {name: devices, by: [device]}]"""
INSIDE = '[10.10.0.0/24, 10.20.0.0/24, "2001:db8:1::/64"]'


class AccountingReport(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.database = f"{self.directory}/accounting.sqlite"
        self.listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(self.listener.kill)
        self.second = self.second_lan()

    def text(self, **settings):
        accounting = {"aggregates": AGGREGATES, "database": self.database, "commit_interval": "1s",
                      "time_zone": "UTC", "inside": INSIDE,
                      "networks": "[{name: office, networks: [10.10.0.0/24]}]", **settings}
        return ctflowd.configuration([ctflowd.Collector("one", 4739, "ipfix")],
                                     accounting={k: v for k, v in accounting.items() if v})

    def start_program(self, **settings):
        program = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                  config=self.text(**settings))
        self.addCleanup(program.kill)
        program.wait_for("started")
        wait_until(lambda: os.path.exists(self.database) and self.rows("SELECT * FROM meta"),
                   "the first transaction")
        return program

    def rows(self, sql):
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.OperationalError:  # it is being made
            return []
        finally:
            connection.close()

    def ask(self, *options, expect):
        run = subprocess.run([case.program, *options, "--database", self.database, "-c", "/none"],
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, expect, run.stdout + run.stderr)
        return run.stdout

    @staticmethod
    def to_nowhere(*command):
        """Exit status and errors where the reader of what is printed has gone, as of `| head`."""
        reader, writer = os.pipe()
        os.close(reader)
        with open(writer, "wb") as gone:
            run = subprocess.run([case.program, *command], stdout=gone, stderr=subprocess.PIPE, text=True,
                                 check=False)
        return run.returncode, run.stderr

    def second_lan(self):
        host = Namespace("second")
        self.addCleanup(subprocess.run, ["ip", "netns", "delete", "second"], check=False)
        self.lab.link(host, "lan2", ("10.20.0.1", 24), (SECOND4, 24))
        host.run("ip", "route", "add", "default", "via", "10.20.0.1")
        return host

    def all_kinds(self):
        """A connection of each kind, and its direction."""
        self.lab.rules("source_nat", f"ip saddr 10.10.0.0/24 oifname wan snat ip to {WAN4}")
        self.lab.rules("destination_nat", f"ip daddr {WAN4} tcp dport 8080 dnat ip to {CLIENT4}:80")
        client, server, router = self.lab.client, self.lab.server, self.lab.router
        traffic.udp(client, server, SERVER4, 53, (100, 200), (1000,))
        traffic.tcp(client, server, SERVER4, 443, 10_000, 200_000)
        traffic.udp(client, server, SERVER6, 53, (100,), (700,))
        traffic.tcp(server, client, WAN4, 8080, 500, 50_000, listen=(CLIENT4, 80))
        traffic.udp(client, self.second, SECOND4, 5000, (300,), (400,))
        traffic.echo(router, SERVER4)
        traffic.echo(client, LAN4)

    @staticmethod
    def direction_of(connection):
        def inside(address):
            return address.startswith(("10.10.0.", "10.20.0.", "2001:db8:1::"))
        first, second = connection.original.source, connection.reply.source
        own = {LAN4, WAN4, "10.20.0.1", "192.0.2.1", "2001:db8:1::1", "2001:db8:2::1"}
        if first in own or second in own or (first + second).find("fe80::") >= 0:
            return SELF
        return {(True, False): OUT, (False, True): IN, (True, True): LOCAL,
                (False, False): THROUGH}[inside(first), inside(second)]

    def counted_by_kernel(self):
        """Octets and packets by direction."""
        sums = collections.defaultdict(lambda: [0, 0])
        for one in self.listener.stop():
            sums[self.direction_of(one)][0] += one.original.octets + one.reply.octets
            sums[self.direction_of(one)][1] += one.original.packets + one.reply.packets
        return {direction: tuple(both) for direction, both in sums.items()}

    def counted(self, aggregate, level):
        return {direction: (octets, packets) for direction, octets, packets in self.rows(
            f"""SELECT direction, sum(down_octets + up_octets), sum(down_packets + up_packets) FROM
            usage JOIN aggregate ON aggregate.id = usage.aggregate WHERE aggregate.name =
            '{aggregate}' AND level = {level} GROUP BY direction""")}

    def assert_conserved(self):
        expected = self.counted_by_kernel()
        for aggregate in ("hosts", "services", "links", "few", "totals", "devices"):
            for level in range(4):
                self.assertEqual(self.counted(aggregate, level), expected, (aggregate, level))
        self.ask("accounting", "check", expect=0)
        return expected

    def test_every_kind_is_counted_to_the_octet(self):
        program = self.start_program()
        self.all_kinds()
        self.lab.wait_for_idle()
        program.stop()
        expected = self.assert_conserved()
        self.assertEqual(set(expected), {IN, OUT, LOCAL, SELF})
        hosts = {(row[0], row[1]): row[2:] for row in self.rows(
            """SELECT host, direction, sum(down_octets), sum(up_octets), sum(connections) FROM
            periods WHERE aggregate = 'hosts' GROUP BY host, direction""")}
        self.assertIn((CLIENT4, "out"), hosts)
        self.assertIn((CLIENT4, "in"), hosts)  # the inside address, not the public one
        self.assertIn((CLIENT4, "local"), hosts)
        self.assertNotIn(WAN4, {host for host, direction in hosts if direction != "self"})
        self.assertEqual(hosts[CLIENT4, "out"][2], 2)
        self.assertGreater(hosts[CLIENT4, "out"][0], 200_000)  # down
        self.assertGreater(hosts[CLIENT4, "in"][1], 50_000)  # up: it answered
        self.assertEqual(hosts["2001:0db8:0001:0000:0000:0000:0000:0002", "out"],
                         (700 + 48, 100 + 48, 1))
        services = {row[0] for row in self.rows("SELECT service FROM days WHERE direction = 'out'")}
        self.assertLessEqual({"dns", "https"}, services)
        links = self.rows("""SELECT DISTINCT interface, remote_interface FROM days WHERE aggregate =
            'links' AND direction IN ('in', 'out')""")
        self.assertEqual(links, [("lan", "wan")])
        kinds = {row[0] for row in self.rows("SELECT kind FROM days WHERE aggregate = 'few'")}
        self.assertEqual(kinds, {"key", "other"})
        totals = program.totals("output_totals")
        self.assertEqual(totals["offered"], totals["flows"])
        self.assertEqual(glob.glob(f"{self.database}-session-*") + glob.glob("/run/ctflowd/*-session-*"), [],
                         "a clean stop leaves none")

    def test_networks_of_interfaces_without_default_route_are_inside(self):
        self.lab.router.run("ip", "route", "add", "default", "via", SERVER4)
        self.lab.router.run("ip", "-6", "route", "add", "default", "via", SERVER6)
        program = self.start_program(inside=None)
        self.all_kinds()
        self.lab.wait_for_idle()
        program.stop()
        self.assertEqual(set(self.assert_conserved()), {IN, OUT, LOCAL, SELF})

    def test_killed_between_transactions(self):
        program = self.start_program(commit_interval="1h")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
        self.lab.wait_for_idle()
        time.sleep(0.5)  # the event is read
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()
        self.assertEqual(self.counted("hosts", 0), {})
        program = self.start_program()
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 54, (300,), (300,))
        self.lab.wait_for_idle()
        program.stop()
        self.assert_conserved()
        report = json.loads(self.ask("report", "--format", "json", expect=INCOMPLETE))
        self.assertEqual(report["uncounted"]["down_octets"], 128)
        self.assertEqual(report["uncounted"]["connections"], 1)
        dashboard = grafana.Dashboard("ctflowd-accounting.json", time.time() - 6 * 3600, time.time())
        dashboard.values["devices"] = "devices"
        self.assertEqual(self.rows(dashboard.query("Uncounted")), [(256,)])
        self.assertIn("accounting_uncounted", program.log)

    def test_killed_and_its_database_moved_away(self):
        program = self.start_program(commit_interval="10s")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
        wait_until(lambda: self.counted("hosts", 0), "a transaction", seconds=60)
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 54, (300,), (300,))
        self.lab.wait_for_idle()
        time.sleep(0.5)  # the event is read
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()
        written = self.counted("hosts", 3)
        for suffix in ("", "-wal", "-shm"):
            os.rename(self.database + suffix, f"{self.directory}/away{suffix}")
        program = self.start_program()
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 55, (500,), (500,))
        self.lab.wait_for_idle()
        program.stop()
        self.assertIn("accounting_database_replaced", program.log)
        new = self.counted("hosts", 3)
        self.assertEqual({OUT: tuple(map(sum, zip(written[OUT], new[OUT])))}, self.counted_by_kernel())
        self.ask("accounting", "check", expect=0)

    def test_reload_keeps_counting(self):
        program = self.start_program()
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
        self.lab.wait_for_idle()
        with open(f"{program.name}.yaml", "w", encoding="utf-8") as file:
            file.write(self.text(commit_interval="2s"))
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("reloaded")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (200,), (200,))
        self.lab.wait_for_idle()
        program.stop()
        self.assert_conserved()
        self.assertEqual(self.rows("SELECT * FROM gap"), [])
        self.assertEqual(self.rows("SELECT * FROM session"), [])

    def test_locked_database(self):
        program = self.start_program()
        lock = sqlite3.connect(self.database, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
        self.lab.wait_for_idle()
        program.wait_for("accounting_not_written")
        lock.execute("ROLLBACK")
        lock.close()
        program.wait_for("accounting_written_again")
        program.stop()
        self.assert_conserved()

    def test_full_disk(self):
        small = f"{self.directory}/small"
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        self.database = f"{small}/accounting.sqlite"
        program = self.start_program()
        with open(f"{small}/fill", "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
        for port in range(5000, 5040):  # rows that need pages
            traffic.udp(self.lab.client, self.lab.server, SERVER4, port, (100,), (100,))
        self.all_kinds()
        self.lab.wait_for_idle()
        program.wait_for("accounting_not_written")
        os.remove(f"{small}/fill")
        program.wait_for("accounting_written_again")
        program.stop()
        self.assert_conserved()

    def test_reports(self):
        program = self.start_program()
        self.all_kinds()
        self.lab.wait_for_idle()
        program.stop()
        table = self.ask("report", "--since", "1h", "--by", "host", expect=INCOMPLETE)  # before accounting began
        self.assertIn("internet only", table)
        self.assertIn("incomplete", table.splitlines()[0])
        self.assertIn("before accounting began", table)
        self.assertNotIn("\x1b", table)
        for line in table.splitlines()[:-1]:
            self.assertLessEqual(len(line), 80, line)
        self.assertRegex(table, rf"(?m)^{re.escape(CLIENT4)} +2\d\d kB")
        one = json.loads(self.ask("report", "--format", "json", "--direction", "all", expect=INCOMPLETE))
        lines = csv.DictReader(io.StringIO(self.ask("report", "--format", "csv", "--direction", "all",
                                                    expect=INCOMPLETE)))
        self.assertEqual(sum(int(line["down_octets"]) for line in lines),
                         one["total"]["down_octets"])
        expected = self.counted_by_kernel()
        self.assertEqual(one["total"]["down_octets"] + one["total"]["up_octets"],
                         sum(octets for octets, _ in expected.values()))
        by = json.loads(self.ask("report", "--format", "json", "--direction", "all", "--by",
                                 "direction", expect=INCOMPLETE))
        self.assertEqual({row["name"]: row["down_octets"] + row["up_octets"] for row in by["rows"]},
                         {("in", "out", "local", "through", "self")[direction]: octets
                          for direction, (octets, _) in expected.items()})
        top = self.ask("report", "--top", "1", "--direction", "all", "--bytes", expect=INCOMPLETE)
        self.assertRegex(top, r"(?m)^other \(\d+\) ")
        self.ask("report", "--period", "current", "--by", "service", expect=INCOMPLETE)
        for wrong in (("--by", "colour"), ("--since", "24"), ("--period", "2026-13"),
                      ("--direction", "up"), ("--format", "xml")):
            self.ask("report", *wrong, expect=NO_ANSWER)
        exported = self.ask("accounting", "export", "--level", "day", expect=0)
        self.assertEqual(len(list(csv.DictReader(io.StringIO(exported)))),
                         self.rows("SELECT count(*) FROM usage WHERE level = 2")[0][0])
        self.ask("accounting", "prune", expect=NO_ANSWER)  # how much is kept is not known
        settings = f"{self.directory}/settings.yaml"
        with open(settings, "w", encoding="utf-8") as file:
            file.write(self.text())
        self.assertEqual(self.to_nowhere("accounting", "prune", "-c", settings), (0, ""))
        report = "report", "--format", "json", "-c", settings
        self.assertEqual(self.to_nowhere(*report), (INCOMPLETE, ""))
        with open("/dev/full", "wb") as full:
            run = subprocess.run([case.program, *report], stdout=full, stderr=subprocess.PIPE, text=True,
                                 check=False)
        self.assertEqual(run.returncode, NO_ANSWER, run)
        self.assertRegex(run.stderr, "^standard output cannot be written, .*\\n$")
        self.examples_of_the_page()
        self.queries_of_the_dashboard()

    def examples_of_the_page(self):
        examples = re.findall(r"```\n(SELECT.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            found = [connection.execute(sql).fetchall() for sql in examples]
        days, course, missing, causes, ever, devices, no_key, stopped = found
        self.assertEqual((missing, causes, stopped), ([], [], []), "nothing is missing")
        self.assertEqual({host for _, host, _, _ in days if ":" not in host}, {CLIENT4})
        counted = self.counted("hosts", 3)
        self.assertEqual(sum(down + up for *_, down, up in days), counted[IN][0] + counted[OUT][0])
        self.assertAlmostEqual(sum(rate for _, rate in course),
                               sum(octets for octets, _ in counted.values()) * 8 / 3600, delta=len(course))
        self.assertEqual({name: octets for aggregate, name, octets in ever if aggregate == "hosts"},
                         {("in", "out", "local", "through", "self")[direction]: octets
                          for direction, (octets, _) in counted.items()})
        self.assertRegex(devices[0][0], "^([0-9a-f]{2}:){5}[0-9a-f]{2}$")
        self.assertEqual(sum(down + up for _, down, up, _ in devices), counted[IN][0] + counted[OUT][0])
        self.assertEqual({row[:2] for row in no_key}, {("few", "other")})

    def queries_of_the_dashboard(self):
        dashboard = grafana.Dashboard("ctflowd-accounting.json", time.time() - 6 * 3600, time.time())
        found = {}
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            for variable in ("devices", "networks"):
                names = connection.execute(dashboard.filled(dashboard.variables[variable]["query"])).fetchall()
                dashboard.values[variable] = names[0][0]
            others = connection.execute(dashboard.query("Devices by hour").replace("LIMIT 10", "LIMIT 0")).fetchall()
            for title, query, kind in dashboard.queries():
                answer = connection.execute(query)
                found[title] = [dict(zip((column[0] for column in answer.description), row)) for row in answer]
                self.assertEqual(bool(found[title]), title != "Gaps", title)
                self.assertEqual(answer.description[0][0] == "time", kind == "timeseries", title)
        self.assertEqual((dashboard.values["devices"], dashboard.values["networks"]), ("devices", "services"))
        counted = self.counted("hosts", 2)
        octets = counted[IN][0] + counted[OUT][0]
        for title in ("Today", "This period"):
            self.assertEqual(found[title], [{"octets": octets}])
        for title in ("Top talkers today", "Top talkers of this period", "Networks today", "Networks of this period"):
            self.assertEqual(sum(row["down"] + row["up"] for row in found[title]), octets, title)
            self.assertAlmostEqual(sum(row["share"] for row in found[title]), 100)
        self.assertEqual({row["name"] for row in found["Networks today"]} - {"other"}, {"office"})
        course = sum(row["down"] + row["up"] for row in found["Course by hour"])
        self.assertAlmostEqual(course * 3600 / 8, octets, delta=1)
        for title in ("Devices by hour", "Networks by hour"):
            self.assertAlmostEqual(sum(row["rate"] for row in found[title]), course, delta=0.01)
        self.assertEqual({name for _, name, _ in others}, {"(all others)"})
        self.assertAlmostEqual(sum(rate for *_, rate in others), course, delta=0.01)
        self.assertEqual((found["Missing"], found["Not running"], found["Uncounted"]),
                         ([{"missing": 0}], [{"seconds": 0}], [{"octets": 0}]))
        self.assertLess(found["Last written"][0]["age"], 120)

    def test_the_page_has_every_column(self):
        program = self.start_program()
        program.stop()
        page = PAGE.read_text(encoding="utf-8")
        described = {}
        for names, text in re.findall(r"(?ms)^## (.*?)$(.*?)(?=^#)", page):
            for name in names.split(", "):
                terms = re.findall(r"(?m)^(\*\w+\*(?:, \*\w+\*)*)$", text)
                described[name] = sorted(re.findall(r"\w+", " ".join(terms)))
        described["readable_key"] = sorted({"id", "kind", "aggregate"} | {
            name for name in described["minutes"] if name in described["key"] or name == "device_name"})
        self.assertEqual(described, {
            name: sorted(column for column, in self.rows(f"SELECT name FROM pragma_table_info('{name}')"))
            for name, in self.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")})
        self.assertIn(f"user_version* is {self.rows('PRAGMA user_version')[0][0]}.", page)

    def test_wrong_sums_are_found(self):
        program = self.start_program()
        traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (100,))
        self.lab.wait_for_idle()
        program.stop()
        self.ask("accounting", "check", expect=0)
        with sqlite3.connect(self.database) as connection:
            connection.execute("UPDATE usage SET down_octets = down_octets + 1 WHERE level = 1")
        self.ask("accounting", "check", expect=1)


if __name__ == "__main__":
    case.main()
