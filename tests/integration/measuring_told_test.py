#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who measures, and why nobody better does: log, status, metrics and doctor say the same, also where
the kernel refuses."""

import json
import re
import subprocess

import case
import ctflowd
import isolation
from status_test import fetch, metrics, status

BEST_FIRST = ("kernel_patch", "fentry", "netfilter")
WITHOUT_BPF = ("setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin")
MISSING = "not permitted: CAP_BPF is missing"
OF_MODULE = "not permitted: CAP_BPF and CAP_SYS_ADMIN (nf_conntrack is a module) are missing"


class MeasuringTold(case.LabTest):
    def setUp(self):
        self.make_lab()

    def told(self, measure, *prefix):
        """Origin and obstacle, of which all say the same, and the line of the log about it."""
        text = ctflowd.configuration([ctflowd.Collector("none", 4739, "ipfix")],
                                     source={"measure": measure, "state_file": "off"})
        command = (*prefix, case.program, "run")
        daemon = ctflowd.Ctflowd(command[0], self.lab.router, self.directory, *command[1:],
                                 config=text).wait_for("started")
        self.addCleanup(daemon.kill)
        kernel = status()["namespaces"][0]["kernel"]
        origin, obstacle = kernel["capabilities"]["origin"], kernel["measuring_obstacle"]
        self.check_metrics(origin)
        self.check_status(origin, obstacle)
        daemon.stop()
        self.check_doctor(obstacle, *prefix, case.program, "doctor", "--json", "-c",
                          f"{daemon.name}.yaml")
        self.assertRegex(daemon.log, rf" kernel .*origin={origin} ")
        lines = [line for line in daemon.log.splitlines() if " measuring_" in line]
        self.assertLessEqual(len(lines), 1, daemon.log)
        return origin, obstacle, "".join(lines)

    def check_metrics(self, origin):
        told = [dict(labels)["origin"] for (name, labels), value in metrics(fetch("/metrics")).items()
                if name == "ctflowd_measurement_origin" and value == 1]
        self.assertEqual(told, [origin])

    def check_status(self, origin, obstacle):
        text = subprocess.run([case.program, "status"], text=True, check=False,
                              stdout=subprocess.PIPE, timeout=20).stdout
        words = " ".join(text.split())  # lines are as long as the terminal is wide
        self.assertIn(f"measured by {origin}: ", words)
        self.assertEqual("not better because" in words, bool(obstacle))
        if obstacle:
            self.assertIn(f"not better because: {' '.join(obstacle.split())} ", words)

    def check_doctor(self, obstacle, *command):
        text = subprocess.run(self.lab.router.command(*command), text=True, check=False,
                              stdout=subprocess.PIPE, timeout=60).stdout
        self.assertEqual(" because: " in text, bool(obstacle), text)
        if obstacle:
            self.assertIn(f" because: {json.dumps(obstacle)[1:-1]}", text)

    def test_off(self):
        self.assertEqual(self.told("off"), ("none", "source.measure: off", ""))

    def test_the_best_that_this_kernel_allows(self):
        origin, obstacle, line = self.told("auto")
        better = BEST_FIRST[:BEST_FIRST.index(origin)] if origin in BEST_FIRST else BEST_FIRST
        named = re.findall(rf"(?:^|; )({'|'.join(BEST_FIRST)}): ", obstacle)
        self.assertEqual(tuple(named), better)
        if better:
            event = ("measuring_unavailable" if origin == "none"
                     else f"measuring_better_unavailable origin={origin}")
            self.assertIn(f' info {event} reason="{obstacle}"', line)

    def test_without_the_capability(self):
        origin, obstacle, line = self.told("auto", *WITHOUT_BPF)
        self.assertEqual(origin, "none")
        self.assertIn(obstacle.partition("; ")[2], [f"fentry: {fentry}; netfilter: {MISSING}"
                                                    for fentry in (MISSING, OF_MODULE)])
        self.assertIn(f' info measuring_unavailable reason="{obstacle}"', line)

    def test_what_is_asked_for_by_name_and_refused_is_warned_of(self):
        for measure in ("netfilter", "fentry"):
            with self.subTest(measure):
                origin, obstacle, line = self.told(measure, *WITHOUT_BPF)
                self.assertEqual(origin, "none")
                self.assertIn(obstacle, [f"{measure}: {MISSING}", f"fentry: {OF_MODULE}"])
                self.assertIn(f' warning measuring_unavailable reason="{obstacle}"', line)
                self.assertIn("source.measure cannot be followed", line)


if __name__ == "__main__":
    isolation.require("setpriv")
    if not isolation.privileged():
        isolation.skip("capabilities that can be taken away are those of the host's root")
    case.main()
