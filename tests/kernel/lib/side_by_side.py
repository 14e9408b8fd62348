# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints what two kernels said of the same traffic next to each other.

Arguments: the lines of the stock and of the patched kernel. Fails when the
patched kernel was not exact, or the stock kernel was: then the comparison
would prove nothing.
"""

import sys


def read(path: str) -> dict[str, list[str]]:
    with open(path, encoding="ascii") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return {row[0]: row[1:] for row in rows}


def main(stock_path: str, patched_path: str) -> int:
    stock, patched = read(stock_path), read(patched_path)
    if not stock or stock.keys() != patched.keys():
        print("the two kernels did not run the same scenarios")
        return 1
    header = ["packets / octets", "on the wire", "stock kernel",
              "patched: stock counters", "on the wire", "patched: CTA_FLOW"]
    rows = [[name, *stock[name][:2], patched[name][1], patched[name][0],
             patched[name][2]] for name in stock]
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    for row in (header, *rows):
        print("  ".join(cell.ljust(width)
                        for cell, width in zip(row, widths)).rstrip())
    wrong = [row[0] for row in rows if row[5] != row[4] or row[2] == row[1]]
    if wrong:
        print("not as expected:", ", ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
