-- SPDX-License-Identifier: GPL-2.0-or-later
-- The table for lines of a connection log, one column for each field (docs/connection-log.md).
-- tests/checks/connection_log compares the columns with the schema; no ClickHouse has run it.
--
-- Absent fields are NULL, absent words are empty. IPv4 addresses are mapped (::ffff:192.0.2.1), so that
-- one column has both families.
CREATE TABLE IF NOT EXISTS connections
(
    v                       UInt8,
    event                   LowCardinality(String),
    flow_id                 UInt32,
    `start`                 DateTime64(3, 'UTC'),
    `end`                   DateTime64(3, 'UTC'),
    delta_start             DateTime64(3, 'UTC'),
    end_reason              LowCardinality(String),
    family                  LowCardinality(String),
    protocol                UInt8,
    initiator_address       IPv6,
    initiator_port          Nullable(UInt16),
    initiator_nat_address   Nullable(IPv6),
    initiator_nat_port      Nullable(UInt16),
    initiator_mac           String,
    initiator_as            Nullable(UInt32),
    initiator_country       LowCardinality(String),
    initiator_packets_delta Nullable(UInt64),
    initiator_packets_total Nullable(UInt64),
    initiator_octets_delta  Nullable(UInt64),
    initiator_octets_total  Nullable(UInt64),
    initiator_ingress_index Nullable(UInt32),
    initiator_ingress_name  LowCardinality(String),
    initiator_egress_index  Nullable(UInt32),
    initiator_egress_name   LowCardinality(String),
    responder_address       IPv6,
    responder_port          Nullable(UInt16),
    responder_nat_address   Nullable(IPv6),
    responder_nat_port      Nullable(UInt16),
    responder_mac           String,
    responder_as            Nullable(UInt32),
    responder_country       LowCardinality(String),
    responder_packets_delta Nullable(UInt64),
    responder_packets_total Nullable(UInt64),
    responder_octets_delta  Nullable(UInt64),
    responder_octets_total  Nullable(UInt64),
    responder_ingress_index Nullable(UInt32),
    responder_ingress_name  LowCardinality(String),
    responder_egress_index  Nullable(UInt32),
    responder_egress_name   LowCardinality(String),
    icmp_type               Nullable(UInt8),
    icmp_code               Nullable(UInt8),
    icmp_id                 Nullable(UInt16),
    icmp_nat_id             Nullable(UInt16),
    zone                    UInt16,
    reply_zone              Nullable(UInt16),
    mark                    UInt32,
    domain                  UInt32,
    namespace               LowCardinality(String),
    community_id            String,
    nat_community_id        String
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(`end`)
ORDER BY (initiator_address, `end`)
-- How long lines are kept. What the law asks for differs.
TTL toDateTime(`end`) + INTERVAL 30 DAY;

-- Who used how much yesterday: deltas of all lines add up, whatever their event.
-- SELECT initiator_address, sum(initiator_octets_delta) AS up, sum(responder_octets_delta) AS down
-- FROM connections WHERE toDate(`end`) = yesterday() GROUP BY initiator_address ORDER BY down DESC LIMIT 10;

-- Who had this public port at that time.
-- SELECT DISTINCT initiator_address, initiator_port, `start`, `end` FROM connections
-- WHERE initiator_nat_address = toIPv6('203.0.113.7') AND initiator_nat_port = 40213 AND protocol = 6
--   AND `start` <= '2026-11-23 09:00:01' AND `end` >= '2026-11-23 08:59:59';
