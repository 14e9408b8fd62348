// SPDX-License-Identifier: GPL-2.0-or-later
// What programs measured, as JSON with the names of bpf/measurement.h.
#pragma once

#include <iostream>
#include <nlohmann/json.hpp>

#include "measurement.h"

using Json = nlohmann::ordered_json;

inline Json json_of(const ctflow_direction& direction) {
  return {{"packets", direction.packets},
          {"octets", direction.octets},
          {"first", direction.first},
          {"last", direction.last},
          {"iif", direction.iif},
          {"oif", direction.oif},
          {"icmp_errors", direction.icmp_errors},
          {"length_min", direction.length_min},
          {"length_max", direction.length_max},
          {"tcp_flags", direction.tcp_flags},
          {"tos", direction.tos},
          {"ttl_min", direction.ttl_min},
          {"ttl_max", direction.ttl_max},
          {"changed", direction.changed},
          {"has_oif", direction.has_oif},
          {"has_iif", direction.has_iif}};
}

inline Json json_of(const ctflow_measured& measured) {
  return {{"direction", {json_of(measured.direction[0]), json_of(measured.direction[1])}},
          {"reported", measured.reported},
          {"reported_packets", measured.reported_packets}};
}

inline void print(const Json& line) { std::cout << line.dump() << std::endl; }
