# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal that shows what a program writes to it."""

import contextlib
import fcntl
import os
import re
import struct
import subprocess
import termios
import threading
import time

_SEQUENCE = re.compile(r"\x1b\[(\??)([\d;]*)([A-Za-z])")


class Screen:
    """What can be seen after some output: two screens, of which the second leaves no trace."""

    def __init__(self, rows, columns):
        self._rows, self._columns = rows, columns
        self.alternate = False
        self.coloured = []  # the texts that stood in colour
        self.scrolled = 0  # lines that went out at the top
        self._first = self._blank()
        self._clear()

    def _blank(self):
        return [[" "] * self._columns for _ in range(self._rows)]

    def _clear(self):
        self._cells, self._row, self._column, self._colour = self._blank(), 0, 0, False

    def lines(self):
        return ["".join(row).rstrip() for row in self._cells]

    def write(self, text):
        while text:
            sequence = _SEQUENCE.match(text)
            if sequence:
                self._obey(*sequence.groups())
                text = text[sequence.end():]
            else:
                self._put(text[0])
                text = text[1:]

    def _obey(self, private, numbers, command):
        if private and numbers == "1049":
            self.alternate = command == "h"
            if self.alternate:
                self._first = self._cells
                self._clear()
            else:
                self._cells = self._first
        elif command == "H" and not numbers:
            self._row = self._column = 0
        elif command == "J" and numbers == "2":
            self._cells = self._blank()
        elif command == "m":
            self._colour = numbers not in ("", "0")
            if self._colour:
                self.coloured.append("")
        else:
            raise AssertionError(f"unknown to this terminal: {private}{numbers}{command}")

    def _put(self, character):
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._next_row()
        elif character < " ":
            raise AssertionError(f"a control character: {character!r}")
        else:
            if self._column == self._columns:
                self._column = 0
                self._next_row()
            self._cells[self._row][self._column] = character
            self._column += 1
            if self._colour:
                self.coloured[-1] += character

    def _next_row(self):
        self._row += 1
        if self._row == self._rows:
            self._row -= 1
            self._cells = self._cells[1:] + [[" "] * self._columns]
            self.scrolled += 1


class Terminal:
    """Runs a program at a terminal of this size."""

    def __init__(self, *command, rows=24, columns=80, environment=None):
        self._rows, self._columns = rows, columns
        self._here, there = os.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.process = subprocess.Popen(command, stdout=there, stderr=there, stdin=subprocess.DEVNULL,
                                        env={**inherited, "TERM": "xterm", **(environment or {})})
        os.close(there)
        self._written = b""
        self.times = []  # when something was written
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        with contextlib.suppress(OSError):  # the program has ended
            while part := os.read(self._here, 65536):
                self.times.append(time.monotonic())
                self._written += part

    @property
    def written(self):
        return self._written.decode(errors="ignore")

    def screen(self, before=None):
        """What can be seen now, or could be before this sequence was written last."""
        screen = Screen(self._rows, self._columns)
        screen.write(self.written.rpartition(before)[0] if before else self.written)
        return screen

    def wait(self, seconds=10):
        """Until the program has ended; its exit status."""
        status = self.process.wait(seconds)
        self._reader.join(seconds)
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        os.close(self._here)
