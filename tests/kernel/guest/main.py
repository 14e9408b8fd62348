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
import origin as origin_module

ORIGINS = ("patched", "ebpf", "netfilter")      # of a module that says nothing


def title_of(group: str, name: str) -> str:
    return f"{group}: {name[5:].replace('_', ' ')}"


def why_not(test: object, group: str, title: str,
            origin: origin_module.Origin) -> str:
    """Of a test that is not for this origin: the line that says so."""
    only_patch = getattr(test, "only_patch", None)
    if only_patch and origin.name != "patched":
        return f"patch   {title}: {only_patch}"
    for name in (group, title):
        if name in origin.left_out:
            return f"left out {title}: {origin.left_out[name]}"
    return ""


def run_tests(module: types.ModuleType, group: str, lab: lab_module.Lab,
              patterns: list[str], counts: dict[str, int]) -> None:
    for name, test in list(vars(module).items()):
        title = title_of(group, name)
        if not name.startswith("test_") or (
                patterns and not any(p in title for p in patterns)):
            continue
        if reason := why_not(test, group, title, lab.origin):
            counts["left out"] += 1
            print(reason, flush=True)
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


def no_counts() -> dict[str, int]:
    return {"ok": 0, "FAILED": 0, "skipped": 0, "left out": 0}


def finish(counts: dict[str, int]) -> int:
    print(f"        {counts.pop('left out')} left out", flush=True)
    print("RESULT", *counts.values(), flush=True)
    return 1 if counts["FAILED"] else 0


def run_module(module: types.ModuleType, group: str) -> int:
    counts = no_counts()
    run_tests(module, group, lab_module.Lab(), sys.argv[1:], counts)
    return finish(counts)


def main(patterns: list[str]) -> int:
    counts = no_counts()
    lab = lab_module.Lab()
    modules = {path.stem[5:]: importlib.import_module(path.stem) for path in
               sorted(pathlib.Path(__file__).parent.glob("test_*.py"))}
    modules["smp"] = importlib.import_module("smp")
    known = modules.keys() | {title_of(group, name)
                              for group, module in modules.items()
                              for name in vars(module)}
    if unknown := lab.origin.left_out.keys() - known:
        raise ValueError(f"left out, but there are no such tests: {unknown}")
    for group, module in modules.items():
        if lab.origin.name in getattr(module, "ORIGINS", ORIGINS):
            run_tests(module, group, lab, patterns, counts)
    return finish(counts)


if __name__ == "__main__":
    os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin"
    sys.exit(main(sys.argv[1:]))
