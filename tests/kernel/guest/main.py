# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: every test_*.py that fits the kernel."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
import time
import traceback

import lab as lab_module


def main(patterns: list[str]) -> int:
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    lab = lab_module.Lab()
    patched = lab_module.patched()
    for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for_stock = getattr(module, "KERNEL", "patched")
        if for_stock not in ("both", "patched" if patched else "stock"):
            continue
        for name, test in list(vars(module).items()):
            title = f"{path.stem[5:]}: {name[5:].replace('_', ' ')}"
            if not name.startswith("test_") or (
                    patterns and not any(p in title for p in patterns)):
                continue
            begin = time.monotonic()
            try:
                lab.reset()
                reason = test(lab)
                verdict = "skipped" if isinstance(reason, str) else "ok"
            except Exception as error:          # a test must not stop the rest
                verdict, reason = "FAILED", f"{type(error).__name__}: {error}"
                if not isinstance(error, lab_module.Failure):
                    traceback.print_exc(file=sys.stdout)
            counts[verdict] += 1
            seconds = time.monotonic() - begin
            print(f"{verdict:7} {title} ({seconds:.1f} s)"
                  + (f": {reason}" if isinstance(reason, str) else ""),
                  flush=True)
    print("RESULT", *counts.values(), flush=True)
    return 1 if counts["FAILED"] else 0


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    sys.exit(main(sys.argv[1:]))
