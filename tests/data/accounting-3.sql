-- SPDX-License-Identifier: GPL-2.0-or-later
-- A database of accounting as version 3 of its schema had it, with a row of each level and of each kind, and
-- what was missing from an interval.
CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE aggregate(id INTEGER PRIMARY KEY, name TEXT NOT NULL, keys TEXT NOT NULL,
  began INTEGER NOT NULL, UNIQUE(name, keys));
CREATE TABLE usage(level INTEGER NOT NULL, aggregate INTEGER NOT NULL, time INTEGER NOT NULL,
  key INTEGER NOT NULL, direction INTEGER NOT NULL, down_octets INTEGER NOT NULL,
  up_octets INTEGER NOT NULL, down_packets INTEGER NOT NULL, up_packets INTEGER NOT NULL,
  connections INTEGER NOT NULL, PRIMARY KEY(level, aggregate, time, key, direction)) WITHOUT ROWID;
CREATE TABLE interval(level INTEGER NOT NULL, time INTEGER NOT NULL, until INTEGER NOT NULL,
  lost_events INTEGER NOT NULL, no_counters INTEGER NOT NULL, counters_fell INTEGER NOT NULL,
  fallen_packets INTEGER NOT NULL, late INTEGER NOT NULL, PRIMARY KEY(level, time)) WITHOUT ROWID;
CREATE TABLE gap(began INTEGER NOT NULL, ended INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY(began, ended, reason)) WITHOUT ROWID;
CREATE TABLE session(id TEXT NOT NULL, direction INTEGER NOT NULL, down_octets INTEGER NOT NULL,
  up_octets INTEGER NOT NULL, down_packets INTEGER NOT NULL, up_packets INTEGER NOT NULL,
  connections INTEGER NOT NULL, PRIMARY KEY(id, direction)) WITHOUT ROWID;
CREATE TABLE device(device BLOB PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE key(id INTEGER PRIMARY KEY, aggregate INTEGER NOT NULL, kind INTEGER NOT NULL,
  host BLOB NOT NULL, network TEXT NOT NULL, interface TEXT NOT NULL, remote_interface TEXT NOT NULL,
  zone INTEGER NOT NULL, mark INTEGER NOT NULL, protocol INTEGER NOT NULL, service TEXT NOT NULL,
  remote_network TEXT NOT NULL, device BLOB NOT NULL, asn INTEGER NOT NULL, country TEXT NOT NULL,
  UNIQUE(aggregate, kind, host, network, interface, remote_interface, zone, mark, protocol, service,
    remote_network, device, asn, country));
CREATE VIEW readable_key AS SELECT id, aggregate, CASE kind WHEN 0 THEN 'key' WHEN 1 THEN 'other' ELSE 'uncounted' END AS kind, CASE length(host) WHEN 4 THEN (SELECT group_concat(octet, '.') FROM (SELECT (instr('123456789ABCDEF', substr(hex(host), 2 * n + 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(host), 2 * n + 2, 1))) AS octet FROM (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3))) WHEN 6 THEN lower(substr(hex(host), 1, 2) || ':' || substr(hex(host), 3, 2) || ':' || substr(hex(host), 5, 2) || ':' || substr(hex(host), 7, 2) || ':' || substr(hex(host), 9, 2) || ':' || substr(hex(host), 11, 2)) WHEN 16 THEN lower(substr(hex(host), 1, 4) || ':' || substr(hex(host), 5, 4) || ':' || substr(hex(host), 9, 4) || ':' || substr(hex(host), 13, 4) || ':' || substr(hex(host), 17, 4) || ':' || substr(hex(host), 21, 4) || ':' || substr(hex(host), 25, 4) || ':' || substr(hex(host), 29, 4)) END AS host, nullif(network, '') AS network, nullif(interface, '') AS interface, nullif(remote_interface, '') AS remote_interface, nullif(zone, -1) AS zone, nullif(mark, -1) AS mark, nullif(protocol, -1) AS protocol, nullif(service, '') AS service, nullif(remote_network, '') AS remote_network, CASE length(key.device) WHEN 4 THEN (SELECT group_concat(octet, '.') FROM (SELECT (instr('123456789ABCDEF', substr(hex(key.device), 2 * n + 1, 1)) * 16 + instr('123456789ABCDEF', substr(hex(key.device), 2 * n + 2, 1))) AS octet FROM (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3))) WHEN 6 THEN lower(substr(hex(key.device), 1, 2) || ':' || substr(hex(key.device), 3, 2) || ':' || substr(hex(key.device), 5, 2) || ':' || substr(hex(key.device), 7, 2) || ':' || substr(hex(key.device), 9, 2) || ':' || substr(hex(key.device), 11, 2)) WHEN 16 THEN lower(substr(hex(key.device), 1, 4) || ':' || substr(hex(key.device), 5, 4) || ':' || substr(hex(key.device), 9, 4) || ':' || substr(hex(key.device), 13, 4) || ':' || substr(hex(key.device), 17, 4) || ':' || substr(hex(key.device), 21, 4) || ':' || substr(hex(key.device), 25, 4) || ':' || substr(hex(key.device), 29, 4)) END AS device, (SELECT name FROM device WHERE device.device = key.device) AS device_name, nullif(asn, -1) AS asn, nullif(country, '') AS country FROM key
/* readable_key(id,aggregate,kind,host,network,interface,remote_interface,zone,mark,protocol,service,remote_network,device,device_name,asn,country) */;
CREATE VIEW minutes AS SELECT aggregate.name AS aggregate, strftime('%Y-%m-%dT%H:%M:%SZ', usage.time, 'unixepoch') AS begin, strftime('%Y-%m-%dT%H:%M:%SZ', interval.until, 'unixepoch') AS end, CASE usage.direction WHEN 0 THEN 'in' WHEN 1 THEN 'out' WHEN 2 THEN 'local' WHEN 3 THEN 'through' ELSE 'self' END AS direction, readable_key.kind AS kind, host, network, interface, remote_interface, zone, mark, protocol, service, remote_network, device, device_name, asn, country, down_octets, up_octets, down_packets, up_packets, connections FROM usage JOIN aggregate ON aggregate.id = usage.aggregate JOIN readable_key ON readable_key.id = usage.key JOIN interval ON interval.level = usage.level AND interval.time = usage.time WHERE usage.level = 0
/* minutes(aggregate,"begin","end",direction,kind,host,network,interface,remote_interface,zone,mark,protocol,service,remote_network,device,device_name,asn,country,down_octets,up_octets,down_packets,up_packets,connections) */;
CREATE VIEW hours AS SELECT aggregate.name AS aggregate, strftime('%Y-%m-%dT%H:%M:%SZ', usage.time, 'unixepoch') AS begin, strftime('%Y-%m-%dT%H:%M:%SZ', interval.until, 'unixepoch') AS end, CASE usage.direction WHEN 0 THEN 'in' WHEN 1 THEN 'out' WHEN 2 THEN 'local' WHEN 3 THEN 'through' ELSE 'self' END AS direction, readable_key.kind AS kind, host, network, interface, remote_interface, zone, mark, protocol, service, remote_network, device, device_name, asn, country, down_octets, up_octets, down_packets, up_packets, connections FROM usage JOIN aggregate ON aggregate.id = usage.aggregate JOIN readable_key ON readable_key.id = usage.key JOIN interval ON interval.level = usage.level AND interval.time = usage.time WHERE usage.level = 1
/* hours(aggregate,"begin","end",direction,kind,host,network,interface,remote_interface,zone,mark,protocol,service,remote_network,device,device_name,asn,country,down_octets,up_octets,down_packets,up_packets,connections) */;
CREATE VIEW days AS SELECT aggregate.name AS aggregate, strftime('%Y-%m-%dT%H:%M:%SZ', usage.time, 'unixepoch') AS begin, strftime('%Y-%m-%dT%H:%M:%SZ', interval.until, 'unixepoch') AS end, CASE usage.direction WHEN 0 THEN 'in' WHEN 1 THEN 'out' WHEN 2 THEN 'local' WHEN 3 THEN 'through' ELSE 'self' END AS direction, readable_key.kind AS kind, host, network, interface, remote_interface, zone, mark, protocol, service, remote_network, device, device_name, asn, country, down_octets, up_octets, down_packets, up_packets, connections FROM usage JOIN aggregate ON aggregate.id = usage.aggregate JOIN readable_key ON readable_key.id = usage.key JOIN interval ON interval.level = usage.level AND interval.time = usage.time WHERE usage.level = 2
/* days(aggregate,"begin","end",direction,kind,host,network,interface,remote_interface,zone,mark,protocol,service,remote_network,device,device_name,asn,country,down_octets,up_octets,down_packets,up_packets,connections) */;
CREATE VIEW periods AS SELECT aggregate.name AS aggregate, strftime('%Y-%m-%dT%H:%M:%SZ', usage.time, 'unixepoch') AS begin, strftime('%Y-%m-%dT%H:%M:%SZ', interval.until, 'unixepoch') AS end, CASE usage.direction WHEN 0 THEN 'in' WHEN 1 THEN 'out' WHEN 2 THEN 'local' WHEN 3 THEN 'through' ELSE 'self' END AS direction, readable_key.kind AS kind, host, network, interface, remote_interface, zone, mark, protocol, service, remote_network, device, device_name, asn, country, down_octets, up_octets, down_packets, up_packets, connections FROM usage JOIN aggregate ON aggregate.id = usage.aggregate JOIN readable_key ON readable_key.id = usage.key JOIN interval ON interval.level = usage.level AND interval.time = usage.time WHERE usage.level = 3
/* periods(aggregate,"begin","end",direction,kind,host,network,interface,remote_interface,zone,mark,protocol,service,remote_network,device,device_name,asn,country,down_octets,up_octets,down_packets,up_packets,connections) */;
INSERT INTO aggregate VALUES(1, 'hosts', 'host', 1792794600);
INSERT INTO aggregate VALUES(2, 'devices', 'device', 1792794600);
INSERT INTO device VALUES(x'02005e005301', 'tv');
INSERT INTO key VALUES(1, 1, 0, x'0a000005', '', '', '', -1, -1, -1, '', '', x'', -1, '');
INSERT INTO key VALUES(2, 2, 0, x'', '', '', '', -1, -1, -1, '', '', x'02005e005301', -1, '');
INSERT INTO key VALUES(3, 2, 1, x'', '', '', '', -1, -1, -1, '', '', x'', -1, '');
INSERT INTO interval VALUES(0, 1792794600, 1792794660, 0, 0, 0, 0, 0);
INSERT INTO usage VALUES(0, 1, 1792794600, 1, 1, 5000, 700, 10, 7, 3);
INSERT INTO interval VALUES(1, 1792792800, 1792796400, 0, 0, 0, 0, 0);
INSERT INTO usage VALUES(1, 1, 1792792800, 1, 1, 5000, 700, 10, 7, 3);
INSERT INTO interval VALUES(2, 1792792800, 1792879200, 0, 0, 2, 9, 0);
INSERT INTO usage VALUES(2, 1, 1792792800, 1, 1, 5000, 700, 10, 7, 3);
INSERT INTO usage VALUES(2, 2, 1792792800, 2, 1, 4000, 600, 9, 6, 2);
INSERT INTO usage VALUES(2, 2, 1792792800, 3, 1, 1000, 100, 1, 1, 1);
INSERT INTO interval VALUES(3, 1790805600, 1793487600, 0, 0, 0, 0, 0);
INSERT INTO usage VALUES(3, 1, 1790805600, 1, 1, 5000, 700, 10, 7, 3);
INSERT INTO meta VALUES('last_commit', 1792794660);
INSERT INTO gap VALUES(1792790040, 1792794600, 'not_running');
PRAGMA user_version = 3;
