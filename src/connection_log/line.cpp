// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/line.hpp"

#include "connection_log/community_id.hpp"
#include "connection_log/json_text.hpp"
#include "connection_log/line_values.hpp"
#include "encode/record_values.hpp"

namespace ctflow {
namespace {

using json_text::append_address;
using json_text::append_mac;
using json_text::append_number;
using json_text::append_text;
using json_text::append_time;

using line_value::Side;

void append_interface(std::string& to, std::string_view key, std::uint32_t index,
                      const InterfaceNames* names) {
  if (index == 0) return;
  to += ",\"";
  to += key;
  to += "\":{\"index\":";
  append_number(to, index);
  if (names != nullptr) {
    const auto found = names->entries().find(index);
    if (found != names->entries().end()) {
      to += ",\"name\":";
      append_text(to, found->second.name);
    }
  }
  to += '}';
}

void append_count(std::string& to, std::string_view key, std::uint64_t delta, std::uint64_t total) {
  to += ",\"";
  to += key;
  to += "\":{\"delta\":";
  append_number(to, delta);
  to += ",\"total\":";
  append_number(to, total);
  to += '}';
}

void append_port(std::string& to, const Flow& flow, std::uint16_t port) {
  if (!record_value::has_ports(flow.original.protocol)) return;
  to += ",\"port\":";
  append_number(to, port);
}

void append_translation(std::string& to, const Flow& flow, const Side& side) {
  to += ",\"nat\":{\"address\":";
  append_address(to, side.outside_family, side.outside);
  append_port(to, flow, side.outside_port);
  to += '}';
}

void append_origin(std::string& to, const NetworkOrigin& origin) {
  if (origin.as_number != 0) {
    to += ",\"as\":";
    append_number(to, origin.as_number);
  }
  const std::string_view country = record_value::country_of(origin);
  if (country.empty()) return;
  to += ",\"country\":";
  append_text(to, country);  // a file of others says what it is
}

void append_side(std::string& to, const Flow& flow, const Side& side, const LineContext& context) {
  to += ",\"";
  to += side.name;
  to += "\":{\"address\":";
  append_address(to, flow.original.family, side.address);
  append_port(to, flow, side.port);
  if (side.translated) append_translation(to, flow, side);
  if (context.mac_addresses && side.mac != 0) {
    to += ",\"mac\":";
    append_mac(to, side.mac);
  }
  if (context.network_origins) append_origin(to, side.origin);
  if (flow.present.counters) {
    append_count(to, "packets", side.count.delta.packets, side.count.total.packets);
    append_count(to, "octets", side.count.delta.octets, side.count.total.octets);
  }
  append_interface(to, "ingress", side.interfaces.ingress, context.names);
  append_interface(to, "egress", side.interfaces.egress, context.names);
  to += '}';
}

void append_sides(std::string& to, const Flow& flow, const LineContext& context) {
  const line_value::Sides sides = line_value::sides_of(flow);
  append_side(to, flow, sides.initiator, context);
  append_side(to, flow, sides.responder, context);
}

void append_icmp(std::string& to, const Flow& flow) {
  if (!nat_event_value::is_icmp(flow.original)) return;
  to += ",\"icmp\":{\"type\":";
  append_number(to, flow.original.icmp_type);
  to += ",\"code\":";
  append_number(to, flow.original.icmp_code);
  to += ",\"id\":";
  append_number(to, flow.original.icmp_id);
  if (translated(flow)) {
    to += ",\"nat_id\":";
    append_number(to, flow.reply.icmp_id);
  }
  to += '}';
}

void append_times(std::string& to, const Flow& flow) {
  to += ",\"start\":";
  append_time(to, line_value::begun(flow));
  to += ",\"end\":";
  append_time(to, flow.end);
  to += ",\"delta_start\":";
  append_time(to, line_value::delta_start(flow));
  to += ",\"end_reason\":\"";
  to += line_value::end_reason_name(flow.end_reason);
  to += '"';
}

void append_key(std::string& to, const Flow& flow) {
  to += ",\"family\":";
  to += flow.original.family == AddressFamily::kIpv4 ? "\"ipv4\"" : "\"ipv6\"";
  to += ",\"protocol\":";
  append_number(to, flow.original.protocol);
}

void append_place(std::string& to, const Flow& flow, const LineContext& context) {
  to += ",\"zone\":";
  append_number(to, flow.original.zone);
  if (flow.reply.zone != flow.original.zone) {
    to += ",\"reply_zone\":";
    append_number(to, flow.reply.zone);
  }
  to += ",\"mark\":";
  append_number(to, flow.mark);
  to += ",\"domain\":";
  append_number(to, context.observation_domain);
  if (!context.network_namespace.empty()) {
    to += ",\"namespace\":";
    append_text(to, context.network_namespace);
  }
}

void append_ids(std::string& to, const Flow& flow) {
  to += ",\"community_id\":\"";
  to += CommunityId(flow.original).text();
  if (translated(flow)) {
    to += "\",\"nat_community_id\":\"";
    to += CommunityId(flow.reply).text();
  }
  to += '"';
}

}  // namespace

void append_line(std::string& to, const Flow& flow, const LineContext& context) {
  to += R"({"v":1,"event":")";
  to += line_value::event_name(flow);
  to += R"(","flow_id":)";
  append_number(to, flow.id);
  append_times(to, flow);
  append_key(to, flow);
  append_sides(to, flow, context);
  append_icmp(to, flow);
  append_place(to, flow, context);
  append_ids(to, flow);
  to += "}\n";
}

std::string_view community_id_of(std::string_view line) {
  // No text of others follows it; in that, quotes are escaped.
  constexpr std::string_view kKey = "\"community_id\":\"";
  const std::size_t key = line.rfind(kKey);
  if (key == std::string_view::npos) return {};
  line.remove_prefix(key + kKey.size());
  return line.substr(0, line.find('"'));
}

}  // namespace ctflow
