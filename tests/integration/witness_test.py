#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random traffic, seed by seed, judged by an independent witness (witness/, witness_seed.py).

Some seeds are always the same, one of each class of scenario; the others are new each time and
printed. A seed that failed is tried again by --seed: it has the same scenario and the same traffic,
though not the same microseconds. The environment variables CTFLOWD_SEEDS and CTFLOWD_SEED stand for
--seeds and --seed where arguments cannot be given, as in `CTFLOWD_SEEDS=500 tests/run -R witness`.
"""

import argparse
import collections
import os
import random
import subprocess
import sys
import time

from witness.scenario import CLASSES, PENDING, kind_of

SEEDS = 20
JOBS = 5  # at once; a seed sleeps most of the time
LIMIT = 180  # seconds of one seed
ATTEMPTS = 3  # of a seed whose observers miss something
FAILED, VOID, SKIPPED = 1, 75, 77
HERE = os.path.dirname(os.path.abspath(__file__))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ctflowd", required=True, help="the program under test")
    parser.add_argument("--witness", help="ct_witness; default: of the same build")
    parser.add_argument("--seeds", type=int, default=int(os.environ.get("CTFLOWD_SEEDS", SEEDS)),
                        help="how many, %(default)s if not given")
    parser.add_argument("--seed", type=int, action="append", help="exactly this one (repeatable)",
                        default=[int(seed) for seed in os.environ.get("CTFLOWD_SEED", "").split()])
    parser.add_argument("--class", dest="kind", choices=CLASSES, help="only seeds of this class")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many at once (%(default)s)")
    options = parser.parse_args()
    options.ctflowd = os.path.abspath(options.ctflowd)
    options.witness = os.path.abspath(options.witness or os.path.join(
        os.path.dirname(options.ctflowd), "tests", "witness", "ct_witness"))
    for program in (options.ctflowd, options.witness):
        if not os.access(program, os.X_OK):
            parser.error(f"{program} is no program; build all tests, or say where it is")
    return options


def chosen(options):
    """The seeds of this run."""
    if options.seed:
        return options.seed
    kinds = [options.kind] if options.kind else [kind for kind in CLASSES if kind not in PENDING]
    fixed = [seed for seed in range(len(CLASSES)) if kind_of(seed) in kinds]
    fresh = random.SystemRandom()
    seeds = fixed[:options.seeds]
    while len(seeds) < options.seeds:
        seed = fresh.randrange(len(CLASSES), 2 ** 31)
        if kind_of(seed) in kinds:
            seeds.append(seed)
    return seeds


class Attempt:
    """A seed that runs."""

    def __init__(self, options, seed, number=1):
        self.seed, self.number = seed, number
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-B", f"{HERE}/witness_seed.py", "--ctflowd", options.ctflowd,
             "--witness", options.witness, "--seed", str(seed)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)

    def status(self):
        """Of a process that ended; None of one that still runs."""
        if self._process.poll() is None and time.monotonic() - self.began > LIMIT:
            self._process.terminate()
            self._process.wait()
        return self._process.poll()

    def output(self):
        return self._process.stdout.read().strip()


def main():
    options = arguments()
    waiting = collections.deque(chosen(options))
    print("seeds:", *waiting, flush=True)
    for kind, reason in PENDING.items():
        print(f"class {kind} is tried only by --class: {reason}")
    running, failed, skipped = [], [], []
    while waiting or running:
        while waiting and len(running) < options.jobs:
            running.append(Attempt(options, waiting.popleft()))
        time.sleep(0.1)
        for attempt in [one for one in running if one.status() is not None]:
            running.remove(attempt)
            status, output = attempt.status(), attempt.output()
            word = {0: "ok", VOID: "void", SKIPPED: "skipped"}.get(status, "FAILED")
            print(f"seed {attempt.seed} ({kind_of(attempt.seed)}): {word} after "
                  f"{time.monotonic() - attempt.began:.0f} s: {output}", flush=True)
            if status == SKIPPED:
                skipped.append(attempt.seed)
            elif status == VOID and attempt.number < ATTEMPTS:
                running.append(Attempt(options, attempt.seed, attempt.number + 1))
            elif status != 0:
                failed.append(attempt.seed)
    if failed:
        print("failed:", *failed, f"\nAgain: {sys.argv[0]} --ctflowd {options.ctflowd}",
              *(f"--seed {seed}" for seed in failed))
    sys.exit(FAILED if failed else SKIPPED if skipped else 0)


if __name__ == "__main__":
    main()
