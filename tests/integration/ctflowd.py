# SPDX-License-Identifier: GPL-2.0-or-later
"""The program under test."""

import collections
import dataclasses
import os
import re
import subprocess
import time

import lab

STOP_LIMIT = 2.0  # seconds from SIGTERM to the end of the program

# `namespaces`: the tests run with a thread for each. Those that configure none have one, the
# namespace that they run in, called HERE.
THREADS = os.environ.get("CTFLOWD_THREADS", "")
HERE = "here"
STATE_SUFFIX = f".{HERE}" if THREADS else ""  # of the state file where no namespaces are configured


@dataclasses.dataclass
class Collector:
    """One entry of `collectors:`; `settings` are further keys of it."""
    name: str
    port: int
    protocol: str
    address: str = lab.COLLECTOR
    settings: dict = dataclasses.field(default_factory=dict)


def configuration(collectors, namespaces="", **sections):
    """The text of a configuration file. The defaults here make tests fast, and the same on any
    kernel: eBPF programs measure where a test asks for them."""
    if THREADS and not namespaces:
        namespaces = f"[{{name: {HERE}, file: /proc/self/ns/net}}]"
    lines = [f"namespaces: {namespaces}"] if namespaces else []
    lines += [f"threads: {THREADS}"] if THREADS else []
    lines += _section("source", {"measure": "off", **sections.pop("source", {})}) + ["collectors:"]
    for collector in collectors:
        settings = {"flush_after": "100ms", "options_interval": "1h", **collector.settings}
        # Options once, at the start: nfdump 1.7.1 takes later ones for a gap in IPFIX sequences.
        if collector.protocol == "ipfix" and "elements" not in settings:
            settings.setdefault("profile", "nfdump")
        lines += [f"  - name: {collector.name}", f"    address: {collector.address}",
                  f"    port: {collector.port}", f"    protocol: {collector.protocol}"]
        lines += [f"    {key}: {_yaml(value)}" for key, value in settings.items()]
    for section, settings in sections.items():
        lines += _section(section, settings)
    return "\n".join(lines) + "\n"


def _section(name, settings):
    return [f"{name}:"] + [f"  {key}: {_yaml(value)}" for key, value in settings.items()]


def _yaml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(inner)}" for key, inner in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else value


class Ctflowd:
    """A running ctflowd in a namespace, with all it logged."""

    def __init__(self, program, namespace, directory, *arguments, config=None):
        self.name = f"{directory}/ctflowd-{time.monotonic_ns()}"
        if config is not None:
            with open(f"{self.name}.yaml", "w", encoding="utf-8") as file:
                file.write(config)
            arguments += ("-c", f"{self.name}.yaml")
        with open(f"{self.name}.log", "wb") as log:
            self.process = subprocess.Popen(namespace.command(program, *arguments), stderr=log,
                                            stdout=log, stdin=subprocess.DEVNULL)

    @property
    def log(self):
        with open(f"{self.name}.log", encoding="utf-8") as file:
            return file.read()

    def wait_for(self, event):
        def seen():
            if self.process.poll() is not None and not self._said(event):
                raise RuntimeError(f"ctflowd ended with {self.process.returncode} before it logged "
                                   f"'{event}':\n{self.log}")
            return self._said(event)
        lab.wait_until(seen, f"ctflowd to log '{event}'")
        return self

    def _said(self, event):
        return any(_says(line, event) for line in self.log.splitlines())

    def stop(self, limit=STOP_LIMIT):
        """Sends SIGTERM and raises unless the program ends well and in time."""
        began = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"ctflowd still ran {limit} s after SIGTERM:\n"
                                 f"{self.log}") from None
        self.stop_seconds = time.monotonic() - began
        if status != 0:
            raise AssertionError(f"ctflowd ended with status {status} after SIGTERM:\n{self.log}")

    def wait(self, seconds=20):
        """Waits for a program that ends by itself; its exit status."""
        return self.process.wait(seconds)

    def totals(self, event="stopped"):
        """The numbers of the last line of this event, by key."""
        lines = [line for line in self.log.splitlines() if _says(line, event)]
        if not lines:
            raise AssertionError(f"ctflowd did not log '{event}':\n{self.log}")
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)(?=\s|$)", lines[-1])}

    def collector_totals(self):
        """The numbers of each collector at the end, by its name."""
        return {re.search(r"collector=(\S+)", line)[1].removesuffix(f"@{HERE}"):
                {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)(?=\s|$)", line)}
                for line in self.log.splitlines() if _says(line, "collector_totals")}

    def kept_totals(self):
        """{what: {messages, flows, records, packets, octets}} of the one collector or output."""
        result = collections.defaultdict(collections.Counter)
        for line in self.log.splitlines():
            if _says(line, "kept_totals"):
                numbers = re.findall(r"(\w+)=(\d+)(?=\s|$)", line)
                result[re.search(r"what=(\w+)", line)[1]].update(
                    {key: int(value) for key, value in numbers})
        return result

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def _says(line, event):
    """Lines are `[level] event key=value …`, or as the journal wants them."""
    return re.search(rf"(?:^|\s|>){event}(?:\s|$)", line.split("=")[0]) is not None
