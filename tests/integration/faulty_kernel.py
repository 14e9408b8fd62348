# SPDX-License-Identifier: GPL-2.0-or-later
"""A ctflowd whose kernel has the fault that a file names (faulty_netlink.c)."""

import os
import subprocess


def make(program, directory):
    """The program, and the file."""
    here = os.path.dirname(os.path.abspath(__file__))
    library, fault, faulty = (f"{directory}/{name}" for name in ("faulty.so", "fault", "faulty"))
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, f"{here}/faulty_netlink.c", "-ldl"], check=True)
    with open(faulty, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nexport LD_PRELOAD={library} CTFLOWD_FAULT={fault}\n"
                   "export ASAN_OPTIONS=verify_asan_link_order=0:$ASAN_OPTIONS\n"
                   f'exec {program} "$@"\n')
    os.chmod(faulty, 0o755)
    return faulty, fault
