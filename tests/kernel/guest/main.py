# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: every test_*.py that fits what measures there."""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
import time
import traceback
import types

import lab as lab_module


def run_tests(module: types.ModuleType, group: str, lab: lab_module.Lab,
              patterns: list[str], counts: dict[str, int]) -> None:
    for name, test in list(vars(module).items()):
        title = f"{group}: {name[5:].replace('_', ' ')}"
        if not name.startswith("test_") or (
                patterns and not any(p in title for p in patterns)):
            continue
        only_patch = getattr(test, "only_patch", None)
        if only_patch and lab.origin.name != "patched":
            print(f"patch   {title}: {only_patch}", flush=True)
            continue
        begin = time.monotonic()
        reason = ""
        try:
            lab.reset()
            test(lab)
            verdict = "ok"
        except lab_module.Skip as why:
            verdict, reason = "skipped", f": {why}"
        except Exception as error:      # one test must not stop the others
            verdict, reason = "FAILED", f": {type(error).__name__}: {error}"
            if not isinstance(error, lab_module.Failure):
                traceback.print_exc(file=sys.stdout)
        counts[verdict] += 1
        print(f"{verdict:7} {title} ({time.monotonic() - begin:.1f} s)"
              f"{reason}", flush=True)


def finish(counts: dict[str, int]) -> int:
    print("RESULT", *counts.values(), flush=True)
    return 1 if counts["FAILED"] else 0


def run_module(module: types.ModuleType, group: str) -> int:
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    run_tests(module, group, lab_module.Lab(), sys.argv[1:], counts)
    return finish(counts)


def main(patterns: list[str]) -> int:
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    lab = lab_module.Lab()
    origin = lab.origin.name
    for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        if origin in getattr(module, "ORIGINS", ("patched", "ebpf")):
            run_tests(module, path.stem[5:], lab, patterns, counts)
    return finish(counts)


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    sys.exit(main(sys.argv[1:]))
