# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests/checks/openwrt: docs/ctflowd.schema.json, which editors judge configurations by."""

import json
import pathlib
import re

import jsonschema
import yaml

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[3] / "docs/ctflowd.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
# What UCI has no option for: see packaging/openwrt/README.md.
WITHOUT_OPTION = {"log_connections.brokers", "log_connections.topic", "log_connections.settings",
                  "log_connections.postgresql.connection", "log_connections.postgresql.table",
                  "log_connections.postgresql.retention"}


class Core(yaml.SafeLoader):
    """The core schema of YAML 1.2, as editors and ctflowd read it."""


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
        ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
        ("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
        ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""])):
    Core.add_implicit_resolver(tag, re.compile(pattern), first)


def read(text):
    return yaml.load(text, Loader=Core)  # nosec: SafeLoader


def problems(document):
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]


def settings_of(document, path=""):
    """Path of each value, without the numbers of lists' entries. What all filters have stands for one of them."""
    if isinstance(document, dict):
        return {one for key, value in document.items() for one in settings_of(value, f"{path}.{key}" if path else key)}
    if isinstance(document, list) and any(isinstance(one, dict) for one in document):
        return {found for one in document for found in settings_of(one, path)}
    path = re.sub(r"^(groups|log_connections)\.filter\.", "collectors.filter.", path)
    return {path.replace("source.filter.exclude.", "source.filter.include.")}


def settings(part=None, path=""):
    """Those that the schema has."""
    part = SCHEMA if part is None else part
    forms = [part, *part.get("anyOf", [])]
    forms += [one["items"] for one in forms if isinstance(one.get("items"), dict)]
    inner = [(key, value) for form in forms for key, value in form.get("properties", {}).items()]
    if not inner:
        return settings_of(None, path)
    return {one for key, value in inner for one in settings(value, f"{path}.{key}" if path else key)}
