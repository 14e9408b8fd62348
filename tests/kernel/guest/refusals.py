# SPDX-License-Identifier: GPL-2.0-or-later
"""What ctflowd says where an unpatched kernel refuses what would measure best.

Log, status, metrics and doctor name the same reason, and connections are
exported with the counters of whoever is left: the next best, or conntrack.

Environment: that of daemon.py, with CTFLOWD_SOURCE_MEASURE=auto.
"""

from __future__ import annotations

import http.client
import json
import lzma
import os
import pathlib
import re
import socket
import struct
import subprocess
import sys

import daemon
import main
from lab import CLIENT, Lab, equal, run
from packets import SYN
from unload import unload

BEST_FIRST = ("kernel_patch", "fentry", "netfilter")
WITHOUT_PROGRAMS = "none"
# Netfilter programs came with 6.4.
OLD = os.uname().release.startswith("6.1.")
TOO_OLD = "the kernel does not load the programs (6.4 can): Invalid argument"
NEXT_BEST = WITHOUT_PROGRAMS if OLD else "netfilter"
SENT = (4, 160)             # SYNs of one connection
OF_CONNTRACK = (1, 40)      # which takes the later ones for one and the same
SECURITY = "/sys/kernel/security"
OF_MODULE = "CAP_SYS_ADMIN (nf_conntrack is a module)"
DROP_IN = (pathlib.Path(__file__).resolve().parents[3]
           / "packaging/systemd/ebpf.conf")
UNWRITTEN = "R9 !read_ok"
LOCKDOWN = SECURITY + "/lockdown"


class Status(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/run/ctflowd/status.sock")


def metrics() -> str:
    connection = Status("localhost")
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def status(*options: str) -> str:
    return subprocess.run([os.environ["CTFLOWD"], "status", *options],
                          text=True, check=False,
                          stdout=subprocess.PIPE).stdout


def check_told(origin: str, obstacle: str, log: str) -> None:
    """While it runs: the same as its JSON."""
    words = " ".join(status().split())      # lines end where a terminal does
    equal("status", (f"measured by {origin}: " in words,
                     "not better because: " + " ".join(obstacle.split()) + " "
                     in words), (True, True))
    equal("metrics", re.findall(
        r'^ctflowd_measurement_origin\{.*origin="(\w+)".*\} 1$', metrics(),
        re.MULTILINE), [origin])
    event = ("measuring_unavailable" if origin == WITHOUT_PROGRAMS
             else f"measuring_better_unavailable origin={origin}")
    quoted = obstacle.replace("\\", "\\\\").replace('"', '\\"')
    equal("log", [line.split(f'{event} reason="')[1].startswith(quoted + '"')
                  for line in log.splitlines() if " measuring_" in line],
          [True])


def refused(lab: Lab, name: str, origin: str,
            *command: str) -> dict[str, str]:
    """Runs ctflowd, which is to choose this origin; the reasons by origin."""
    command = command or (os.environ["CTFLOWD"],)
    port = lab.port()
    with daemon.Export(name, begun=f" origin={origin} measuring=",
                       command=command) as export:
        kernel = json.loads(status("--json"))["namespaces"][0]["kernel"]
        obstacle: str = kernel["measuring_obstacle"]
        print(f"        {kernel['capabilities']['origin']}, because {obstacle}",
              flush=True)
        equal("origin", kernel["capabilities"]["origin"], origin)
        check_told(origin, obstacle, (export.directory / "log").read_text())
        for _ in range(4):
            lab.tcp(port, SYN, seq=1000)
        lab.settle()
        run("conntrack -F")
    equal("exported", export.total(CLIENT, port),
          OF_CONNTRACK if origin == WITHOUT_PROGRAMS else SENT)
    fact = daemon.doctor(*command)["facts"]["kernel"]
    equal("doctor", fact.split(" because: ")[1:], [obstacle])
    parts = re.split(rf"(?:^|; )({'|'.join(BEST_FIRST)}): ", obstacle)
    return dict(zip(parts[1::2], parts[2::2]))


def altered(*sections: str) -> str:
    """A copy of ctflowd, of whose programs in these sections the first reads a
    register that nothing has written."""
    image = bytearray(pathlib.Path(os.environ["CTFLOWD"]).read_bytes())
    left = set(sections)
    begin = -1
    while (begin := image.find(b"\x7fELF", begin + 1)) >= 0:
        if image[begin + 18:begin + 20] != b"\xf7\0":       # EM_BPF
            continue
        (table,) = struct.unpack_from("<Q", image, begin + 40)
        count, names = struct.unpack_from("<HH", image, begin + 60)
        headers = [struct.unpack_from("<IIQQQQ", image,
                                      begin + table + 64 * number)
                   for number in range(count)]
        for at, *_, place, _ in headers:
            at += begin + headers[names][4]
            name = image[at:image.index(b"\0", at)].decode()
            if name in left:
                left.remove(name)
                source = begin + place + 1
                image[source] = image[source] & 15 | 9 << 4
    equal("sections not found", left, set())
    path = pathlib.Path("/tmp/altered-" + str(len(sections)))
    path.write_bytes(image)
    path.chmod(0o755)
    return str(path)


def without(*capabilities: str) -> tuple[str, ...]:
    lost = ",".join("-" + one for one in capabilities)
    return ("setpriv", "--bounding-set=" + lost, "--inh-caps=" + lost,
            os.environ["CTFLOWD"])


def test_nothing_is_refused(lab: Lab) -> None:
    equal("reasons", refused(lab, "all", "fentry"), {
        "kernel_patch": "this kernel is without the series of kernel-patches/"})


def with_only(*capabilities: str) -> tuple[str, ...]:
    given = ",".join(("-all", *("+" + one for one in capabilities)))
    return ("setpriv", "--bounding-set=" + given, "--inh-caps=" + given,
            os.environ["CTFLOWD"])


def test_with_the_capabilities_of_the_drop_in(lab: Lab) -> None:
    names = [word.removeprefix("CAP_").lower()
             for line in DROP_IN.read_text().splitlines()
             if line.startswith("AmbientCapabilities=")
             for word in line.partition("=")[2].split()]
    why = refused(lab, "drop-in", "fentry", *with_only("net_admin", *names))
    equal("better ones", list(why), ["kernel_patch"])


def test_without_the_types_of_modules(lab: Lab) -> None:
    why = refused(lab, "types-of-modules", NEXT_BEST,
                  *with_only("net_admin", "bpf", "perfmon"))
    equal("reason", why["fentry"], f"not permitted: {OF_MODULE} is missing")


def test_without_cap_bpf(lab: Lab) -> None:
    why = refused(lab, "bpf", WITHOUT_PROGRAMS, *without("bpf", "sys_admin"))
    equal("reasons", (why["fentry"], why["netfilter"]),
          (f"not permitted: CAP_BPF and {OF_MODULE} are missing",
           "not permitted: CAP_BPF is missing"))


def test_without_cap_perfmon(lab: Lab) -> None:
    why = refused(lab, "perfmon", WITHOUT_PROGRAMS,
                  *without("perfmon", "sys_admin"))
    equal("reasons", (why["fentry"], why["netfilter"]),
          (f"not permitted: CAP_PERFMON and {OF_MODULE} are missing",
           TOO_OLD if OLD else "not permitted: CAP_PERFMON is missing"))


def test_the_verifier_refuses_one(lab: Lab) -> None:
    why = refused(lab, "verifier", NEXT_BEST, altered("fentry/nf_ct_delete"))
    equal("reason", why["fentry"], "verifier: " + UNWRITTEN)


def test_the_verifier_refuses_all(lab: Lab) -> None:
    why = refused(lab, "verifier-all", WITHOUT_PROGRAMS,
                  altered("fentry/nf_ct_delete", "netfilter"))
    equal("reasons", (why["fentry"], why["netfilter"]),
          ("verifier: " + UNWRITTEN, TOO_OLD if OLD else
           "the kernel does not accept the programs: " + UNWRITTEN))


def test_a_kernel_without_types(lab: Lab) -> None:
    why = refused(lab, "types", WITHOUT_PROGRAMS, "unshare", "--mount", "sh",
                  "-c", 'mount -t tmpfs none /sys/kernel/btf; exec "$0" "$@"',
                  os.environ["CTFLOWD"])
    equal("reasons", (why["fentry"], why["netfilter"]), (
        "the kernel does not describe its types (no /sys/kernel/btf/vmlinux: "
        "built without CONFIG_DEBUG_INFO_BTF)",
        "no types of conntrack in /sys/kernel/btf (CONFIG_DEBUG_INFO_BTF)"))


def stripped(module: pathlib.Path) -> str:
    data = module.read_bytes()
    path = pathlib.Path("/tmp") / module.name.removesuffix(".xz")
    path.write_bytes(lzma.decompress(data) if module.suffix == ".xz" else data)
    run(f"objcopy --remove-section .BTF {path}")
    return str(path)


def load_again(*commands: str) -> None:
    run("nft flush ruleset")
    unload()
    for command in commands:
        run(command, check=False)       # what others need as well is there
    run("/run/modprobe -a nf_conntrack_netlink nf_flow_table_inet")


def test_a_module_without_types(lab: Lab) -> None:
    *needed, own = run("/run/modprobe --show-depends nf_conntrack").splitlines()
    try:
        load_again(*needed, "insmod " + stripped(pathlib.Path(own.split()[1])))
        lab.reset()
        why = refused(lab, "module", NEXT_BEST)
    finally:
        load_again()
    equal("reason", why["fentry"],
          "nf_conntrack does not describe its types (no /sys/kernel/btf/"
          "nf_conntrack: built without CONFIG_DEBUG_INFO_BTF_MODULES, or for "
          "another kernel)")


def test_locked_down(lab: Lab) -> None:
    """The last one: only a start of the machine takes it back."""
    run(f"mount -t securityfs none {SECURITY}")
    pathlib.Path(LOCKDOWN).write_text("confidentiality")
    why = refused(lab, "lockdown", WITHOUT_PROGRAMS)
    locked = "the kernel is locked down (lockdown=confidentiality): "
    unknown = ("unknown func" if OLD else
               "program of this type cannot use helper") + " bpf_probe_read#4"
    equal("reasons", (why["fentry"], why["netfilter"]),
          (locked + "verifier: " + unknown, TOO_OLD if OLD else
           locked + "the kernel does not accept the programs: " + unknown))


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    sys.exit(main.run_module(sys.modules[__name__], "refusals"))
