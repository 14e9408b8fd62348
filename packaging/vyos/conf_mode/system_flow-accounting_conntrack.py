#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes ctflowd's configuration and (re)starts it: `system flow-accounting conntrack`.

tests/checks/packages runs it with modules in the place of vyos; not tried in a VyOS image."""

import os
import sys

from vyos import ConfigError, airbag
from vyos.config import Config
from vyos.template import render
from vyos.utils.process import call, cmd, rc_cmd

airbag.enable()
FILE = "/run/ctflowd.yaml"
UNIT = "ctflowd.service"
DROP_IN = "/run/systemd/system/ctflowd.service.d/vyos.conf"
START = """[Service]
ExecStartPre=
ExecStart=
ExecStart=/usr/sbin/ctflowd run -c /run/ctflowd.yaml
ExecReload=
ExecReload=/bin/kill -HUP $MAINPID
"""
SETTINGS = ("acct", "timestamp", "events")


def get_config(config=None):
    config = config or Config()
    base = ["system", "flow-accounting", "conntrack"]
    if not config.exists(base):
        return None
    return config.get_config_dict(base, key_mangling=("-", "_"), get_first_key=True,
                                  no_tag_node_value_mangle=True, with_recursive_defaults=True)


def verify(conntrack):
    if not conntrack:
        return
    if not conntrack.get("server"):
        raise ConfigError("conntrack: name at least one server")
    for name, one in conntrack["server"].items():
        for leaf in ("address", "port"):
            if leaf not in one:
                raise ConfigError(f"conntrack: server {name} needs its {leaf}")


def generate(conntrack):
    if not conntrack:
        for file in (FILE, DROP_IN):
            if os.path.exists(file):
                os.unlink(file)
        return
    # What runs is started again with the file that it has, should the commit fail.
    made = f"{FILE}.new"
    render(made, "ctflowd/ctflowd.yaml.j2", conntrack)
    code, said = rc_cmd(f"/usr/sbin/ctflowd check -c {made}")
    if code != 0:
        os.unlink(made)
        raise ConfigError(said)
    os.replace(made, FILE)
    os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
    with open(DROP_IN, "w", encoding="ascii") as file:
        file.write(START)


def apply(conntrack):
    call("systemctl daemon-reload")
    if not conntrack:
        call(f"systemctl stop {UNIT}")
        return
    call("modprobe nf_conntrack")  # without it there are no such settings
    for setting in SETTINGS:
        cmd(f"sysctl -w net.netfilter.nf_conntrack_{setting}=1")
    # A reload keeps the active timeout. The state file keeps what was reported, so that no octet is sent twice.
    call(f"systemctl restart {UNIT}")


if __name__ == "__main__":
    try:
        changed = get_config()
        verify(changed)
        generate(changed)
        apply(changed)
    except ConfigError as error:
        print(error)
        sys.exit(1)
