// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/options/interface_options.hpp"

#include <algorithm>
#include <cstring>

namespace ctflow {
namespace {

constexpr std::uint16_t kScopeSystem = 1;  // RFC 3954 section 6.1
constexpr std::uint16_t kObservationDomainId = 149;
constexpr std::uint16_t kIngressInterface = 10;
constexpr std::uint16_t kInterfaceName = 82;
constexpr std::uint16_t kInterfaceDescription = 83;

/// IFNAMSIZ: the name and at least one zero behind it.
constexpr std::uint16_t kNameLength = 16;

void write_specifiers(WireWriter& writer, std::uint16_t scope) {
  writer.u16(scope);
  writer.u16(4);
  writer.u16(kIngressInterface);
  writer.u16(4);
  writer.u16(kInterfaceName);
  writer.u16(kNameLength);
  writer.u16(kInterfaceDescription);
  writer.u16(kNameLength);
}

void write_name(WireWriter& writer, std::string_view name) {
  std::byte* room = writer.claim(kNameLength);
  if (room == nullptr) return;
  std::memset(room, 0, kNameLength);
  std::memcpy(room, name.data(), std::min<std::size_t>(name.size(), kNameLength - 1));
}

}  // namespace

void write_ipfix_interface_template(WireWriter& writer) {
  writer.u16(kInterfaceOptionsId);
  writer.u16(4);  // fields
  writer.u16(1);  // of which scope fields
  write_specifiers(writer, kObservationDomainId);
}

void write_netflow9_interface_template(WireWriter& writer) {
  writer.u16(kInterfaceOptionsId);
  writer.u16(4);   // octets of scope fields
  writer.u16(12);  // octets of option fields
  write_specifiers(writer, kScopeSystem);
}

void write_interface_record(WireWriter& writer, std::uint32_t scope, std::uint32_t index,
                            std::string_view name) {
  writer.u32(scope);
  writer.u32(index);
  write_name(writer, name);
  write_name(writer, name);  // nfdump takes no record without a description
}

}  // namespace ctflow
