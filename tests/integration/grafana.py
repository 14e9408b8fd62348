# SPDX-License-Identifier: GPL-2.0-or-later
"""The queries of a dashboard as Grafana would send them: with values in place of variables and macros."""

import json
import pathlib
import re

_FOLDER = pathlib.Path(__file__).resolve().parents[2] / "packaging/grafana"
_FORMATS = {"raw": str, "csv": lambda value: ",".join(value) if isinstance(value, list) else value,
            "sqlstring": lambda value: "'" + value.replace("'", "''") + "'"}


class Dashboard:
    def __init__(self, name, begin, end, seconds=3600):
        """`begin`, `end`: the time range, Unix time. `seconds`: the interval of its graphs."""
        self._content = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
        self.variables = {one["name"]: one for one in self._content["templating"]["list"]}
        self.values = {"__from": str(int(begin * 1000)), "__to": str(int(end * 1000)),
                       "__interval": f"{seconds}s", "__interval_ms": str(seconds * 1000)}
        for name, one in self.variables.items():
            if "current" in one:
                self.values[name] = one["current"]["value"]

    def queries(self):
        """(title, query, type of panel) of each panel."""
        for panel in self._content["panels"]:
            for target in panel["targets"]:
                text = target.get("queryText", target.get("rawSql"))
                if target.get("rawQueryText", text) != text:
                    raise AssertionError(f"{panel['title']}: rawQueryText is another than queryText")
                yield panel["title"], self.filled(text), panel["type"]

    def query(self, title):
        """That of the first panel of this title."""
        return next(text for name, text, _ in self.queries() if name == title)

    def filled(self, text):
        text = re.sub(r"\$__timeFilter\((\w+)\)", lambda found: f"{found[1]} BETWEEN to_timestamp($__from / 1000.0) "
                      "AND to_timestamp($__to / 1000.0)", text)
        text = re.sub(r"\$__timeGroupAlias\((\w+), '\$__interval'\)",
                      r'floor(extract(epoch from \1) / ($__interval_ms / 1000)) * ($__interval_ms / 1000) AS "time"', text)

        def value_of(found):
            value = self.values[found[1] or found[3]]
            if found[2]:
                return _FORMATS[found[2]](value)
            return value.replace("'", "''")
        text = re.sub(r"\$\{(\w+):(\w+)\}|\$(\w+)", value_of, text)
        if "$" in text:
            raise AssertionError(f"a variable or macro that is not known: {text}")
        return text
