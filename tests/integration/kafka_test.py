#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Connection logs to a Kafka topic: librdkafka's mock cluster (kafka_cluster.cpp) takes the lines, kcat reads them, and
both the kernel and the ledger say what must be there."""

import collections
import json
import pathlib
import signal
import subprocess
import time

import case
import connection_log_test
import ctflowd
import isolation
import kernel
import traffic
from connection_lines import sums
from connection_log_test import LogTest
from lab import CLIENT4, SERVER4, SERVER6, wait_until
from status_test import fetch, metrics, status

TOPIC = "connections"
EXAMPLE = pathlib.Path(__file__).parents[2] / "config/examples/kafka.yaml"
Message = collections.namedtuple("Message", "partition key line")


class Cluster:
    """In a namespace, at its 127.0.0.1."""

    def __init__(self, namespace):
        self.namespace = namespace
        program = pathlib.Path(case.program).parent / "tests/integration/kafka_cluster"
        self.process = subprocess.Popen(namespace.command(str(program), TOPIC), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.process.stdout.readline().strip()

    def brokers(self):
        return "[" + ", ".join(f'"{broker}"' for broker in self.bootstrap.split(",")) + "]"

    def do(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "done\n":
            raise AssertionError(f"the cluster does not know {word}")

    def messages(self):
        """All that is in the topic."""
        text = self.namespace.run("kcat", "-C", "-q", "-e", "-b", self.bootstrap, "-t", TOPIC, "-f", "%p %k %s\\n")
        return [Message(int(partition), key, json.loads(line)) for partition, key, line in
                (row.split(" ", 2) for row in text.splitlines())]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class KafkaTest(LogTest):
    tracked = False  # connections to the brokers

    def setUp(self):
        super().setUp()
        isolation.require("kcat")
        if not self.tracked:
            self.lab.rules("raw_output", "ip daddr 127.0.0.1 notrack")
        self.cluster = Cluster(self.lab.router)
        self.addCleanup(self.cluster.kill)

    def entry(self, settings="reconnect.backoff.max.ms: 200", **more):
        beside = "".join(f", {key}: {value}" for key, value in more.items())
        return (f"name: local, to: kafka, brokers: {self.cluster.brokers()}, topic: {TOPIC}, "
                f"settings: {{{settings}}}{beside}")

    def arrived(self, count):
        wait_until(lambda: self.counters()["records"] >= count, f"{count} lines to be acknowledged", 20)

    def counters(self):
        (log,) = status()["namespaces"][0]["connection_logs"]
        return log["counters"]

    def check_messages(self, messages):
        """Each is a line as in a file, keyed by its connection, which is in one partition."""
        self.validate([one.line for one in messages])
        partitions = collections.defaultdict(set)
        for one in messages:
            self.assertEqual(one.key, one.line["community_id"])
            partitions[one.key].add(one.partition)
        self.assertEqual({len(all_of_one) for all_of_one in partitions.values()}, {1})


class EveryLine(KafkaTest):
    check = connection_log_test.EveryKind.check
    check_line = connection_log_test.EveryKind.check_line

    def test_the_topic_has_what_the_kernel_counted(self):
        self.lab.rules("source_nat", 'oifname "wan" masquerade')
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        daemon = self.run_with(self.entry())
        out = (self.lab.client, self.lab.server)
        traffic.tcp(*out, SERVER4, 80, 50_000, 100)
        traffic.udp(*out, SERVER4, 53, (100,), (200,))
        traffic.echo(self.lab.client, SERVER4, (56, 100))
        traffic.gre(*out, SERVER4)
        traffic.tcp(*out, SERVER6, 80, 1000, 3000)
        traffic.udp(*out, SERVER6, 53, (100, 300), (200,))
        self.lab.wait_for_idle()
        self.arrived(6)
        daemon.stop()
        connections = listener.stop()
        messages = self.cluster.messages()
        self.check_messages(messages)
        lines = [one.line for one in messages]
        self.assertEqual(len(connections), 6)
        self.check(connections, lines)
        ledger = self.totals(daemon)
        self.assertEqual(ledger["records"], len(lines))
        self.assertEqual((ledger["packets"], ledger["octets"]), sums(lines))
        self.assertEqual(ledger["lost_messages"], 0)

    def test_interim_reports_of_a_connection_stay_in_order(self):
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout_stream", 9)
        self.lab.router.set("net/netfilter/nf_conntrack_udp_timeout", 9)
        daemon = self.run_with(self.entry(), sources=("active_timeout: 5s",))
        for _ in range(110):
            traffic.udp(self.lab.client, self.lab.server, SERVER4, 53, (100,), (200,), source=(CLIENT4, 40000))
            time.sleep(0.1)
        self.lab.wait_for_idle()
        daemon.stop()
        messages = self.cluster.messages()
        self.check_messages(messages)
        lines = [one.line for one in messages if one.line["initiator"].get("port") == 40000]
        self.assertGreaterEqual(len(lines), 3)
        self.assertEqual([line["event"] for line in lines], ["update"] * (len(lines) - 1) + ["end"])
        self.assertEqual(sums(lines), (lines[-1]["initiator"]["packets"]["total"] + lines[-1]["responder"]["packets"]["total"],
                                       lines[-1]["initiator"]["octets"]["total"] + lines[-1]["responder"]["octets"]["total"]))


class Faults(KafkaTest):
    def churn(self, count, port):
        self.many(count, port)
        self.flush()

    def check_ledger(self, daemon, offered):
        """Each connection is in the topic once or counted as lost, and to the octet. Returns the ledger."""
        ledger = self.totals(daemon)
        messages = [one for one in self.cluster.messages() if one.line["responder"]["address"] == SERVER4]
        self.check_messages(messages)
        lines = [one.line for one in messages]
        ports = [line["responder"]["port"] for line in lines]
        self.assertEqual(len(set(ports)), len(ports), "none is there twice")
        self.assertEqual(ledger["offered"], offered)
        uncertain = daemon.kept_totals()["lost_uncertain"]["records"]
        self.assertLessEqual(ledger["records"], len(lines))
        self.assertLessEqual(len(lines), ledger["records"] + uncertain)
        if uncertain == 0:
            self.assertEqual((ledger["packets"], ledger["octets"]), sums(lines))
        return ledger

    def test_brokers_go_away_and_come_back(self):
        daemon = self.run_with(self.entry())
        for number in range(3):
            self.churn(100, 1000 + 200 * number)
            self.arrived(100 + 200 * number)
            self.cluster.do("down")
            self.churn(100, 1100 + 200 * number)
            time.sleep(0.5)
            self.cluster.do("up")
            self.arrived(200 + 200 * number)
        daemon.stop()
        ledger = self.check_ledger(daemon, 600)
        self.assertEqual((ledger["records"], ledger["lost_messages"]), (600, 0))

    def test_what_waits_when_it_stops_is_counted(self):
        daemon = self.run_with(self.entry())
        self.churn(100, 1000)
        self.arrived(100)
        self.cluster.do("down")
        wait_until(lambda: "connection_log_failed" in daemon.log, "the brokers to be missed")
        self.churn(150, 2000)
        wait_until(lambda: self.counters()["waiting"]["records"] == 150, "the lines to wait")
        code, text = self.ask_status()
        self.assertEqual(code, 1)
        self.assertIn("connection_log_unreachable", text)
        self.assertIn(("ctflowd_connection_log_up", (("log", "local"), ("namespace", ""))), metrics(fetch("/metrics")))
        daemon.stop()
        self.cluster.do("up")
        ledger = self.check_ledger(daemon, 250)
        self.assertEqual((ledger["records"], ledger["lost_messages"]), (100, 150))
        self.assertEqual(daemon.kept_totals()["lost_stopped"]["records"] + daemon.kept_totals()["lost_uncertain"]["records"], 150)

    def ask_status(self):
        done = subprocess.run([case.program, "status"], check=False, text=True, stdout=subprocess.PIPE)
        return done.returncode, done.stdout

    def test_a_reload_takes_another_client_and_loses_nothing(self):
        daemon = self.run_with(self.entry())
        self.churn(100, 1000)
        config = f"{daemon.name}.yaml"
        text = pathlib.Path(config).read_text(encoding="utf-8")
        self.assertIn("200}", text)
        pathlib.Path(config).write_text(text.replace("200}", "200, compression.codec: gzip}"), encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded")
        self.churn(100, 2000)
        self.arrived(100)
        time.sleep(3.5)  # that of the client before
        daemon.stop()
        messages = [one for one in self.cluster.messages() if one.line["responder"]["address"] == SERVER4]
        self.check_messages(messages)
        self.assertEqual(sorted(one.line["responder"]["port"] for one in messages),
                         [*range(1000, 1100), *range(2000, 2100)])

    def test_a_reload_with_a_wrong_setting_changes_nothing(self):
        daemon = self.run_with(self.entry())
        config = f"{daemon.name}.yaml"
        text = pathlib.Path(config).read_text(encoding="utf-8")
        pathlib.Path(config).write_text(text.replace("200}", "200, acks: 1}"), encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reload_failed")
        self.assertIn("acks cannot be set here", daemon.log)
        self.churn(50, 1000)
        self.arrived(50)
        daemon.stop()
        self.check_ledger(daemon, 50)

    def test_refused_lines_and_a_fatal_error_are_counted(self):
        daemon = self.run_with(self.entry())
        self.churn(50, 1000)
        self.arrived(50)
        self.cluster.do("refuse")
        self.churn(1, 2000)
        wait_until(lambda: self.counters()["lost_send_error"] == 1, "the line to be refused")
        time.sleep(5)  # a client that was of use for a while
        self.cluster.do("forget")
        self.churn(100, 3000)
        wait_until(lambda: "kafka_client_failed" in daemon.log, "the fatal error")
        wait_until(lambda: self.counters()["waiting"]["records"] == 0, "answers", 20)
        self.churn(50, 4000)
        wait_until(lambda: self.counters()["waiting"]["records"] == 0, "answers", 20)
        daemon.stop()
        ledger = self.check_ledger(daemon, 201)
        self.assertGreaterEqual(ledger["records"], 100)
        self.assertEqual(ledger["transport_sessions"], 2)


class Spool(Faults):
    """Lines that wait on disk."""

    # Of those before, what ctflowd does without a spool is not what it does with one.
    test_what_waits_when_it_stops_is_counted = None

    def setUp(self):
        super().setUp()
        self.spool = pathlib.Path(self.path("spool"))
        self.spool.mkdir()

    def entry(self, settings="reconnect.backoff.max.ms: 200", **more):
        more = {"buffer": "256KiB", "spool": f"{{directory: {self.spool}, size: 64MiB}}", **more}
        return super().entry(settings, **more)

    def lose_brokers(self, daemon):
        self.cluster.do("down")
        wait_until(lambda: "connection_log_failed" in daemon.log, "the brokers to be missed")

    def waiting(self, count):
        wait_until(lambda: self.counters()["waiting"]["records"] == count, f"{count} lines to wait")

    def lines(self):
        messages = [one for one in self.cluster.messages() if one.line["responder"]["address"] == SERVER4]
        self.check_messages(messages)
        return [one.line for one in messages]

    def many_rounds(self, rounds, port):
        """150 connections at a time, which conntrack(8) keeps pace with; all their ports."""
        for number in range(rounds):
            self.churn(150, port + 150 * number)
            time.sleep(0.2)
        return list(range(port, port + 150 * rounds))

    def test_an_outage_that_outlasts_memory_and_restarts(self):
        listener = kernel.Listener(self.lab.router, self.directory)
        self.addCleanup(listener.kill)
        daemon = self.run_with(self.entry())
        ports = self.many_rounds(1, 1000)
        self.arrived(150)
        self.lose_brokers(daemon)
        ports += self.many_rounds(10, 2000)
        self.waiting(1500)
        (log,) = status()["namespaces"][0]["connection_logs"]
        self.assertGreater(log["backlog"]["disk_octets"], 1500 * 400)
        self.assertLessEqual(log["backlog"]["memory_octets"], 256 << 10)
        self.assertIn("lines wait in spool.directory", daemon.log)
        _, text = self.ask_status()
        self.assertIn("1 500 lines wait; beyond spool.size (64 MiB) lines are lost", " ".join(text.split()))
        daemon.stop()
        first = self.totals(daemon)
        self.assertEqual((first["records"], first["lost_messages"]), (150, 0))
        for number in range(2):  # still away
            daemon = self.run_with(self.entry())
            wait_until(lambda before=1500 + 150 * number: self.counters()["recovered"]["records"] == before,
                       "what waits to be found")
            ports += self.many_rounds(1, 4000 + 150 * number)
            self.waiting(1650 + 150 * number)
            daemon.stop()
            self.assertEqual(self.totals(daemon)["lost_messages"], 0)
        self.cluster.do("up")
        daemon = self.run_with(self.entry())
        ports += self.many_rounds(1, 5000)
        self.arrived(1950)
        daemon.stop()
        last = self.totals(daemon)
        connections = listener.stop()
        lines = self.lines()
        self.assertEqual(sorted(line["responder"]["port"] for line in lines), sorted(ports))
        self.assertEqual((first["packets"] + last["packets"], first["octets"] + last["octets"]), sums(lines))
        ends = [one for one in connections if one.original.destination == SERVER4]
        self.assertEqual(sums(lines), tuple(sum(getattr(one.original, what) + getattr(one.reply, what) for one in ends)
                                            for what in ("packets", "octets")))
        self.assertEqual(daemon.kept_totals()["resent"]["records"], 0)
        self.assertEqual(list(self.spool.glob("*.spool")), [])

    def test_killed_during_an_outage_it_loses_nothing(self):
        daemon = self.run_with(self.entry())
        ports = self.many_rounds(1, 1000)
        self.arrived(150)
        self.lose_brokers(daemon)
        ports += self.many_rounds(4, 2000)
        self.waiting(600)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        daemon = self.run_with(self.entry())
        wait_until(lambda: self.counters()["recovered"]["records"] == 600, "what waits to be found")
        self.assertGreater(self.counters()["resent"]["records"], 0)
        self.assertIn("maybe_sent=", daemon.log)
        self.cluster.do("up")
        self.arrived(600)
        daemon.stop()
        self.assertEqual(sorted(line["responder"]["port"] for line in self.lines()), sorted(ports), "each once")

    def test_killed_while_what_waited_is_sent_it_says_what_may_be_there_twice(self):
        slow = "reconnect.backoff.max.ms: 200, batch.num.messages: 5, max.in.flight.requests.per.connection: 1"
        daemon = self.run_with(self.entry(slow))
        ports = self.many_rounds(1, 1000)
        self.arrived(150)
        self.lose_brokers(daemon)
        ports += self.many_rounds(6, 2000)
        self.waiting(900)
        self.cluster.do("slow")
        self.cluster.do("up")
        self.arrived(250)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.process.wait()
        self.cluster.do("fast")
        daemon = self.run_with(self.entry())
        wait_until(lambda: "spool_recovered" in daemon.log, "what waits to be found")
        found = self.counters()["recovered"]["records"]
        self.assertLess(found, 900, "what was acknowledged is not there any more")
        self.arrived(found)
        doubtful = self.counters()["resent"]["records"]
        daemon.stop()
        found = [line["responder"]["port"] for line in self.lines()]
        self.assertEqual(sorted(set(found)), sorted(ports), "none is missing")
        self.assertLessEqual(len(found) - len(ports), doubtful)

    def test_a_reload_during_an_outage_loses_nothing(self):
        daemon = self.run_with(self.entry())
        self.lose_brokers(daemon)
        ports = self.many_rounds(4, 1000)
        self.waiting(600)
        config = f"{daemon.name}.yaml"
        text = pathlib.Path(config).read_text(encoding="utf-8")
        self.assertIn("64MiB", text)
        pathlib.Path(config).write_text(text.replace("64MiB", "32MiB"), encoding="utf-8")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("reloaded")
        ports += self.many_rounds(2, 3000)
        wait_until(lambda: self.counters()["recovered"]["records"] == 600, "what waits to be taken over")
        self.waiting(900)
        self.cluster.do("up")
        self.arrived(900)
        daemon.stop()
        self.assertEqual(sorted(line["responder"]["port"] for line in self.lines()), ports)

    def test_a_second_one_on_the_same_directory_leaves_it_alone(self):
        daemon = self.run_with(self.entry())
        self.lose_brokers(daemon)
        ports = self.many_rounds(2, 1000)
        self.waiting(300)
        other = self.run_with(self.entry(), extra=f"status: {{socket: {self.path('other.sock')}}}\n")
        wait_until(lambda: "spool_failed" in other.log, "the second to say that it has no spool", 20)
        self.assertIn("doing=open", other.log)
        other.stop()
        self.cluster.do("up")
        self.arrived(300)
        daemon.stop()
        self.assertEqual(sorted(line["responder"]["port"] for line in self.lines()), ports)

    def test_a_full_spool_is_counted(self):
        daemon = self.run_with(self.entry(spool=f"{{directory: {self.spool}, size: 1MiB}}"))
        self.lose_brokers(daemon)
        self.many_rounds(20, 1000)
        wait_until(lambda: self.counters()["lost_spool_full"]["records"] > 0, "the oldest to be dropped")
        _, text = self.ask_status()
        self.assertIn("connection_log_", text)
        self.cluster.do("up")
        wait_until(lambda: self.counters()["waiting"]["records"] == 0, "the rest to be sent", 20)
        daemon.stop()
        ledger = self.check_ledger(daemon, 3000)
        ports = [line["responder"]["port"] for line in self.lines()]
        self.assertEqual(max(ports), 3999, "the newest are kept")
        self.assertEqual(len(ports) + ledger["lost_messages"], 3000)
        self.assertIn("spool_lost", daemon.log)


class OwnTraffic(KafkaTest):
    tracked = True

    def test_a_log_does_not_log_its_own_connections(self):
        daemon = self.run_with(self.entry())
        wait_until(lambda: status()["namespaces"][0]["connection_logs"][0].get("brokers"), "connections to brokers")
        for port in range(900, 912):  # lines for all partitions: each broker's connection begins with one for it
            self.many(1, port)
            self.flush()
            self.arrived(port - 899)
        known = self.lab.router.run("conntrack", "-L", "-p", "tcp", "-d", "127.0.0.1")
        self.flush()
        daemon.stop()
        self.assertIn("ESTABLISHED", known)  # and they were in the table
        lines = [one.line for one in self.cluster.messages()]
        self.assertEqual(len(lines), 12)
        self.assertEqual([line for line in lines if line["responder"]["address"] == "127.0.0.1"], [])


class Surroundings(KafkaTest):
    def doctor(self, entry):
        config = self.path("doctor.yaml")
        pathlib.Path(config).write_text(f"log_connections: [{{{entry}}}]\n", encoding="utf-8")
        done = subprocess.run(self.lab.router.command(case.program, "doctor", "-c", config), check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.stdout

    def test_the_doctor_asks_for_the_topic(self):
        self.assertNotIn("connection_log_un", self.doctor(self.entry()))
        self.cluster.do("down")
        text = self.doctor(self.entry())
        self.assertIn("connection_log_unreachable", text)
        self.assertIn("refused", text.lower())
        text = self.doctor(self.entry("security.protocol: SSL, ssl.ca.location: /no/such.pem"))
        self.assertIn("connection_log_unusable", text)
        self.assertIn("ssl.ca.location", text)

    def test_the_doctor_looks_at_the_spool(self):
        directory = pathlib.Path(self.path("spool"))
        entry = self.entry(spool=f"{{directory: {directory}, size: 1MiB}}")
        text = self.doctor(entry)
        self.assertIn("spool_directory_unusable", text)
        self.assertIn("up to buffer (4 MiB)", text)
        directory.mkdir()
        (directory / "local+topic-0000000000000000.spool").write_bytes(b"")
        self.assertNotIn("spool_", self.doctor(entry))
        (directory / "local+lines-0000000000000000.spool").write_bytes(b"")
        self.assertIn("spool_without_collector", self.doctor(entry), "of the time when it went to a socket")

    def test_the_example_writes_lines(self):
        """config/examples/kafka.yaml, with the brokers of this test."""
        lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
        self.assertEqual(EXAMPLE, EXAMPLE.parents[2] / "config/examples/kafka.yaml")
        text = "\n".join(f"    brokers: {self.cluster.brokers()}" if "brokers:" in line else line for line in lines)
        daemon = ctflowd.Ctflowd(case.program, self.lab.router, self.directory, "run", config=text + "\n")
        self.addCleanup(daemon.kill)
        daemon.wait_for("started")
        self.many(10)
        self.flush()
        self.arrived(10)
        daemon.stop()
        self.check_messages(self.cluster.messages())


if __name__ == "__main__":
    case.main()
