#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of the NAT log that docs/nat-log.md publishes, with bounds: octets of a row with its index, and a look-up
with nothing of the file in memory. tests/run --full runs it."""

import pathlib
import re
import subprocess
import sys
import tempfile

ROWS = 500_000  # in random order
OCTETS = 70.0
MILLISECONDS = 1000.0


def figures(program, *arguments):
    said = subprocess.run([program, *arguments], check=True, text=True, stdout=subprocess.PIPE).stdout
    print(said, end="")
    return said


def forget(directory):
    """Nothing of it is in memory."""
    for file in pathlib.Path(directory).iterdir():
        subprocess.run(["dd", f"if={file}", "of=/dev/null", "iflag=nocache", "count=0", "status=none"], check=True)


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="ctflowd-nat-rows-", dir="/var/tmp") as directory:
        octets = float(re.search(r"octets a row ([\d.]+)", figures(program, directory, str(ROWS)))[1])
        subprocess.run(["sync", "-f", directory], check=True)
        forget(directory)
        look_up = re.search(r"look-up ([\d.e+-]+) ms, rows that fit (\d+)", figures(program, directory, "0"))
    if octets > OCTETS:
        sys.exit(f"{octets} octets a row instead of {OCTETS}")
    if float(look_up[1]) > MILLISECONDS:
        sys.exit(f"a look-up takes {look_up[1]} ms instead of {MILLISECONDS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
