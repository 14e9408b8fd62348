# SPDX-License-Identifier: GPL-2.0-or-later
"""A PostgreSQL server of a test's own: in a directory, at a unix socket, without the system's service."""

import contextlib
import glob
import os
import signal
import subprocess

import isolation
from lab import wait_until

# The server refuses to run as root. In a user namespace of its own it is another user.
_AS_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def programs():
    """The directory of the newest server's programs."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: float(path.split("/")[4]))
    if not found:
        isolation.skip("not installed: postgresql (scripts/debian-packages names the packages)")
    return os.path.dirname(found[-1])


def _runs(pid):
    """False also for one that has ended and that its parent, who is gone, has not asked for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class Server:
    def __init__(self, directory):
        self.socket = f"{directory}/s"
        self._data = f"{directory}/data"
        self._log = f"{directory}/server.log"
        self._programs = programs()
        self.process = None
        os.mkdir(self.socket)
        subprocess.run([*_AS_USER, f"{self._programs}/initdb", "--pgdata", self._data, "--auth=trust",
                        "--username=ctflowd", "--no-sync", "--encoding=UTF8", "--locale=C"],
                       check=True, stdout=subprocess.DEVNULL)
        self.start()

    @property
    def connection(self):
        return f"host={self.socket} user=ctflowd dbname=postgres"

    def start(self):
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                [*_AS_USER, f"{self._programs}/postgres", "-D", self._data, "-k", self.socket,
                 "-c", "listen_addresses=", "-c", "restart_after_crash=off"], stdout=log, stderr=log)
        wait_until(self._answers, "the database server to answer", 60)

    def _answers(self):
        if self.process.poll() is not None:
            with open(self._log, encoding="utf-8") as log:
                raise RuntimeError(f"the database server ended:\n{log.read()}")
        return subprocess.run(self._psql("SELECT 1"), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    def _psql(self, statement):
        return ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=|",
                "--host", self.socket, "--username=ctflowd", "--dbname=postgres",
                "--set=ON_ERROR_STOP=1", "--command", statement]

    def ask(self, statement):
        """The rows of the answer as lists of text."""
        result = subprocess.run(self._psql(statement), check=False, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
        if result.returncode != 0:
            raise AssertionError(f"{statement}: {result.stderr}")
        return [line.split("|") for line in result.stdout.splitlines()]

    def number(self, statement):
        return int(self.ask(statement)[0][0] or 0)

    def stop(self, how=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait()

    def kill(self):
        """The server and all of its processes at once; what they wrote is on the disk."""
        if self.process.poll() is not None:
            return
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = [int(child) for child in file.read().split()]
        for one in (pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not any(map(_runs, children)), "the server's processes to end")
