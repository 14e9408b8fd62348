#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The connection log in a real PostgreSQL server: to the octet what the kernel counted, each row once."""

import contextlib
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import threading
import time

import case
import connection_lines
import ctflowd
import grafana
import kernel
import postgres
import traffic
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6, wait_until

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/postgresql.md"
SUMS = ("SELECT coalesce(sum(coalesce(initiator_packets_delta, 0) + coalesce(responder_packets_delta, 0)), 0), "
        "coalesce(sum(coalesce(initiator_octets_delta, 0) + coalesce(responder_octets_delta, 0)), 0) "
        "FROM connections")
SECRET = "Lagerfeuer7"


class Cut:
    """Stands between ctflowd and the server, and breaks a connection before an answer to COMMIT gets through."""

    def __init__(self, directory, server):
        self.directory = f"{directory}/cut"
        self._server = f"{server}/.s.PGSQL.5432"
        self.cuts = 0
        self.left = 0  # answers still to be kept back
        os.mkdir(self.directory)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self.directory}/.s.PGSQL.5432")
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            here, _ = self._listener.accept()
            there = socket.socket(socket.AF_UNIX)
            try:
                there.connect(self._server)
            except OSError:
                here.close()
                continue
            for pair in ((here, there, False), (there, here, True)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source, target, answers):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self.left and b"COMMIT\x00" in data and b"BEGIN\x00" not in data:
                    self.left -= 1
                    self.cuts += 1
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class PostgresqlTest(case.LabTest):
    def setUp(self):
        self.make_lab()
        self.server = postgres.Server(self.directory)
        self.addCleanup(self.server.kill)

    def run_with(self, connection=None, retention="30d", sources=(), log=True, flush_after="50ms", more=""):
        lines = ["log_connections:",
                 f"  - {{name: db, to: postgresql, flush_after: {flush_after}, buffer: 16MiB, {more}postgresql: "
                 f"{{connection: '{connection or self.server.connection}', retention: {retention}}}}}"]
        if log:
            lines.append(f"  - {{name: lines, to: file, {more}path: {self.directory}/log.json, flush_after: 50ms}}")
        lines += ["source:", *(f"  {one}" for one in ("measure: off", *sources))]
        lines.append(f"status: {{socket: {self.directory}/status.sock}}")
        daemon = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run",
                                 config="\n".join(lines) + "\n").wait_for("started")
        self.addCleanup(daemon.kill)
        return daemon

    def status(self):
        # Its exit status is 1 while there are problems.
        answer = subprocess.run([case.program, "status", "--json", "--socket", f"{self.directory}/status.sock"],
                                check=False, text=True, stdout=subprocess.PIPE).stdout
        return next(log for log in json.loads(answer)["namespaces"][0]["connection_logs"]
                    if log["name"] == "db")

    def lines(self):
        return connection_lines.read(f"{self.directory}/log.json")

    def many(self, count, port=9):
        """`count` connections of one datagram each."""
        with contextlib.closing(self.lab.client.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            for target in range(port, port + count):
                with contextlib.suppress(ConnectionRefusedError):
                    sock.sendto(b"x" * 10, (SERVER4, target))

    def assert_rows_are_the_lines(self, lines):
        """Each line is a row, no row is there twice, and none beside."""
        rows = self.server.ask("SELECT event, flow_id, to_char(start_time AT TIME ZONE 'UTC', "
                               "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), initiator_octets_total, community_id "
                               "FROM connections")
        expected = [[line["event"], str(line["flow_id"]), line["start"],
                     str(line["initiator"]["octets"]["total"]), line["community_id"]] for line in lines]
        self.assertEqual(sorted(rows), sorted(expected))
        self.assertEqual(tuple(map(int, self.server.ask(SUMS)[0])), connection_lines.sums(lines))


class Rows(PostgresqlTest):
    def test_rows_are_what_the_kernel_counted(self):
        self.lab.rules("source_nat", 'oifname "wan" masquerade')
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        daemon = self.run_with()
        out = (self.lab.client, self.lab.server)
        traffic.tcp(*out, SERVER4, 80, 50_000, 100)
        sent = traffic.udp(*out, SERVER4, 53, (100,), (200,))
        traffic.echo(self.lab.client, SERVER4, (56, 100))
        traffic.gre(*out, SERVER4)
        traffic.udp(*out, SERVER6, 53, (100, 300), (200,))
        traffic.echo(self.lab.client, SERVER6, (56,))
        self.lab.wait_for_idle()
        daemon.stop()
        connections = listener.stop()
        self.assert_rows_are_the_lines(self.lines())
        kernel_sums = (sum(one.original.packets + one.reply.packets for one in connections),
                       sum(one.original.octets + one.reply.octets for one in connections))
        self.assertEqual(tuple(map(int, self.server.ask(SUMS)[0])), kernel_sums)
        self.assertEqual(self.server.ask(
            "SELECT initiator, responder, responder_port, octets_sent, octets_received, ingress, egress "
            "FROM connections_readable WHERE protocol = 'udp' AND family = 'ipv4'"),
            [[CLIENT4, SERVER4, "53", str(sent.octets[0]), str(sent.octets[1]), "lan", "wan"]])
        self.assertEqual(self.server.ask("SELECT host(initiator_address) FROM connections WHERE icmp_type = 128"),
                         [[CLIENT6]])
        self.check_document(connections)
        self.check_dashboard(connections)

    def check_document(self, connections):
        """The queries of the document, with the values of a connection in place of its own."""
        udp = next(one for one in connections if one.protocol == 17 and one.original.source == CLIENT4)
        queries = re.findall(r"```sql\n(SELECT.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
        self.assertEqual(len(queries), 2)
        who = (queries[0].replace("203.0.113.7", udp.reply.destination)
               .replace("40213", str(udp.reply.destination_port)).replace("protocol = 6", "protocol = 17")
               .replace("2026-11-27 10:00:00+01", self.server.ask(
                   "SELECT end_time FROM connections WHERE protocol = 17 AND family(initiator_address) = 4")[0][0]))
        self.assertEqual([row[0] for row in self.server.ask(who)], [CLIENT4])
        per_day = self.server.ask(queries[1])
        self.assertEqual({row[1] for row in per_day}, {CLIENT4, CLIENT6})
        self.assertEqual(sum(int(row[2]) + int(row[3]) for row in per_day), int(self.server.ask(SUMS)[0][1]))

    def check_dashboard(self, connections):
        """Each query of the dashboard runs, as the role of the document; their sums are those of the kernel."""
        for statement in re.search(r"(?s)(CREATE ROLE grafana.*?)```", DOCUMENT.read_text(encoding="utf-8"))[1].splitlines():
            self.server.ask(statement)
        dashboard = grafana.Dashboard("ctflowd-postgresql.json", time.time() - 3600, time.time() + 60)
        found = {}
        for title, query, kind in dashboard.queries():
            found[title, kind] = self.server.ask(f"SET ROLE grafana; {query}")
            self.assertTrue(found[title, kind], title)
        octets = sum(one.original.octets + one.reply.octets for one in connections)
        self.assertEqual(found["Octets", "stat"], [[str(octets)]])
        self.assertAlmostEqual(sum(float(row[1]) + float(row[2]) for row in found["Octets", "timeseries"]) * 3600 / 8,
                               octets, delta=1)
        self.assertEqual(found["Connections that ended", "stat"], [[str(len(connections))]])
        self.assertEqual(sum(int(row[2]) for row in found["Connections that ended", "timeseries"]), len(connections))
        for title in ("Top hosts", "Top services"):
            rows = found[title, "table"]
            self.assertEqual(sum(int(row[-3]) + int(row[-2]) for row in rows), octets, title)
            self.assertEqual(sum(int(row[-1]) for row in rows), len(connections), title)
        self.assertEqual({row[0] for row in found["Top hosts", "table"]}, {one.original.source for one in connections})
        self.assertIn(["udp", "53"], [row[:2] for row in found["Top services", "table"]])
        self.assertEqual(len(found["Connections of an address", "table"]), len(connections))
        udp = next(one for one in connections if one.protocol == 17 and one.original.source == CLIENT4)
        for address, port, count in ((udp.reply.destination, str(udp.reply.destination_port), 1), ("192.0.2.99", "", 0),
                                     (CLIENT6, "", sum(one.original.source == CLIENT6 for one in connections)),
                                     ("it's", "1'", 0)):
            dashboard.values.update(address=address, port=port)
            self.assertEqual(len(self.server.ask(dashboard.query("Connections of an address"))), count, address)

    def test_a_table_without_newer_columns_gets_them(self):
        """And the rows of before stay, as does a column that somebody has added."""
        first = self.run_with()
        self.many(5)
        self.lab.wait_for_idle()
        first.stop()
        self.server.ask("DROP VIEW connections_readable; ALTER TABLE connections DROP COLUMN initiator_mac, "
                        "DROP COLUMN responder_country, ADD COLUMN customer text DEFAULT 'unknown'")
        second = self.run_with(more="mac_addresses: true, ")
        self.many(5, 100)
        self.lab.wait_for_idle()
        second.stop()
        lines = self.lines()
        self.assertEqual(len(lines), 10)
        self.assert_rows_are_the_lines(lines)
        self.assertEqual(sorted(self.server.ask("SELECT community_id, coalesce(initiator_mac::text, ''), customer "
                                                "FROM connections")),
                         sorted([line["community_id"], line["initiator"].get("mac", ""), "unknown"] for line in lines))
        self.assertEqual(self.server.ask("SELECT count(*), count(initiator_mac), count(responder_country) "
                                         "FROM connections_readable"), [["10", "5", "0"]])

    def test_a_table_that_may_not_be_changed_is_a_failure_with_its_reason(self):
        first = self.run_with()
        wait_until(lambda: self.server.number("SELECT count(*) FROM pg_views WHERE viewname = 'connections_readable'"),
                   "the tables")
        first.stop()
        self.server.ask("DROP VIEW connections_readable; ALTER TABLE connections DROP COLUMN initiator_mac; "
                        "CREATE ROLE writer LOGIN; GRANT USAGE, CREATE ON SCHEMA public TO writer; "
                        "GRANT ALL ON ALL TABLES IN SCHEMA public TO writer")
        daemon = self.run_with(self.server.connection.replace("user=ctflowd", "user=writer"))
        daemon.wait_for("connection_log_failed")
        self.assertIn("must be owner of table connections", daemon.log)
        self.assertIn("give it the tables", daemon.log)
        self.assertIn("must be owner", json.dumps(self.status()))
        self.many(5)
        self.lab.wait_for_idle()
        wait_until(lambda: self.status()["counters"]["waiting"]["flows"] == 5, "rows that wait")
        self.server.ask("ALTER TABLE connections ADD COLUMN initiator_mac macaddr")
        # The pause before it is tried again became longer with each failure.
        wait_until(lambda: self.server.number("SELECT count(*) FROM connections") == 5, "the rows", 90)
        daemon.stop()
        self.assert_rows_are_the_lines(self.lines())

    def test_the_password_is_in_a_file_and_nowhere_else(self):
        self.server.ask(f"CREATE ROLE writer LOGIN PASSWORD '{SECRET}'")
        self.server.ask("GRANT ALL ON SCHEMA public TO writer")
        with open(f"{self.directory}/data/pg_hba.conf", "w", encoding="ascii") as file:
            file.write("local all ctflowd trust\nlocal all writer scram-sha-256\n")
        self.server.ask("SELECT pg_reload_conf()")
        passfile = f"{self.directory}/pgpass"
        with open(passfile, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(f"*:*:*:writer:wrong{SECRET}\n")
        daemon = self.run_with(f"host={self.server.socket} user=writer dbname=postgres passfile={passfile}")
        daemon.wait_for("connection_log_failed")
        self.assertIn("password authentication failed", daemon.log)
        with open(passfile, "w", encoding="ascii") as file:
            file.write(f"*:*:*:writer:{SECRET}\n")
        self.many(3)
        self.lab.wait_for_idle()
        wait_until(lambda: self.status()["lines"] == 3, "the rows to be written", 60)
        self.assertNotIn(SECRET, daemon.log + json.dumps(self.status()))
        daemon.stop()

    def test_one_row_that_is_refused_costs_no_other(self):
        daemon = self.run_with()
        wait_until(lambda: self.server.ask("SELECT to_regclass('connections')") != [[""]], "the tables")
        self.server.ask("ALTER TABLE connections ADD CHECK (responder_port <> 150)")
        self.many(200, port=9)
        self.lab.wait_for_idle()
        wait_until(lambda: self.status()["lines"] + self.status()["lost"] == 200, "every row")
        counters = self.status()["counters"]
        daemon.stop()
        self.assertEqual(self.server.number("SELECT count(*) FROM connections"), 199)
        self.assertEqual((counters["lost_write_error"]["flows"], counters["lost_packets"], counters["lost_octets"]),
                         (1, 1, 38))
        self.assertIn("connection_log_row_refused", daemon.log)


    def test_rows_that_a_trigger_does_not_store_are_lost(self):
        daemon = self.run_with()
        wait_until(lambda: self.server.ask("SELECT to_regclass('connections')") != [[""]], "the tables")
        self.server.ask("CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
                        "IF NEW.responder_port < 150 THEN RETURN NULL; END IF; RETURN NEW; END'")
        self.server.ask("CREATE TRIGGER forget BEFORE INSERT ON connections FOR EACH ROW EXECUTE FUNCTION forget()")
        self.many(200, port=9)
        self.lab.wait_for_idle()
        wait_until(lambda: self.status()["lines"] + self.status()["lost"] == 200, "every row")
        lost = self.status()["counters"]["lost_write_error"]["flows"]
        daemon.stop()
        self.assertGreater(lost, 0)
        self.assertEqual(self.server.number("SELECT count(*) FROM connections"), 200 - lost)
        self.assertIn("connection_log_rows_dropped", daemon.log)

    def test_a_column_that_cannot_be_added_again_is_named(self):
        daemon = self.run_with()
        wait_until(lambda: self.server.ask("SELECT to_regclass('connections')") != [[""]], "the tables")
        self.many(1, port=9)
        self.lab.wait_for_idle()
        wait_until(lambda: self.status()["lines"] == 1, "the row")
        daemon.stop()
        self.server.ask("ALTER TABLE connections DROP COLUMN community_id CASCADE")
        daemon = self.run_with()
        wait_until(lambda: "connection_log_failed" in daemon.log, "the failure")
        self.assertIn("the table connections lacks community_id", daemon.log)
        daemon.stop()


class Faults(PostgresqlTest):
    def test_a_commit_whose_answer_is_lost_is_not_written_twice(self):
        cut = Cut(self.directory, self.server.socket)
        daemon = self.run_with(f"host={cut.directory} user=ctflowd dbname=postgres")
        daemon.wait_for("connection_log_connected")
        cut.left = 3
        for number in range(3):  # so there are at least three batches
            self.many(100, port=9 + 100 * number)
            self.lab.wait_for_idle()
            wait_until(lambda above=number: cut.cuts > above, "a commit to break", 60)
        wait_until(lambda: self.status()["lines"] == 300, "every row", 60)
        self.assertEqual(cut.cuts, 3)
        daemon.stop()
        self.assert_rows_are_the_lines(self.lines())

    def test_a_server_that_is_killed_at_any_time_has_each_row_once(self):
        """Its crashes are random, its disk is whole: what it acknowledged is there when it is back."""
        seed = random.randrange(10_000)
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        daemon = self.run_with(flush_after="5ms")
        count = 0
        for _ in range(5):
            for _ in range(chance.randrange(1, 6)):
                self.many(100, port=1000 + count)
                count += 100
                self.lab.router.run("conntrack", "-F")
                time.sleep(chance.random() * 0.1)
            self.server.kill()
            self.many(50, port=1000 + count)
            count += 50
            self.lab.router.run("conntrack", "-F")
            self.server.start()
        wait_until(lambda: self.status()["lines"] + self.status()["lost"] == count, "every row", 120)
        self.assertEqual(self.status()["lost"], 0)
        daemon.stop()
        lines = self.lines()
        self.assertEqual(len(lines), count)
        self.assert_rows_are_the_lines(lines)

    def test_a_server_that_is_away_at_the_start_gets_all_later(self):
        self.server.stop()
        daemon = self.run_with()
        daemon.wait_for("connection_log_failed")
        self.many(20)
        self.lab.router.run("conntrack", "-F")
        self.assertEqual(self.status()["state"], "unreachable")
        self.server.start()
        wait_until(lambda: self.status()["lines"] == 20, "the rows", 60)
        daemon.stop()
        self.assert_rows_are_the_lines(self.lines())


class Partitions(PostgresqlTest):
    def names(self):
        return {row[0] for row in self.server.ask(
            "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'connections'::regclass")}

    def test_partitions_are_made_ahead_and_removed(self):
        daemon = self.run_with()
        daemon.wait_for("connection_log_connected")
        wait_until(lambda: len(self.names()) == 2, "today and tomorrow")
        daemon.stop()
        today, tomorrow = sorted(self.names())
        self.assertEqual(self.server.ask("SELECT 'connections_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')"),
                         [[today]])
        days = {age: self.server.ask(f"SELECT to_char(now() AT TIME ZONE 'UTC' - interval '{age} days', "
                                     "'YYYYMMDD')")[0][0] for age in (29, 30, 31, 200)}
        for day in days.values():
            date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
            self.server.ask(f"CREATE TABLE connections_{day} PARTITION OF connections FOR VALUES "
                            f"FROM ('{date} 00:00:00+00') TO ('{date} 24:00:00+00')")
        self.server.ask("CREATE TABLE connections_notes (note text)")
        daemon = self.run_with(retention="30d")
        wait_until(lambda: f"connections_{days[31]}" not in self.names(), "old partitions to be removed")
        wait_until(lambda: f"connections_{days[200]}" not in self.names(), "old partitions to be removed")
        self.assertEqual(self.names(), {today, tomorrow, f"connections_{days[29]}", f"connections_{days[30]}"})
        self.assertEqual(self.server.number("SELECT count(*) FROM connections_notes"), 0)
        daemon.stop()


if __name__ == "__main__":
    case.main()
