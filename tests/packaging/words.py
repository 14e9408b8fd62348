# SPDX-License-Identifier: GPL-2.0-or-later
"""What documents say: their sentences, and the commands that they show."""

import contextlib
import gzip
import pathlib
import re

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class NotTrue(Exception):
    """A sentence, and what contradicts it."""


def joined(text):
    return re.sub(r"\s+", " ", text)


class Document:
    def __init__(self, name, text):
        self.name = name
        self._text = text
        self._sentences = joined(text)

    @contextlib.contextmanager
    def says(self, sentence):
        """What is asserted inside is what this sentence means."""
        if joined(sentence) not in self._sentences:
            raise NotTrue(f"{self.name} does not say any more what is tested: {sentence}")
        try:
            yield
        except AssertionError as contradiction:
            raise NotTrue(f"{self.name}: {sentence}\n{contradiction}") from contradiction
        print(f"true: {self.name}: {joined(sentence)}", flush=True)

    def blocks(self, section, language):
        """The code of this language below a heading of Markdown."""
        found = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", self._text, re.MULTILINE | re.DOTALL)
        code = re.findall(rf"^```{language}\n(.*?)^```$", found[1], re.MULTILINE | re.DOTALL) if found else []
        if not code:
            raise NotTrue(f"{self.name} shows nothing in {language or 'a block'} below '{section}'")
        return code


def markdown(path):
    return Document(path, (SOURCE / path).read_text(encoding="utf-8"))


class ManPage(Document):
    """As it is installed."""

    def __init__(self, name, path):
        source = gzip.decompress(path.read_bytes()).decode()
        self._shown = [plain(block) for block in re.findall(r"^\.nf\n(.*?)^\.fi$", source, re.MULTILINE | re.DOTALL)]
        super().__init__(name, plain(source))

    def shown(self):
        return self._shown


def plain(source):
    """Without requests and fonts of roff."""
    lines = [line for line in source.splitlines() if not re.match(r"['.]", line)]
    text = re.sub(r"\\f[A-Z]|\\&", "", "\n".join(lines))
    return re.sub(r"\\(.)", r"\1", text)


def lines(block):
    """Command, and the comment behind it."""
    for line in block.splitlines():
        command, _, comment = line.partition(" #")
        if command.strip():
            yield command.strip(), comment.strip()
