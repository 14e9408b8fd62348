# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs this program in network, mount and process namespaces of its own.

Nothing of the host is touched, as root or not, and everything made inside (namespaces, processes,
files below /run) vanishes with the program, also when it is killed.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import sys

SKIPPED = 77  # ctest's SKIP_RETURN_CODE
_MARK = "CTFLOWD_LAB_ISOLATED"
_PR_SET_PDEATHSIG = 1


def skip(reason):
    """Ends the program as skipped, which is not the same as passed."""
    print(f"skipped: {reason}", flush=True)
    sys.exit(SKIPPED)


def require(*programs):
    """Skips unless these programs are installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        skip(f"not installed: {' '.join(missing)} (scripts/debian-packages names the packages)")


def privileged():
    """True for the host's root, who may have socket buffers of any size."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() == ["0", "0", str(2 ** 32 - 1)]


def enter():
    """Returns inside the namespaces; the caller outside gets the exit status of that run."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.environ.pop(_MARK, None):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run"], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    require("unshare", "nsenter", "ip", "nft", "conntrack", "mount")
    sys.exit(_run_isolated())


def _run_isolated():
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        unshare.append("--map-root-user")
    probe = subprocess.run(unshare + ["mount", "-t", "tmpfs", "none", "/run"],
                           stderr=subprocess.PIPE, text=True, check=False)
    if probe.returncode != 0:
        skip(f"no namespaces for this user: {probe.stderr.strip()}")

    inner = subprocess.Popen(unshare + [sys.executable] + sys.orig_argv[1:],
                             env={**os.environ, _MARK: "1"}, preexec_fn=_die_with_parent)
    # unshare itself ignores SIGTERM; its death takes all processes of the namespace with it.
    signal.signal(signal.SIGTERM, lambda *_: inner.kill())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the inner program too
    status = inner.wait()
    return status if status >= 0 else 128 - status


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
