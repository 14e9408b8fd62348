#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the program says and how it ends when it cannot start."""

import case
import ctflowd


class CommandLine(case.LabTest):
    def setUp(self):
        self.make_lab()

    def run_to_end(self, *arguments, program=None, config=None):
        """Exit status and output."""
        run = ctflowd.Ctflowd(program or case.program, self.lab.router, self.directory, *arguments,
                              config=config)
        self.addCleanup(run.kill)
        return run.wait(5), run.log

    valid = ctflowd.configuration([ctflowd.Collector("main", 4739, "ipfix")])

    def test_unprivileged(self):
        status, log = self.run_to_end("--bounding-set=-net_admin", "--inh-caps=-net_admin",
                                      case.program, "run", program="setpriv", config=self.valid)
        self.assertEqual(status, 1, log)
        self.assertEqual(len(log.splitlines()), 1, log)
        self.assertIn("CAP_NET_ADMIN", log)

    def test_check_accepts(self):
        status, log = self.run_to_end("check", config=self.valid)
        self.assertEqual(status, 0, log)

    def test_output_that_cannot_be_written_is_an_error(self):
        file = f"{self.directory}/a.yaml"
        with open(file, "w", encoding="utf-8") as out:
            out.write(self.valid)
        commands = (("check", "--show", file), ("check", "--json-schema"), ("--version",),
                    ("doctor", "--json"))
        for command in commands:
            with self.subTest(command=command):
                words = " ".join((case.program, *command))
                status, log = self.run_to_end("-c", f"{words} > /dev/full", program="sh")
                self.assertEqual(status, 2, log)
                self.assertIn("standard output cannot be written", log)
        for unwanted in ("| head -n 1", ">&-"):  # a reader that has what it wants, or none
            status, log = self.run_to_end("-o", "pipefail", "-c", f"{case.program} check --show "
                                          f"{file} {unwanted}", program="bash")
            self.assertEqual(status, 0, log)

    def test_check_warns_of_what_a_collector_reads_wrong(self):
        akvorado = ctflowd.Collector("main", 9995, "netflow9", settings={"profile": "akvorado"})
        again = ctflowd.Collector("again", 9995, "netflow9")
        status, log = self.run_to_end("check", config=ctflowd.configuration([akvorado, again]))
        self.assertEqual(status, 0, log)
        for event in ("akvorado_netflow9", "active_timeout_long", "collector_twice"):
            self.assertRegex(log, rf"(?m)\b{event} impact=.* fix=")

    def test_wrong_configuration(self):
        for command in ("check", "run"):
            with self.subTest(command=command):
                status, log = self.run_to_end(command, config=self.valid.replace("4739", "ninety"))
                self.assertEqual(status, 2, log)
                self.assertRegex(log, r"\.yaml:6:\d+: collectors\[0\]\.port: expected .*, got .*ninety")

    def test_what_run_refuses_is_refused_by_check(self):
        own = (self.valid.replace("192.0.2.2", "127.0.0.1") + "    transport: tcp\n"
               + "status: {listen: '127.0.0.1:4739'}\n")
        long = self.valid + f"status: {{socket: /run/{'a' * 103}}}\n"
        for command in ("check", "run"):
            for config, text in ((own, "flows would go to ctflowd itself"),
                                 (long, "at most 107 octets")):
                with self.subTest(command=command, text=text):
                    status, log = self.run_to_end(command, config=config)
                    self.assertEqual(status, 2, log)
                    self.assertIn(text, log)

    def test_check_warns_of_places(self):
        config = self.valid + (f"    transport: tcp\n    spool: {{directory: {self.directory}/no}}\n"
                               "status: {listen: '192.0.2.77:9995'}\n")
        status, log = self.run_to_end("check", config=config)
        self.assertEqual(status, 0, log)
        self.assertIn(" spool_directory_unusable subject=main impact=", log)
        self.assertIn(" status_listen_unusable impact=", log)

    def test_no_configuration(self):
        status, log = self.run_to_end("run", "-c", f"{self.directory}/absent.yaml")
        self.assertEqual(status, 2, log)
        self.assertIn("absent.yaml", log)

    def test_unknown_option(self):
        status, log = self.run_to_end("--frobnicate")
        self.assertEqual(status, 2, log)
        self.assertIn("frobnicate", log)


if __name__ == "__main__":
    case.main()
