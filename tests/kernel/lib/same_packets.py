#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares what two origins say of the same packets, field by field.

usage: same_packets.py FILE FILE, each with lines of guest/same_packets.py
"""

from __future__ import annotations

import json
import pathlib
import sys

TIMES = ("first", "last")
SLACK = 0.15    # seconds: an emulator sends a packet later than it means to


def read(path: str) -> dict[str, dict[str, object]]:
    lines = pathlib.Path(path).read_text().splitlines()
    return {one["case"]: one for one in map(json.loads, lines)}


def flat(one: dict[str, object]) -> dict[str, object]:
    result: dict[str, object] = {"reason": one["reason"]}
    for way in ("orig", "reply"):
        direction = one[way]
        if isinstance(direction, dict):
            result.update({f"{way} {key}": value
                           for key, value in direction.items()})
    return result


def differ(field: str, one: object, two: object) -> bool:
    if field.endswith(TIMES) and isinstance(one, float) \
            and isinstance(two, float):
        return abs(one - two) > SLACK
    return one != two


def main(first: str, second: str) -> int:
    one, two = read(first), read(second)
    wrong = compared = 0
    if not one or one.keys() != two.keys():
        print(f"not the same cases: {sorted(one)} and {sorted(two)}")
        return 1
    for case in one:
        left, right = flat(one[case]), flat(two[case])
        for field in sorted(left.keys() | right.keys()):
            compared += 1
            if differ(field, left.get(field), right.get(field)):
                print(f"  {case} {field}: {left.get(field)} and "
                      f"{right.get(field)}")
                wrong += 1
    print(f"  {compared} fields of {len(one)} connections, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
