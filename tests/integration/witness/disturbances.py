# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to ctflowd and to the connection table meanwhile: generators, like conversations."""

import os
import re
import signal
import time

import ctflowd
from witness import model

_STOP_LIMIT = 10.0  # seconds; how fast it stops is tested elsewhere


class Daemon:
    """ctflowd, in all its lives."""

    def __init__(self, program, namespace, directory, text):
        self._program, self._namespace = program, namespace
        self._directory, self._text = directory, text
        self.process = None
        self.running = False  # and not about to end
        self.lives = []  # (Ctflowd, launched, began, ended, gone, killed)

    def start(self):
        self._launched = time.time()
        self.process = ctflowd.Ctflowd(self._program, self._namespace, self._directory, "run",
                                       config=self._text)
        while not re.search(r"\bstarted\b", self.process.log):
            if self.process.process.poll() is not None:
                raise AssertionError(f"ctflowd did not start:\n{self.process.log}")
            yield 0.02
        self._began = time.time()
        self.running = True

    def stop(self, kill=False):
        ended = time.time()
        self.running = False
        self.signal(signal.SIGKILL if kill else signal.SIGTERM)
        deadline = time.monotonic() + _STOP_LIMIT
        while self.process.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"ctflowd did not stop:\n{self.process.log}")
            yield 0.02
        status = self.process.process.returncode
        if status != (-signal.SIGKILL if kill else 0):
            raise AssertionError(f"ctflowd ended with status {status}:\n{self.process.log}")
        self.lives.append((self.process, self._launched, self._began, ended, time.time(), kill))

    def signal(self, number):
        if self.process.process.poll() is not None:
            raise AssertionError(f"ctflowd ended by itself with status "
                                 f"{self.process.process.returncode}:\n{self.process.log}")
        os.kill(self.process.process.pid, number)

    def kill(self):
        if self.process:
            self.process.kill()

    def runs(self):
        return [model.Run(*times, _sum(process.log, "stopped"),
                          _sum(process.log, "collector_totals"))
                for process, *times in self.lives]


def _sum(log, event):
    """The numbers of all lines of this event, one for each namespace or collector."""
    sums = {}
    for line in log.splitlines():
        if re.search(rf"(?:^|\s|>){event} (?:\w+=\S+ )*\w+=\d", line):
            for key, value in re.findall(r"\b(\w+)=(\d+)(?=\s|$)", line):
                sums[key] = sums.get(key, 0) + int(value)
    return sums


def deletions(play):
    """Some connections go while their packets go on."""
    for _ in range(play.rng.randint(3, 6)):
        yield play.rng.uniform(0.3, 1.2)
        what = play.rng.choice((("-p", "udp"), ("-p", "tcp"),
                                ("-p", "tcp", "--state", "ESTABLISHED"),
                                ("-f", "ipv6", "-p", "udp"), ("-f", "ipv6", "-p", "tcp"), ()))
        for router in play.tracking:
            play.delete(router, *what)


def reloads(play):
    for _ in range(play.rng.randint(2, 8)):
        yield play.rng.uniform(0.1, 1.5)
        if play.daemon.running:
            play.daemon.signal(signal.SIGHUP)


def restarts(play):
    for _ in range(play.rng.randint(1, 2)):
        yield play.rng.uniform(1.0, 4.0)
        yield from play.daemon.stop()
        yield play.rng.choice((0.0, 0.5))
        yield from play.daemon.start()


def kills(play):
    yield play.rng.uniform(3.0, 7.5)
    with_state = os.path.exists(play.state_file)
    play.observation["kept"] = os.stat(play.state_file).st_mtime if with_state else None
    yield from play.daemon.stop(kill=True)
    yield play.rng.choice((0.0, 0.5))
    yield from play.daemon.start()


def stalls(play):
    """ctflowd sleeps while everything ends, so that its buffer is too small."""
    yield play.rng.uniform(2.0, 3.0)
    since = time.time()
    play.daemon.signal(signal.SIGSTOP)
    for router in play.tracking:
        play.delete(router)
    yield play.rng.uniform(0.3, 1.5)
    play.daemon.signal(signal.SIGCONT)
    play.observation["stopped"].append((since, time.time()))


def mass_deletion(play):
    """Many ends at once, for a slow listener."""
    yield play.rng.uniform(2.0, 3.0)
    for router in play.tracking:
        play.delete(router)


def zeroing(play):
    for _ in range(play.rng.randint(2, 5)):
        yield play.rng.uniform(0.5, 2.5)
        for router in play.tracking:
            router.run("conntrack", "-L", "-z")


BY_CLASS = {"deletions": deletions, "reload": reloads, "restart": restarts, "kill": kills,
            "overrun": stalls, "reliable": stalls, "slow_listener": mass_deletion,
            "zeroing": zeroing}
