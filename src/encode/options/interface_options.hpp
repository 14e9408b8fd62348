// SPDX-License-Identifier: GPL-2.0-or-later
// Names of interfaces as options (RFC 7011 section 3.4.2.2, RFC 3954 section 6.1), in the one
// layout that nfdump 1.7.1 reads: the exporter as scope, then 10, 82 and 83 with fixed lengths, and
// a Data Set for each record.
#pragma once

#include <cstdint>
#include <string_view>

#include "wire/wire_writer.hpp"

namespace ctflow {

/// Template ID of the interface names.
inline constexpr std::uint16_t kInterfaceOptionsId = 291;

/// The Options Template Record, without Set header.
void write_ipfix_interface_template(WireWriter& writer);
void write_netflow9_interface_template(WireWriter& writer);

/// One record. `scope`: Observation Domain ID, or Source ID. A name has at most 15 octets.
void write_interface_record(WireWriter& writer, std::uint32_t scope, std::uint32_t index,
                            std::string_view name);

}  // namespace ctflow
