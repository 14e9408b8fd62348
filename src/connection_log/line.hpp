// SPDX-License-Identifier: GPL-2.0-or-later
// One flow report as one line of JSON. docs/connection-log.md has the fields, and
// docs/connection-log.schema.json their types; both are compared with this in the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ctflow/flow.hpp"
#include "ctflow/interface_names.hpp"

namespace ctflow {

/// What lines have beside the flow report.
struct LineContext {
  std::uint32_t observation_domain = 0;
  std::string_view network_namespace{};   ///< empty: the one that we run in
  const InterfaceNames* names = nullptr;  ///< null: not known
  bool mac_addresses = false;             ///< lines have those that are known
  bool network_origins = false;           ///< … and AS numbers and countries
};

/// No line is longer, names of interfaces with escapes included.
inline constexpr std::size_t kLongestLine = 4096;

/// Appends the line of a report or end, with its line feed. Of reports without counters the lines
/// have none. Does not allocate where `to` has room for kLongestLine.
void append_line(std::string& to, const Flow& flow, const LineContext& context);

/// The `community_id` of such a line: the same in all lines of a connection.
std::string_view community_id_of(std::string_view line);

}  // namespace ctflow
