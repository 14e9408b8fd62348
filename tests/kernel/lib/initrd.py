#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes an initial ram disk: what mounts the host's root by 9p, no more.

usage: initrd.py BUSYBOX INIT MODULE_DIRECTORY MODULE...
"""

from __future__ import annotations

import gzip
import lzma
import pathlib
import stat
import sys


def entry(name: str, mode: int, data: bytes = b"") -> bytes:
    """One member of a cpio archive, format newc."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields)
    head += name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def module_name(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".ko")[0].replace("-", "_")


def in_order(directory: pathlib.Path, wanted: list[str]) -> list[str]:
    """The modules and what they need, each after those that it needs."""
    needs: dict[str, list[str]] = {}
    paths: dict[str, str] = {}
    for line in (directory / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        paths[module_name(path)] = path
        # modprobe loads the last one first.
        needs[module_name(path)] = rest.split()[::-1]
    result: list[str] = []
    for name in wanted:
        if name not in paths:       # built in
            continue
        result += [path for path in (*needs[name], paths[name])
                   if path not in result]
    return result


def load(path: pathlib.Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def main(busybox: str, init: str, modules: str, *wanted: str) -> None:
    directory = pathlib.Path(modules)
    archive = [entry(name, stat.S_IFDIR | 0o755)
               for name in ("bin", "dev", "proc", "root", "modules")]
    archive.append(entry("bin/busybox", stat.S_IFREG | 0o755,
                         pathlib.Path(busybox).read_bytes()))
    archive.append(entry("init", stat.S_IFREG | 0o755,
                         pathlib.Path(init).read_bytes()))
    for number, path in enumerate(in_order(directory, list(wanted))):
        archive.append(entry(f"modules/{number:02}-{module_name(path)}.ko",
                             stat.S_IFREG | 0o644, load(directory / path)))
    archive.append(entry("TRAILER!!!", 0))
    sys.stdout.buffer.write(gzip.compress(b"".join(archive), 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
