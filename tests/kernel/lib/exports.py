#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints the symbols that modules export, with their versions, as
modprobe --dump-modversions does those that they import.

usage: exports.py MODULE.ko.xz...
"""

from __future__ import annotations

import lzma
import pathlib
import struct
import sys
from collections.abc import Iterator

PREFIX = b"__crc_"


def exports(elf: bytes) -> Iterator[tuple[int, str]]:
    """Each version is a word, to which a symbol points."""
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count = struct.unpack_from("<HH", elf, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, table + size * number)
                for number in range(count)]
    for _, kind, _, _, start, length, names, *_ in sections:
        if kind != 2:               # SHT_SYMTAB
            continue
        for at in range(start, start + length, 24):
            name, _, _, section, value = struct.unpack_from("<IBBHQ", elf, at)
            begin = sections[names][4] + name
            if elf.startswith(PREFIX, begin):
                word = sections[section][4] + value
                yield (struct.unpack_from("<I", elf, word)[0],
                       elf[begin + len(PREFIX):elf.index(b"\0", begin)].decode())


if __name__ == "__main__":
    for path in sys.argv[1:]:
        for version, symbol in exports(lzma.decompress(pathlib.Path(path).read_bytes())):
            print(f"0x{version:08x}\t{symbol}")
