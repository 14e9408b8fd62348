// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/columns.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "connection_log/community_id.hpp"
#include "connection_log/line_values.hpp"
#include "encode/record_values.hpp"
#include "text/append.hpp"
#include "text/escape.hpp"

namespace ctflow::postgresql {

struct RowSource {
  const Flow& flow;
  const LineContext& context;
  line_value::Sides sides;
};

namespace {

using text::append_address;
using text::append_number;

using line_value::Side;
using line_value::Sides;

constexpr std::string_view kNull = "\\N";

/// To the microsecond, which is all that timestamptz has.
void append_timestamp(std::string& to, TimePoint time) {
  text::append_time(to, time, ' ', text::Fraction::kMicroseconds);
  to += "+00";
}

bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '\\'; }

/// Without control characters, which COPY would take for the end of the value.
void append_escaped(std::string& to, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    to += text;
    return;
  }
  for (const char c : text::printable(text)) {
    if (c == '\\') to += '\\';
    to += c;
  }
}

void append_number_or_null(std::string& to, bool present, std::uint64_t value) {
  if (!present) {
    to += kNull;
    return;
  }
  append_number(to, value);
}

bool has_ports(const RowSource& from) {
  return record_value::has_ports(from.flow.original.protocol);
}

bool is_icmp(const RowSource& from) { return nat_event_value::is_icmp(from.flow.original); }

// Of a side.

template <Side Sides::*side>
void append_side_address(std::string& to, const RowSource& from) {
  append_address(to, from.flow.original.family, (from.sides.*side).address);
}

template <Side Sides::*side>
void append_side_port(std::string& to, const RowSource& from) {
  append_number_or_null(to, has_ports(from), (from.sides.*side).port);
}

template <Side Sides::*side>
void append_outside_address(std::string& to, const RowSource& from) {
  const Side& one = from.sides.*side;
  if (!one.translated) {
    to += kNull;
    return;
  }
  append_address(to, one.outside_family, one.outside);
}

template <Side Sides::*side>
void append_outside_port(std::string& to, const RowSource& from) {
  const Side& one = from.sides.*side;
  append_number_or_null(to, one.translated && has_ports(from), one.outside_port);
}

template <Side Sides::*side, Counters line_value::Count::*when, std::uint64_t Counters::*what>
void append_side_count(std::string& to, const RowSource& from) {
  append_number_or_null(to, from.flow.present.counters, (from.sides.*side).count.*when.*what);
}

template <Side Sides::*side, std::uint32_t Interfaces::*where>
void append_side_interface(std::string& to, const RowSource& from) {
  const std::uint32_t index = (from.sides.*side).interfaces.*where;
  append_number_or_null(to, index != 0, index);
}

template <Side Sides::*side, std::uint32_t Interfaces::*where>
void append_side_interface_name(std::string& to, const RowSource& from) {
  const std::uint32_t index = (from.sides.*side).interfaces.*where;
  const InterfaceNames* const names = from.context.names;
  if (index != 0 && names != nullptr) {
    const auto found = names->entries().find(index);
    if (found != names->entries().end()) {
      append_escaped(to, found->second.name);
      return;
    }
  }
  to += kNull;
}

template <Side Sides::*side>
void append_side_mac(std::string& to, const RowSource& from) {
  const std::uint64_t mac = (from.sides.*side).mac;
  if (!from.context.mac_addresses || mac == 0) {
    to += kNull;
    return;
  }
  text::append_mac(to, mac);
}

template <Side Sides::*side>
void append_side_as(std::string& to, const RowSource& from) {
  const std::uint32_t number = (from.sides.*side).origin.as_number;
  append_number_or_null(to, from.context.network_origins && number != 0, number);
}

template <Side Sides::*side>
void append_side_country(std::string& to, const RowSource& from) {
  const std::string_view country = record_value::country_of((from.sides.*side).origin);
  if (!from.context.network_origins || country.empty()) {
    to += kNull;
    return;
  }
  append_escaped(to, country);  // a file of others says what it is
}

// The rest.

void append_reported(std::string& to, const RowSource& from) {
  append_timestamp(to, from.flow.event_time);
}
void append_event(std::string& to, const RowSource& from) {
  to += line_value::event_name(from.flow);
}
void append_flow_id(std::string& to, const RowSource& from) { append_number(to, from.flow.id); }
void append_start(std::string& to, const RowSource& from) {
  append_timestamp(to, line_value::begun(from.flow));
}
void append_end(std::string& to, const RowSource& from) { append_timestamp(to, from.flow.end); }
void append_delta_start(std::string& to, const RowSource& from) {
  append_timestamp(to, line_value::delta_start(from.flow));
}
void append_end_reason(std::string& to, const RowSource& from) {
  to += line_value::end_reason_name(from.flow.end_reason);
}
void append_protocol(std::string& to, const RowSource& from) {
  append_number(to, from.flow.original.protocol);
}
void append_icmp_type(std::string& to, const RowSource& from) {
  append_number_or_null(to, is_icmp(from), from.flow.original.icmp_type);
}
void append_icmp_code(std::string& to, const RowSource& from) {
  append_number_or_null(to, is_icmp(from), from.flow.original.icmp_code);
}
void append_icmp_id(std::string& to, const RowSource& from) {
  append_number_or_null(to, is_icmp(from), from.flow.original.icmp_id);
}
void append_icmp_nat_id(std::string& to, const RowSource& from) {
  append_number_or_null(to, is_icmp(from) && translated(from.flow), from.flow.reply.icmp_id);
}
void append_zone(std::string& to, const RowSource& from) {
  append_number(to, from.flow.original.zone);
}
void append_reply_zone(std::string& to, const RowSource& from) {
  const Flow& flow = from.flow;
  append_number_or_null(to, flow.reply.zone != flow.original.zone, flow.reply.zone);
}
void append_mark(std::string& to, const RowSource& from) { append_number(to, from.flow.mark); }
void append_domain(std::string& to, const RowSource& from) {
  append_number(to, from.context.observation_domain);
}
void append_namespace(std::string& to, const RowSource& from) {
  if (from.context.network_namespace.empty()) {
    to += kNull;
  } else {
    append_escaped(to, from.context.network_namespace);
  }
}
void append_community_id(std::string& to, const RowSource& from) {
  to += CommunityId(from.flow.original).text();
}
void append_nat_community_id(std::string& to, const RowSource& from) {
  if (translated(from.flow)) {
    to += CommunityId(from.flow.reply).text();
  } else {
    to += kNull;
  }
}

constexpr auto kInitiator = &Sides::initiator;
constexpr auto kResponder = &Sides::responder;
constexpr auto kDelta = &line_value::Count::delta;
constexpr auto kTotal = &line_value::Count::total;
constexpr auto kPackets = &Counters::packets;
constexpr auto kOctets = &Counters::octets;
constexpr auto kIngress = &Interfaces::ingress;
constexpr auto kEgress = &Interfaces::egress;

constexpr const char* kTime = "timestamptz NOT NULL";

/// `end` is a reserved word of SQL, so the two times have other names than in a line.
constexpr std::array kColumns{
    Column{"reported", kTime, append_reported},
    Column{"event", "text NOT NULL", append_event},
    Column{"flow_id", "bigint NOT NULL", append_flow_id},
    Column{"start_time", kTime, append_start},
    Column{"end_time", kTime, append_end},
    Column{"delta_start", kTime, append_delta_start},
    Column{"end_reason", "text NOT NULL", append_end_reason},
    Column{"protocol", "smallint NOT NULL", append_protocol},
    Column{"initiator_address", "inet NOT NULL", append_side_address<kInitiator>},
    Column{"initiator_port", "integer", append_side_port<kInitiator>},
    Column{"initiator_nat_address", "inet", append_outside_address<kInitiator>},
    Column{"initiator_nat_port", "integer", append_outside_port<kInitiator>},
    Column{"initiator_packets_delta", "bigint", append_side_count<kInitiator, kDelta, kPackets>},
    Column{"initiator_packets_total", "bigint", append_side_count<kInitiator, kTotal, kPackets>},
    Column{"initiator_octets_delta", "bigint", append_side_count<kInitiator, kDelta, kOctets>},
    Column{"initiator_octets_total", "bigint", append_side_count<kInitiator, kTotal, kOctets>},
    Column{"initiator_ingress_index", "bigint", append_side_interface<kInitiator, kIngress>},
    Column{"initiator_ingress_name", "text", append_side_interface_name<kInitiator, kIngress>},
    Column{"initiator_egress_index", "bigint", append_side_interface<kInitiator, kEgress>},
    Column{"initiator_egress_name", "text", append_side_interface_name<kInitiator, kEgress>},
    Column{"responder_address", "inet NOT NULL", append_side_address<kResponder>},
    Column{"responder_port", "integer", append_side_port<kResponder>},
    Column{"responder_nat_address", "inet", append_outside_address<kResponder>},
    Column{"responder_nat_port", "integer", append_outside_port<kResponder>},
    Column{"responder_packets_delta", "bigint", append_side_count<kResponder, kDelta, kPackets>},
    Column{"responder_packets_total", "bigint", append_side_count<kResponder, kTotal, kPackets>},
    Column{"responder_octets_delta", "bigint", append_side_count<kResponder, kDelta, kOctets>},
    Column{"responder_octets_total", "bigint", append_side_count<kResponder, kTotal, kOctets>},
    Column{"responder_ingress_index", "bigint", append_side_interface<kResponder, kIngress>},
    Column{"responder_ingress_name", "text", append_side_interface_name<kResponder, kIngress>},
    Column{"responder_egress_index", "bigint", append_side_interface<kResponder, kEgress>},
    Column{"responder_egress_name", "text", append_side_interface_name<kResponder, kEgress>},
    Column{"icmp_type", "smallint", append_icmp_type},
    Column{"icmp_code", "smallint", append_icmp_code},
    Column{"icmp_id", "integer", append_icmp_id},
    Column{"icmp_nat_id", "integer", append_icmp_nat_id},
    Column{"zone", "integer NOT NULL", append_zone},
    Column{"reply_zone", "integer", append_reply_zone},
    Column{"mark", "bigint NOT NULL", append_mark},
    Column{"domain", "bigint NOT NULL", append_domain},
    Column{"namespace", "text", append_namespace},
    Column{"community_id", "text NOT NULL", append_community_id},
    Column{"nat_community_id", "text", append_nat_community_id},
    Column{"initiator_mac", "macaddr", append_side_mac<kInitiator>},
    Column{"initiator_as", "bigint", append_side_as<kInitiator>},
    Column{"initiator_country", "text", append_side_country<kInitiator>},
    Column{"responder_mac", "macaddr", append_side_mac<kResponder>},
    Column{"responder_as", "bigint", append_side_as<kResponder>},
    Column{"responder_country", "text", append_side_country<kResponder>},
};

}  // namespace

std::span<const Column> columns() { return kColumns; }

void append_row(std::string& to, const Flow& flow, const LineContext& context) {
  const RowSource source{flow, context, line_value::sides_of(flow)};
  for (const Column& column : kColumns) {
    column.append(to, source);
    to += '\t';
  }
  to.back() = '\n';
}

ExportAmount amount_of_row(std::string_view row) {
  ExportAmount amount{.messages = 1, .flows = 1, .records = 1};
  if (!row.empty() && row.back() == '\n') row.remove_suffix(1);
  for (const Column& column : kColumns) {
    const std::string_view value = row.substr(0, row.find('\t'));
    const std::string_view name = column.name;
    std::uint64_t number = 0;
    std::from_chars(value.data(), value.data() + value.size(), number);  // \N: stays 0
    if (name.ends_with("_packets_delta")) amount.packets += number;
    if (name.ends_with("_octets_delta")) amount.octets += number;
    row.remove_prefix(std::min(value.size() + 1, row.size()));
  }
  return amount;
}

}  // namespace ctflow::postgresql
