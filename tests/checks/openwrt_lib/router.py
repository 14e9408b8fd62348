# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests/checks/openwrt: the scripts of packaging/openwrt in BusyBox's shell, and what ctflowd makes of it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
FILES = HERE.parents[2] / "packaging/openwrt/ctflowd/files"


def quoted(value):
    """As `uci export` quotes."""
    return "'" + value.replace("'", "'\\''") + "'"


def uci(sections):
    """[(type, name or None, {option: value or list of values})] as a file of UCI."""
    lines = []
    for kind, name, options in sections:
        lines.append(f"\nconfig {kind}" + (f" {quoted(name)}" if name else ""))
        for option, value in options.items():
            words = value if isinstance(value, list) else [value]
            word = "list" if isinstance(value, list) else "option"
            lines += [f"\t{word} {option} {quoted(one)}" for one in words]
    return "\n".join(lines) + "\n"


class Router:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.ctflowd = sys.argv[1]
        self.busybox = shutil.which("busybox")
        self.programs = self.directory / "bin"
        self.programs.mkdir()
        subprocess.run([self.busybox, "--install", "-s", self.programs], check=True)
        # Of `uci` only that it refuses a file that it cannot read.
        uci_program = self.programs / "uci"
        uci_program.write_text(f"#!{self.busybox} ash\n[ \"$1\" = export ] && ash -n \"$CTFLOWD_TEST_CONFIG/$2\" "
                               "2> /dev/null || { echo 'uci: Parse error at line 3, byte 2' >&2; exit 1; }\n",
                               encoding="ascii")
        uci_program.chmod(0o755)
        self.environment = {"PATH": str(self.programs), "CTFLOWD_LIB": str(HERE),
                            "CTFLOWD_TEST_CONFIG": str(self.directory)}

    def run(self, *command, **more):
        return subprocess.run([self.busybox, "ash", *map(str, command)], capture_output=True, text=True, check=False,
                              env={**self.environment, **more})

    def options(self):
        """What the converter reads: {(type, option)}."""
        run = self.run(FILES / "uci-to-yaml", "--options")
        assert run.returncode == 0 and not run.stderr, run
        return [tuple(line.split(" ")) for line in run.stdout.splitlines()]

    def convert(self, sections, script="uci-to-yaml", package="ctflowd"):
        (self.directory / package).write_text(sections if isinstance(sections, str) else uci(sections),
                                              encoding="utf-8")
        return self.run(FILES / script)

    def show(self, yaml):
        """What ctflowd makes of a configuration: {"collectors[0].name": "main"}; a message where it refuses it."""
        file = self.directory / "made.yaml"
        file.write_text(yaml, encoding="utf-8")
        run = subprocess.run([self.ctflowd, "check", "--show", file], capture_output=True, text=True, check=False,
                             env={**os.environ, "NO_COLOR": "1"})
        return flattened(run.stdout) if run.returncode == 0 else run.stderr


def value_of(text):
    text = text.strip()
    if text.startswith("["):
        return [value_of(one) for one in re.findall(r'"(?:[^"\\]|\\.)*"|[^\s,\[\]]+', text)]
    return json.loads(text) if text.startswith('"') else text


def flattened(shown):
    """The regular YAML that `check --show` prints, as {path: value}."""
    values, stack, counts = {}, [], {}
    for line in shown.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        indent = len(line) - len(line.lstrip())
        text = line.lstrip()
        while stack and stack[-1][0] >= indent:
            stack.pop()
        if text.startswith("- "):
            above = stack[-1][1]
            counts[above] = counts.get(above, -1) + 1
            stack.append((indent, f"{above}[{counts[above]}]"))
            indent += 2
            text = text[2:]
        key, _, value = text.partition(":")
        path = f"{stack[-1][1]}.{key}" if stack else key
        if value.strip():
            values[path] = value_of(value)
        else:
            stack.append((indent, path))
    return values


def run_tests(module):
    """`BUILD-DIRECTORY or CTFLOWD [TEST...]`: the exit status."""
    if not shutil.which("busybox"):
        print("skipped: busybox is not installed")
        return 77
    binary = pathlib.Path(sys.argv[1])
    sys.argv[1] = str(binary / "ctflowd" if binary.is_dir() else binary)
    parts = subprocess.run([sys.argv[1], "--version"], capture_output=True, text=True, check=True).stdout
    missing = [part for part in ("sqlite", "tls") if not re.search(rf"(?m)^with:.*\b{part}\b", parts)]
    if missing:
        print(f"skipped: {sys.argv[1]} was built without {', '.join(missing)}")
        return 77
    loader = unittest.defaultTestLoader
    names = sys.argv[2:]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    return int(not unittest.TextTestRunner().run(suite).wasSuccessful())
