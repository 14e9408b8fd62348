# SPDX-License-Identifier: GPL-2.0-or-later
"""A system in a directory, booted in namespaces of its own, and commands that its people type."""

import contextlib
import os
import pathlib
import re
import subprocess
import sys
import time

# What the kernel and a boot loader leave: the directories of the kernel, and no process but the first.
BOOT = r"""
set -eu
root=$1 init=$2
mount --rbind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
[ -z "$3" ] || mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
    : > dev/$name
    mount --bind /dev/$name dev/$name
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
ip link set lo up
hostname newcomer
exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin $init
"""
INITS = {"systemd": "/lib/systemd/systemd", "none": "/usr/bin/tail -f /dev/null"}


class NotPossible(Exception):
    """Why this host cannot boot such a system."""


class Machine:
    def __init__(self, root, init):
        self.root = pathlib.Path(root).resolve()
        self.init = init
        self._namespaces = None
        self._first = None
        self._cgroup = None
        self._begun = []

    def boot(self):
        self._cgroup = make_cgroup() if self.init == "systemd" else None
        # Of the parent: the first process is in them as soon as it is there.
        self._namespaces = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--uts", "--ipc",
             "--net", "--cgroup", "sh", "-c", BOOT, "boot", self.root, INITS[self.init], self._cgroup or ""],
            stdin=subprocess.DEVNULL, stdout=open(self.root.parent / "boot.log", "ab"), stderr=subprocess.STDOUT,
            preexec_fn=self._enter_cgroup)
        children = f"/proc/{self._namespaces.pid}/task/{self._namespaces.pid}/children"
        self.wait_until("the system does not boot", self._is_up, children)

    def _enter_cgroup(self):
        if self._cgroup:
            (pathlib.Path(self._cgroup) / "cgroup.procs").write_text(str(os.getpid()), "ascii")

    def _is_up(self, children):
        found = pathlib.Path(children).read_text(encoding="ascii").split()
        if not found:
            return False
        self._first = found[0]
        program = pathlib.Path(f"/proc/{self._first}/exe").resolve().name
        if self.init != "systemd":
            return program == "tail"
        return program == "systemd" and self.as_root("systemctl is-system-running")[1] in ("running", "degraded")

    def stop(self):
        if self._namespaces is None:
            return
        # What entered the namespaces stops, and cannot be waited for, when systemd stops all at the end.
        for process in self._begun:
            process.kill()
            process.wait()
        if self.init == "systemd" and self._first:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self.as_root("systemctl poweroff")
                self._namespaces.wait(60)
        # All others of its namespace end with the first process.
        self._namespaces.kill()
        self._namespaces.wait()
        self._namespaces = self._first = None
        if self._cgroup:
            remove_cgroup(pathlib.Path(self._cgroup))

    def reboot(self):
        self.stop()
        self.boot()

    def _command(self, user, command):
        return ["nsenter", "--target", self._first, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
                f"--root=/proc/{self._first}/root", "--wd=/", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "TERM=dumb", "su", "-", user, "-c", command]

    def typed(self, command, answers="", user="newcomer"):
        """Exit status and output of what a user types, in his home."""
        try:
            done = subprocess.run(self._command(user, command), input=answers, text=True, errors="replace",
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=300)
        except subprocess.TimeoutExpired as expired:
            raise AssertionError(f"does not end: {command}\n{expired.stdout}") from expired
        return done.returncode, done.stdout.strip()

    def as_root(self, command):
        return self.typed(command, user="root")

    def begin(self, command, user="root"):
        """A process that goes on; its input is a pipe, its output is collected in a file of the host."""
        output = open(self.root.parent / f"process-{len(self._begun)}.log", "w+", encoding="utf-8")
        process = subprocess.Popen(self._command(user, "exec " + command), stdin=subprocess.PIPE, stdout=output,
                                   stderr=subprocess.STDOUT, text=True)
        process.said = output.name
        self._begun.append(process)
        return process

    @staticmethod
    def wait_until(problem, condition, *arguments, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            reason = ""
            try:
                if condition(*arguments):
                    return
            except (AssertionError, FileNotFoundError, ProcessLookupError) as error:
                reason = f": {error}"
            if time.monotonic() > deadline:
                raise AssertionError(problem + reason)
            time.sleep(0.2)


def make_cgroup():
    """A group of the second version, where systemd makes its own; the controllers may belong to the first."""
    mounts = pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8")
    place = re.search(r"^\S+ (\S+) cgroup2 rw", mounts, re.MULTILINE)
    if not place:
        raise NotPossible("systemd needs a file system of control groups, version 2, that can be written")
    group = pathlib.Path(place[1]) / f"ctflowd-newcomer-{os.getpid()}"
    try:
        group.mkdir(exist_ok=True)
    except OSError as error:
        raise NotPossible(f"no control group for systemd: {error}") from error
    return str(group)


def remove_cgroup(group):
    for directory, _, _ in list(os.walk(group, topdown=False)):
        try:
            os.rmdir(directory)
        except OSError as error:
            print(f"left behind: {error}", file=sys.stderr)
