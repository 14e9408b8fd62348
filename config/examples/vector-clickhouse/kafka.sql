-- SPDX-License-Identifier: GPL-2.0-or-later
-- Lines of a connection log from a Kafka topic, where ctflowd (../kafka.yaml) or Vector (vector-kafka.toml) puts
-- them, into the table of clickhouse.sql, which comes first and also says how long they are kept. One message is one line.
-- tests/checks/connection_log compares the columns with the schema; no ClickHouse and no Kafka has run it.
--
-- ClickHouse reads a topic at least once: after a failure a line may be in the table twice (see the end).

-- What both views below get. It keeps nothing.
CREATE TABLE IF NOT EXISTS connections_lines
(
    line String
)
ENGINE = Null;

-- What is no line of version 1 is kept apart, to be looked at, and not dropped.
CREATE TABLE IF NOT EXISTS connections_refused
(
    seen DateTime DEFAULT now(),
    line String
)
ENGINE = MergeTree
ORDER BY seen
TTL seen + INTERVAL 30 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS connections_refused_from_lines TO connections_refused AS
SELECT line
FROM connections_lines
WHERE JSONExtractUInt(line, 'v') != 1;

-- Absent numbers have no text, which is no number: NULL. Counters from 2^53 on are strings of digits.
-- toIPv6 maps IPv4 addresses (::ffff:192.0.2.1).
CREATE MATERIALIZED VIEW IF NOT EXISTS connections_from_lines TO connections AS
SELECT
    JSONExtractUInt(line, 'v') AS v,
    JSONExtractString(line, 'event') AS event,
    JSONExtractUInt(line, 'flow_id') AS flow_id,
    parseDateTime64BestEffort(JSONExtractString(line, 'start'), 3, 'UTC') AS `start`,
    parseDateTime64BestEffort(JSONExtractString(line, 'end'), 3, 'UTC') AS `end`,
    parseDateTime64BestEffort(JSONExtractString(line, 'delta_start'), 3, 'UTC') AS delta_start,
    JSONExtractString(line, 'end_reason') AS end_reason,
    JSONExtractString(line, 'family') AS family,
    JSONExtractUInt(line, 'protocol') AS protocol,
    toIPv6(JSONExtractString(line, 'initiator', 'address')) AS initiator_address,
    toUInt16OrNull(JSONExtractRaw(line, 'initiator', 'port')) AS initiator_port,
    if(JSONExtractString(line, 'initiator', 'nat', 'address') = '', NULL,
       toIPv6(if(JSONExtractString(line, 'initiator', 'nat', 'address') = '', '::', JSONExtractString(line, 'initiator', 'nat', 'address')))) AS initiator_nat_address,
    toUInt16OrNull(JSONExtractRaw(line, 'initiator', 'nat', 'port')) AS initiator_nat_port,
    JSONExtractString(line, 'initiator', 'mac') AS initiator_mac,
    toUInt32OrNull(JSONExtractRaw(line, 'initiator', 'as')) AS initiator_as,
    JSONExtractString(line, 'initiator', 'country') AS initiator_country,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'initiator', 'packets', 'delta'), '"', '')) AS initiator_packets_delta,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'initiator', 'packets', 'total'), '"', '')) AS initiator_packets_total,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'initiator', 'octets', 'delta'), '"', '')) AS initiator_octets_delta,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'initiator', 'octets', 'total'), '"', '')) AS initiator_octets_total,
    toUInt32OrNull(JSONExtractRaw(line, 'initiator', 'ingress', 'index')) AS initiator_ingress_index,
    JSONExtractString(line, 'initiator', 'ingress', 'name') AS initiator_ingress_name,
    toUInt32OrNull(JSONExtractRaw(line, 'initiator', 'egress', 'index')) AS initiator_egress_index,
    JSONExtractString(line, 'initiator', 'egress', 'name') AS initiator_egress_name,
    toIPv6(JSONExtractString(line, 'responder', 'address')) AS responder_address,
    toUInt16OrNull(JSONExtractRaw(line, 'responder', 'port')) AS responder_port,
    if(JSONExtractString(line, 'responder', 'nat', 'address') = '', NULL,
       toIPv6(if(JSONExtractString(line, 'responder', 'nat', 'address') = '', '::', JSONExtractString(line, 'responder', 'nat', 'address')))) AS responder_nat_address,
    toUInt16OrNull(JSONExtractRaw(line, 'responder', 'nat', 'port')) AS responder_nat_port,
    JSONExtractString(line, 'responder', 'mac') AS responder_mac,
    toUInt32OrNull(JSONExtractRaw(line, 'responder', 'as')) AS responder_as,
    JSONExtractString(line, 'responder', 'country') AS responder_country,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'responder', 'packets', 'delta'), '"', '')) AS responder_packets_delta,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'responder', 'packets', 'total'), '"', '')) AS responder_packets_total,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'responder', 'octets', 'delta'), '"', '')) AS responder_octets_delta,
    toUInt64OrNull(replaceAll(JSONExtractRaw(line, 'responder', 'octets', 'total'), '"', '')) AS responder_octets_total,
    toUInt32OrNull(JSONExtractRaw(line, 'responder', 'ingress', 'index')) AS responder_ingress_index,
    JSONExtractString(line, 'responder', 'ingress', 'name') AS responder_ingress_name,
    toUInt32OrNull(JSONExtractRaw(line, 'responder', 'egress', 'index')) AS responder_egress_index,
    JSONExtractString(line, 'responder', 'egress', 'name') AS responder_egress_name,
    toUInt8OrNull(JSONExtractRaw(line, 'icmp', 'type')) AS icmp_type,
    toUInt8OrNull(JSONExtractRaw(line, 'icmp', 'code')) AS icmp_code,
    toUInt16OrNull(JSONExtractRaw(line, 'icmp', 'id')) AS icmp_id,
    toUInt16OrNull(JSONExtractRaw(line, 'icmp', 'nat_id')) AS icmp_nat_id,
    JSONExtractUInt(line, 'zone') AS zone,
    toUInt16OrNull(JSONExtractRaw(line, 'reply_zone')) AS reply_zone,
    JSONExtractUInt(line, 'mark') AS mark,
    JSONExtractUInt(line, 'domain') AS domain,
    JSONExtractString(line, 'namespace') AS namespace,
    JSONExtractString(line, 'community_id') AS community_id,
    JSONExtractString(line, 'nat_community_id') AS nat_community_id
FROM connections_lines
WHERE JSONExtractUInt(line, 'v') = 1;

-- A message is taken as text, so that none stops the reading.
CREATE TABLE IF NOT EXISTS connections_topic
(
    line String
)
ENGINE = Kafka
SETTINGS kafka_broker_list = 'kafka-1.example.net:9092,kafka-2.example.net:9092',
         kafka_topic_list = 'connections',
         kafka_group_name = 'clickhouse-connections',
         kafka_format = 'LineAsString',
         kafka_num_consumers = 1;

-- Last: with it the reading begins. What is read before a view is there does not come to it.
CREATE MATERIALIZED VIEW IF NOT EXISTS connections_lines_from_topic TO connections_lines AS
SELECT line
FROM connections_topic;

-- Who had this public port at that time. A line that is there twice does not matter here. Which connection,
-- where several had the port at once: add responder_address.
-- SELECT DISTINCT initiator_address, initiator_port, `start`, `end` FROM connections
-- WHERE initiator_nat_address = toIPv6('203.0.113.7') AND initiator_nat_port = 40213 AND protocol = 6
--   AND `start` <= '2026-11-23 09:00:01' AND `end` >= '2026-11-23 08:59:59';

-- Sums count each line once.
-- SELECT initiator_address, sum(initiator_octets_delta) AS up, sum(responder_octets_delta) AS down
-- FROM
-- (
--     SELECT * FROM connections WHERE toDate(`end`) = yesterday()
--     LIMIT 1 BY domain, flow_id, event, `start`, delta_start, `end`
-- )
-- GROUP BY initiator_address ORDER BY down DESC LIMIT 10;
