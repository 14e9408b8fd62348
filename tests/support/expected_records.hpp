// SPDX-License-Identifier: GPL-2.0-or-later
// What a collector must read for a flow: the record model of docs/protocol.md once more, as text.
//
// A record is a list of `element:length=hexadecimal`, so that a mismatch names the element.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ctflow/flow.hpp"
#include "ctflow/protocol.hpp"
#include "fmt/format.h"
#include "support/message_parser.hpp"

namespace ctflow::test {

using RecordText = std::vector<std::string>;  ///< template id first, then one line per field

/// NetFlow v9's relative times appear as the milliseconds since 1970 that the collector computes.
inline RecordText text_of(const ParsedRecord& record, const ParsedMessage& message) {
  RecordText text{fmt::format("template {}", record.template_id)};
  for (const ParsedField& field : record.fields) {
    const auto element = field.specifier.element;
    if (message.version == 9 && (element == 21 || element == 22)) {
      text.push_back(
          fmt::format("{}:{} at {} ms", element, field.specifier.length,
                      message.base_ms() + static_cast<std::int64_t>(record.number(element))));
      continue;
    }
    text.push_back(fmt::format("{}:{}=", element, field.specifier.length));
    for (const std::uint8_t octet : field.octets) {
      text.back() += fmt::format("{:02x}", octet);
    }
  }
  return text;
}

inline std::vector<RecordText> texts_of(const ParsedMessage& message) {
  std::vector<RecordText> all;
  for (const ParsedRecord& record : message.records()) {
    all.push_back(text_of(record, message));
  }
  return all;
}

namespace expected {

inline std::string number(int element, int octets, std::uint64_t value) {
  return fmt::format("{}:{}={:0{}x}", element, octets, value, octets * 2);
}

inline std::string address(int element, const IpAddress& value, int octets) {
  std::string text = fmt::format("{}:{}=", element, octets);
  for (std::size_t i = 0; i < static_cast<std::size_t>(octets); ++i) {
    text += fmt::format("{:02x}", value.octets.at(i));
  }
  return text;
}

inline std::int64_t floor_ms(TimePoint time) {
  return std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count();
}

inline bool has_ports(std::uint8_t protocol) {
  return protocol == 6 || protocol == 17 || protocol == 136 || protocol == 132 || protocol == 33;
}

inline bool is_icmp(const Flow& flow) {
  const bool v4 = flow.original.family == AddressFamily::kIpv4;
  return flow.original.protocol == (v4 ? 1 : 58);
}

inline int template_of(const Flow& flow, bool initiator) {
  const bool v4 = flow.original.family == AddressFamily::kIpv4;
  const bool icmp = is_icmp(flow);
  if (!initiator || !translated(flow)) {
    return v4 ? (icmp ? 1282 : 1280) : (icmp ? 1287 : 1284);
  }
  if (v4) {
    return icmp ? 1283 : 1281;
  }
  const bool nat64 = flow.reply.family == AddressFamily::kIpv4;
  return nat64 ? (icmp ? 1289 : 1286) : (icmp ? 1288 : 1285);
}

inline RecordText record(const Flow& flow, bool initiator, Protocol protocol, bool zones) {
  const Tuple& way = flow.original;
  const bool ipfix = protocol == Protocol::kIpfix;
  const bool v4 = way.family == AddressFamily::kIpv4;
  const bool ports = has_ports(way.protocol);
  const Counters& counters = initiator ? flow.original_counters : flow.reply_counters;
  const int id = template_of(flow, initiator);
  const int octets = v4 ? 4 : 16;
  const auto port = [ports](std::uint16_t value) { return ports ? value : std::uint16_t{0}; };

  RecordText text{fmt::format("template {}", id + (zones ? 64 : 0))};
  text.push_back(address(v4 ? 8 : 27, initiator ? way.source : way.destination, octets));
  text.push_back(address(v4 ? 12 : 28, initiator ? way.destination : way.source, octets));
  text.push_back(number(1, 8, counters.octets));
  text.push_back(number(2, 8, counters.packets));
  if (ipfix) {
    text.push_back(number(152, 8, static_cast<std::uint64_t>(floor_ms(flow.start))));
    text.push_back(number(153, 8, static_cast<std::uint64_t>(floor_ms(flow.end))));
  } else {
    text.push_back(fmt::format("22:4 at {} ms", floor_ms(flow.start)));
    text.push_back(fmt::format("21:4 at {} ms", floor_ms(flow.end)));
  }
  const Interfaces& interfaces = initiator ? flow.original_interfaces : flow.reply_interfaces;
  text.push_back(number(10, 4, interfaces.ingress));
  text.push_back(number(14, 4, interfaces.egress));
  text.push_back(number(7, 2, port(initiator ? way.source_port : way.destination_port)));
  text.push_back(number(11, 2, port(initiator ? way.destination_port : way.source_port)));
  text.push_back(number(4, 1, way.protocol));
  text.push_back(number(136, 1, static_cast<std::uint8_t>(flow.end_reason)));
  if (ipfix) {
    text.push_back(number(148, 8, flow.id));
  }
  if (initiator && translated(flow)) {
    const bool post4 = flow.reply.family == AddressFamily::kIpv4;
    text.push_back(address(post4 ? 225 : 281, flow.reply.destination, post4 ? 4 : 16));
    text.push_back(address(post4 ? 226 : 282, flow.reply.source, post4 ? 4 : 16));
    text.push_back(number(227, 2, port(flow.reply.destination_port)));
    text.push_back(number(228, 2, port(flow.reply.source_port)));
  }
  if (is_icmp(flow)) {
    const Tuple& icmp = initiator ? flow.original : flow.reply;
    text.push_back(number(ipfix && !v4 ? 139 : 32, 2,
                          static_cast<std::uint64_t>(icmp.icmp_type) * 256 + icmp.icmp_code));
  }
  if (zones) {
    text.push_back(number(234, 4, initiator ? flow.original.zone : flow.reply.zone));
    text.push_back(number(235, 4, initiator ? flow.reply.zone : flow.original.zone));
  }
  return text;
}

}  // namespace expected

/// One or two records, the initiator's first; none of a direction in which nothing came.
inline std::vector<RecordText> expected_records(const Flow& flow, Protocol protocol, bool zones) {
  std::vector<RecordText> all;
  if (flow.original_counters.packets > 0 || flow.reply_counters.packets == 0) {
    all.push_back(expected::record(flow, true, protocol, zones));
  }
  if (flow.reply_counters.packets > 0) {
    all.push_back(expected::record(flow, false, protocol, zones));
  }
  return all;
}

}  // namespace ctflow::test
