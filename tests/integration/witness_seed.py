#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one seed of random traffic (witness/) and judges what was exported.

Ends with 0 if all is well, 1 if not, 75 if an observer missed something and the run is void, 77 if
it cannot be run here. What was seen of a run that failed is kept in a directory that is named.
"""

import argparse
import os
import shutil
import sys
import tempfile
import traceback

import isolation
from witness import conservation, mutations, observers, play, scenario, times

VOID = 75
SHOWN = 20  # problems; the others are in the file


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ctflowd", required=True, help="the program under test")
    parser.add_argument("--witness", required=True, help="ct_witness")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--class", dest="kind", choices=scenario.CLASSES,
                        help="another class of scenario than the seed's own")
    parser.add_argument("--keep", action="store_true", help="keep what was seen in any case")
    options = parser.parse_args()
    isolation.enter()
    isolation.require("nfcapd", "nfdump")
    what = scenario.scenario(options.seed, options.kind)
    programs = [os.path.abspath(path) for path in (options.ctflowd, options.witness)]
    directory = "/run/seed"
    os.mkdir(directory)
    try:
        observation = play.Play(what, programs, directory).run()
        problems = conservation.check(observation) + times.check(observation)
        if not problems:
            problems = list(mutations.undetected(observation))
    except observers.Void as void:
        print(f"void: {void}")
        sys.exit(VOID)
    except Exception:  # pylint: disable=broad-except
        problems = [traceback.format_exc()]
    else:
        print(f"{len(observation.connections)} connections, {len(observation.packets)} packets, "
              f"{len(observation.records)} records")
    if problems or options.keep:
        with open(f"{directory}/problems", "w", encoding="utf-8") as file:
            file.write(f"{what}\n" + "".join(f"{problem}\n" for problem in problems))
        print(f"seed {options.seed}: {what}\n" + "\n".join(problems[:SHOWN]))
        if len(problems) > SHOWN:
            print(f"and {len(problems) - SHOWN} more, in the file 'problems'")
        print("kept in", shutil.copytree(directory, tempfile.mkdtemp(
            prefix=f"ctflowd-seed-{options.seed}-"), dirs_exist_ok=True))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
