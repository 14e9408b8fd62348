# SPDX-License-Identifier: GPL-2.0-or-later
"""For tests/checks/openwrt: good and bad values of every option of /etc/config/ctflowd.

OPTIONS[type][option] = (where ctflowd shows it, good values, bad values). A good value is what UCI has, or a pair of
that and what `ctflowd check --show` makes of it; a list is a UCI list. A type's sections begin with BASE[type].
"""

NAME = ["a.b_c-D", "x" * 64]
BAD_NAME = ["with space", "x" * 65, "umlaut-ä", "a/b"]
INTEGER_BAD = ["-1", "01", "1e3", "0x10", "one", "1 2", "99999999999"]
DURATION_BAD = ["60", "s", "1.5s", "1 s", "05s", "1d", "1sec", "-1s"]
SIZE_BAD = ["1048576", "1 MiB", "1mib", "1.5MiB", "MiB", "1M"]
BOOLEAN = [("1", "true"), ("0", "false"), ("on", "true"), ("off", "false"), ("yes", "true"), ("no", "false"),
           ("true", "true"), ("false", "false"), ("enabled", "true"), ("disabled", "false")]
BOOLEAN_BAD = ["2", "TRUE", "y"]
PATH = ["/a", '/tmp/a "b" \\ c: #d', "/tmp/ümläut 'x'", "/tmp/{a}, [b] & *c !d | > %e @f `g`"]
PATH_BAD = ["relative/path", "/", "/" + "a" * 4095, "/with\nnewline", "/with\ttab"]
NETWORK = [["192.0.2.1/32"], ["10.0.0.0/8", "2001:db8::/32"], ["0.0.0.0/0"], ["::/0"], ["::ffff:192.0.2.0/120"]]
NETWORK_BAD = ["10.0.0.0/33", "10.0.0/8", "10.0.0.1/8", "256.0.0.0/8", "2001:db8::/129", "2001:db8::1::/64", "lan.x",
               "1:2:3:4:5:6:7/64", "1:2:3:4:5:6:7:8:9/64", ":1::/64", "12345::/16", "10.0.0.0/", "/8", "10.0.0.0/08"]
MARK32 = ["0", "4294967295"]
MARK32_BAD = ["4294967296", *INTEGER_BAD]
DEVICE = ["eth0", "br-lan.7", "x" * 15]
DEVICE_BAD = ["x" * 16, "a b", "a/b", "a:b", ".", ".."]
HOST = ["192.0.2.1", "2001:db8::1", "::1", "collector.example.net", "a_b.example", "1a"]
HOST_BAD = ["1.2.3", "256.1.1.1", "a..b", "-a.example", "a-", "http://a", "192.0.2.1:80", "12", "a b", "fe80::1%eth0",
            "x" * 64 + ".example", "::1::", "1:2:3:4:5:6:7:8:9"]
PORT = ["1", "65535"]
PORT_BAD = ["0", "65536", *INTEGER_BAD]

PORTS = [["0", "65535"], ["443", "1024-65535"], ["7-8"]]
PORTS_BAD = ["65536", "8-7", "1-", "-1", "1-2-3", "1:2", "0-65536", "http", "01", "1-02"]
INTERFACES = [["eth0", "7"], ["br-lan.7", "4294967295"]]
INTERFACES_BAD = ["0", *DEVICE_BAD]


def integer(least, most):
    return [str(least), str(most)], [str(most + 1), *([str(least - 1)] if least else []), *INTEGER_BAD]


def duration(good, bad):
    return good, [*bad, *DURATION_BAD]


def size(good, bad):
    return good, [*bad, *SIZE_BAD]


def choice(*words):
    return list(words), ["", words[0].upper(), words[0] + "x", f"{words[0]} {words[-1]}"][1:]


def days(good, bad):
    return good, [*bad, "1", "d", "0d", "01d", "1h", "1.5d"]


# What the parts that several types share look like. {d} is a directory that exists, {n} the number of the section.
SPOOL = {
    "spool_memory": ("spool.memory", *size(["256KiB", "1GiB"], ["255KiB", "1025MiB"])),
    "spool_directory": ("spool.directory", ["{d}", '{d}/odd "dir" \\'], PATH_BAD),
    "spool_size": ("spool.size", *size(["1MiB", "1024GiB"], ["1023KiB", "1025GiB"])),
    "spool_max_age": ("spool.max_age", *duration(["off", "1m", "8760h"], ["59s", "8761h", "Off"])),
    "spool_rate": ("spool.rate", *size(["off", "64KiB", "1GiB"], ["63KiB", "2GiB"])),
}
ENABLED = (None, [("1", None)], BOOLEAN_BAD)

BASE = {
    "collector": {"name": "c", "address": "192.0.2.10", "port": "4739", "protocol": "ipfix", "transport": "tcp"},
    "group": {"name": "g", "mode": "failover"},
    "connection_log": {"name": "l", "to": "tcp", "address": "192.0.2.11", "port": "5170"},
    "namespace": {"name": "n"},
    "filter": {"action": "include", "protocols": ["tcp"]},
    "rule": {"outputs": ["main"], "action": "include", "protocols": ["tcp"]},
    "zone_interfaces": {"zone": "7"},
    "mark_interfaces": {"mark": "7"},
    "nat_log": {"retention": "180d"},
    "accounting": {},
    "aggregate": {"name": "a", "by": ["host"]},
    "network": {"name": "n", "networks": ["198.51.100.0/24"]},
    "device": {"name": "d", "addresses": ["02:00:5e:00:53:01"]},
    "service": {"name": "s", "ports": ["tcp/80"]},
    "ctflowd": {},
}

# Options that make sense only with others, or cannot be there with what BASE has: None leaves one out.
WITH = {
    ("collector", "file_directory"): {"transport": "file"},
    ("collector", "file_name"): {"transport": "file", "file_directory": "{d}"},
    ("collector", "file_size"): {"transport": "file", "file_directory": "{d}"},
    ("collector", "file_interval"): {"transport": "file", "file_directory": "{d}"},
    ("collector", "tls_server_name"): {"transport": "tls"},
    ("collector", "tls_ca_file"): {"transport": "tls"},
    ("collector", "tls_certificate"): {"transport": "tls", "tls_key": "{d}/key.pem"},
    ("collector", "tls_key"): {"transport": "tls", "tls_certificate": "{d}/certificate.pem"},
    ("collector", "protocol"): {"transport": "udp"},
    ("collector", "transport"): {"file_directory": "{d}"},
    ("collector", "profile"): {"transport": "udp"},
    ("collector", "enterprise_number"): {"elements": ["octetDeltaCount", "conntrackMark"]},
    ("collector", "source_address"): {"address": "collector.example.net"},
    ("connection_log", "rotate_size"): {"to": "file", "path": "{d}/log-{n}"},
    ("connection_log", "rotate_interval"): {"to": "file", "path": "{d}/log-{n}"},
    ("connection_log", "rotate_keep"): {"to": "file", "path": "{d}/log-{n}", "rotate_size": "1MiB"},
    ("connection_log", "path"): {"to": "file"},
    ("accounting", "metrics_limit"): {"metrics_by": "host"},
    ("mark_interfaces", "mask"): {"mark": "0"},
}

OPTIONS = {
    "ctflowd": {
        "enabled": ENABLED,
        "kernel_settings": ENABLED,
        "observation_domain": (None, [("7", None)], ["4294967296", "auto", *INTEGER_BAD]),
        "log_level": ("log.level", *choice("debug", "info", "warning", "error")),
        "user": ("user", ["nobody", "daemon"], BAD_NAME),
        "threads": ("threads", *choice("one", "namespaces")),
        "receive_buffer": ("source.receive_buffer", *size(["64KiB", "1GiB", ("1kB", None)][:2], ["63KiB", "2GiB"])),
        "receive_buffer_limit": ("source.receive_buffer_limit", *size(["64KiB", "1GiB"], ["63KiB", "1025MiB"])),
        "delivery": ("source.delivery", *choice("best-effort", "reliable")),
        "batch_delay": ("source.batch_delay", *duration(["0ms", "100ms"], ["101ms"])),
        "active_timeout": ("source.active_timeout", *duration(["5s", "1h", "off"], ["4s", "61m", "0"])),
        "existing": ("source.existing", *choice("export", "skip")),
        "state_file": ("source.state_file", ["/var/run/ctflowd/state", "off"], PATH_BAD),
        "report_at_stop": ("source.report_at_stop", BOOLEAN, BOOLEAN_BAD),
        "measure": ("source.measure", *choice("auto", "off", "patch", "fentry", "netfilter")),
        "wire_counters": ("source.wire_counters", BOOLEAN, BOOLEAN_BAD),
        "live_connections": ("source.live_connections", *integer(0, 100_000_000)),
        "own_traffic": ("source.own_traffic", *choice("exclude", "include")),
        "interface_lookup": ("interfaces.lookup", *choice("routes", "constant")),
        "interface_ingress": ("interfaces.ingress", MARK32, MARK32_BAD),
        "interface_egress": ("interfaces.egress", MARK32, MARK32_BAD),
        "as_database": ("enrich.as_database", PATH, PATH_BAD),
        "user_names": ("enrich.user_names", PATH, PATH_BAD),
        "country_database": ("enrich.country_database", PATH, PATH_BAD),
        "status_socket": ("status.socket", ["/var/run/ctflowd/status.sock", "off"], ["x", "/", "/" + "a" * 107]),
        "status_listen": ("status.listen", ["off", "127.0.0.1:9995", "[::1]:9995"],
                          ["9995", "127.0.0.1", "127.0.0.1:0", "::1:9995", "name:9995", "127.0.0.1:65536"]),
        "status_hosts": ("status.hosts", [["router.example.net", "gw"], ["192.0.2.1"]],
                         [one for one in HOST_BAD if " " not in one]),
        "status_page": ("status.page", BOOLEAN, BOOLEAN_BAD),
    },
    "collector": {
        "enabled": ENABLED,
        "name": ("name", NAME, BAD_NAME),
        "address": ("address", HOST, HOST_BAD),
        "port": ("port", PORT, PORT_BAD),
        "protocol": ("protocol", ["ipfix", "netflow9", "netflow5"], ["IPFIX", "v5", "v9", "sflow"]),
        "transport": ("transport", *choice("udp", "tcp", "tls", "file")),
        "source_address": ("source_address", ["198.51.100.1", "2001:db8::5"], ["a.example", "1.2.3", "1.2.3.4/32"]),
        "bind_device": ("bind_device", DEVICE, DEVICE_BAD),
        "dscp": ("dscp", *integer(0, 63)),
        "observation_domain": ("observation_domain", ["auto", "0", "4294967295"], ["Auto", *MARK32_BAD]),
        "max_message_size": ("max_message_size", *integer(512, 65507)),
        "flush_after": ("flush_after", *duration(["1ms", ("60s", "1m")], ["0ms", "61s"])),
        "template_interval": ("template_interval", *duration(["1s", "1h"], ["999ms", "61m"])),
        "template_messages": ("template_messages", ["auto", "1", "1000000"], ["Auto", "0", "1000001", *INTEGER_BAD]),
        "sampling_options": ("sampling_options", BOOLEAN, BOOLEAN_BAD),
        "statistics_options": ("statistics_options", BOOLEAN, BOOLEAN_BAD),
        "options_interval": ("options_interval", *duration(["1s", "24h"], ["999ms", "25h"])),
        "resolve_interval": ("resolve_interval", *duration(["1s", "24h"], ["999ms", "25h"])),
        "profile": ("profile", *choice("default", "nfdump", "akvorado", "biflow", "nat-events", "minimal")),
        "elements": ("elements", [["octetDeltaCount", "packetDeltaCount"]], ["octet-delta", "a.b"]),
        "enterprise_number": ("enterprise_number", *integer(1, 4_294_967_295)),
        "next_hop": ("next_hop", BOOLEAN, BOOLEAN_BAD),
        "zones": ("zones", BOOLEAN, BOOLEAN_BAD),
        "packet_properties": ("packet_properties", BOOLEAN, BOOLEAN_BAD),
        "interface_names": ("interface_names", BOOLEAN, BOOLEAN_BAD),
        "tls_server_name": ("tls.server_name", HOST[:4], HOST_BAD),
        "tls_ca_file": ("tls.ca_file", ["{d}/certificate.pem"], PATH_BAD),
        "tls_certificate": ("tls.certificate", ["{d}/certificate.pem"], PATH_BAD),
        "tls_key": ("tls.key", ["{d}/key.pem"], PATH_BAD),
        **SPOOL,
        "file_directory": ("file.directory", ["{d}", '{d}/odd "dir" \\'], PATH_BAD),
        "file_name": ("file.name", ["flows-%Y%m%d.ipfix", 'a "b" \\ #c: d'], ["a/b", ".", "..", "x" * 101, "a\tb"]),
        "file_size": ("file.size", *size(["128KiB", "1024GiB"], ["127KiB", "1025GiB"])),
        "file_interval": ("file.interval", *duration(["1s", "24h"], ["999ms", "25h"])),
    },
    "group": {
        "enabled": ENABLED,
        "name": ("name", NAME, BAD_NAME),
        "mode": ("mode", *choice("failover", "balance")),
        "collectors": ("collectors", [["{c}", "{c}"]], ["a b/", "ä"]),
        "failback_after": ("failback_after", *duration(["1s", "1h"], ["999ms", "61m"])),
    },
    "connection_log": {
        "enabled": ENABLED,
        "name": ("name", NAME, BAD_NAME),
        "to": ("to", ["stdout", "tcp"], ["Stdout", "udp"]),
        "path": ("path", ["{d}/log-{n}", '{d}/odd "dir" \\/log-{n}'], PATH_BAD),
        "address": ("address", HOST, HOST_BAD),
        "port": ("port", PORT, PORT_BAD),
        "flush_after": ("flush_after", *duration(["1ms", ("60s", "1m")], ["0ms", "61s"])),
        "mac_addresses": ("mac_addresses", BOOLEAN, BOOLEAN_BAD),
        "network_origins": ("network_origins", BOOLEAN, BOOLEAN_BAD),
        "buffer": ("buffer", *size(["256KiB", "1GiB"], ["255KiB", "2GiB"])),
        "rotate_size": ("rotate.size", *size(["64KiB", "1024GiB", "off"][:2], ["63KiB", "1025GiB"])),
        "rotate_interval": ("rotate.interval", *duration(["1m", "744h"], ["59s", "745h"])),
        "rotate_keep": ("rotate.keep", *integer(0, 100_000)),
        **SPOOL,
    },
    "namespace": {
        "enabled": ENABLED,
        "name": ("name", NAME, BAD_NAME),
        "file": ("file", PATH, PATH_BAD),
        "observation_domain": ("observation_domain", ["auto", "5", "4294967295"], MARK32_BAD),
        "zones": ("zones", [["0", "65535"]], ["65536", "a", "01"]),
    },
    "filter": {
        "enabled": ENABLED,
        "protocols": ("protocols", [["tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "udplite", "gre", "esp", "ah", "igmp"],
                                    (["0", "255"], "[0, 255]")], ["256", "TCP", "ipip", "01"]),
        "networks": ("networks", NETWORK, NETWORK_BAD),
        "sources": ("sources", NETWORK, NETWORK_BAD),
        "destinations": ("destinations", NETWORK, NETWORK_BAD),
        "marks": ("marks", [["1", "16/255"], ["4294967295"]], ["4294967296", "1/", "/1", "0x1", "1/4294967296"]),
        # Those that exclude are shown elsewhere: the last one here.
        "action": (None, [("include", None), ("exclude", None)], ["Include", "allow"]),
    },
    "rule": {
        "enabled": ENABLED,
        "outputs": (None, [(["main"], None)], ["nobody", "main main", "Main"]),
        "name": ("name", NAME, BAD_NAME),
        "action": ("action", ["include", "exclude"], ["Include", "allow"]),
        "protocols": ("protocols", [["tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "udplite", "gre", "esp", "ah", "igmp"],
                                    (["0", "255"], "[0, 255]")], ["256", "TCP", "ipip", "01"]),
        "networks": ("networks", NETWORK, NETWORK_BAD),
        "sources": ("sources", NETWORK, NETWORK_BAD),
        "destinations": ("destinations", NETWORK, NETWORK_BAD),
        "marks": ("marks", [["1", "16/255"], ["4294967295"]], ["4294967296", "1/", "/1", "0x1", "1/4294967296"]),
        "post_nat_networks": ("post_nat_networks", NETWORK, NETWORK_BAD),
        "post_nat_sources": ("post_nat_sources", NETWORK, NETWORK_BAD),
        "post_nat_destinations": ("post_nat_destinations", NETWORK, NETWORK_BAD),
        "ports": ("ports", PORTS, PORTS_BAD),
        "source_ports": ("source_ports", PORTS, PORTS_BAD),
        "destination_ports": ("destination_ports", PORTS, PORTS_BAD),
        "interfaces": ("interfaces", INTERFACES, INTERFACES_BAD),
        "ingress_interfaces": ("ingress_interfaces", INTERFACES, INTERFACES_BAD),
        "egress_interfaces": ("egress_interfaces", INTERFACES, INTERFACES_BAD),
        "zones": ("zones", [["0", "65535"]], ["65536", "a", "01"]),
    },
    "zone_interfaces": {
        "enabled": ENABLED,
        "zone": ("zone", ["0", "65535"], ["65536", *INTEGER_BAD]),
        "vrf": ("vrf", DEVICE, DEVICE_BAD),
        "ingress": ("ingress", MARK32, MARK32_BAD),
        "egress": ("egress", MARK32, MARK32_BAD),
    },
    "mark_interfaces": {
        "enabled": ENABLED,
        "mark": ("mark", MARK32, MARK32_BAD),
        "mask": ("mask", MARK32, MARK32_BAD),
        "vrf": ("vrf", DEVICE, DEVICE_BAD),
        "ingress": ("ingress", MARK32, MARK32_BAD),
        "egress": ("egress", MARK32, MARK32_BAD),
    },
    "nat_log": {
        "enabled": ENABLED,
        "retention": ("retention", *days(["1d", "3660d"], ["3661d"])),
        "directory": ("directory", ["{d}", '{d}/odd "dir" \\'], PATH_BAD),
        "destination": ("destination", BOOLEAN, BOOLEAN_BAD),
        "log": ("log", *choice("all", "exceptions")),
        "commit_interval": ("commit_interval", *duration(["100ms", "15m"], ["99ms", "16m"])),
        "queue": ("queue", *integer(1024, 16_777_216)),
    },
    "accounting": {
        "enabled": ENABLED,
        "database": ("database", ["{d}/a.sqlite", '{d}/odd "dir" \\/b.sqlite'], PATH_BAD),
        "commit_interval": ("commit_interval", *duration(["1s", "1h"], ["999ms", "61m"])),
        "time_zone": ("time_zone", ["system", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0330>-3:30"],
                      ["Europe / Berlin", "CET\tDST", "a;b"]),
        "period": ("period", ["1", "31", "-1", "-31", "2016-01-01/14", "2026-10-01/366"],
                   ["0", "32", "-32", "m", "2016-1-1/14", "2016-01-01/0", "2016-01-01/367", "2016-13-01/7", "2016-01-01"]),
        "keep_minutes": ("retention.minutes", *duration(["1h", "744h"], ["59m", "745h"])),
        "keep_hours": ("retention.hours", *days(["31d", "35d"], ["36601d"])),
        "keep_days": ("retention.days", *days(["35d", "3650d"], ["36601d"])),
        "keep_periods": ("retention.periods", *days(["36600d", "3650d"], ["36601d"])),
        "inside": ("inside", [*NETWORK, (["lan"], '[192.168.1.0/24, 10.0.0.0/12, "fd12:3456:789a:bcd0::/60"]')],
                   [*NETWORK_BAD, "9lan", "br-lan"]),
        "networks_file": ("networks_file", ["{d}/networks"], PATH_BAD),
        "device_files": ("device_files", [["/etc/ethers", "/tmp/dhcp.leases"]], PATH_BAD),
        "metrics_by": ("metrics.by", ["host"], ["a b", "remote-network"]),
        "metrics_limit": ("metrics.limit", *integer(1, 1000)),
        "services_file": ("services_file", ["{d}/services"], PATH_BAD),
        "protocol_database": ("services[0].name", [("{d}/protocols", "HTTPS")], PATH_BAD),
    },
    "aggregate": {
        "enabled": ENABLED,
        "name": ("name", NAME, BAD_NAME),
        "by": ("by", [["host"], ["network", "service"]], ["remote-network", "a.b"]),
        "max_keys": ("max_keys", *integer(1, 1_000_000)),
    },
    "network": {
        "enabled": ENABLED,
        "name": ("name", NAME, BAD_NAME),
        "networks": ("networks", NETWORK, NETWORK_BAD),
        "quota": ("quota", *size(["1MB", "1000000GB"], ["999kB", "1000001GB"])),
    },
    "device": {
        "enabled": ENABLED,
        "name": ("name", ["laptop-anna", 'Anna\'s "old" \\ laptop: #2', "x" * 63], [" a", "a ", "x" * 64, "a\tb"]),
        "addresses": ("addresses", [["02:00:5e:00:53:01"], ["02:00:5e:00:53:01", "ff:ee:dd:cc:bb:aa"]],
                      ["00:00:00:00:00:00", "02:00:5e:00:53", "02:00:5e:00:53:01:02", "2:0:5e:0:53:1", "02005e005301",
                       "02:00:5e:00:53:0g", ":02:00:5e:00:53"]),
        "quota": ("quota", *size(["1MB", "1000000GB"], ["999kB", "1000001GB"])),
    },
    "service": {
        "enabled": ENABLED,
        "name": ("name", NAME, BAD_NAME),
        "ports": ("ports", [["tcp/1"], ["udp/65535", "sctp/5060"]], ["443", "tcp/0", "tcp/65536", "TCP/443", "tcp/", "300/1"]),
    },
}
