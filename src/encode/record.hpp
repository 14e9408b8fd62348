// SPDX-License-Identifier: GPL-2.0-or-later
// What one Data Record describes, and which kinds of record there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ctflow/encoder.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

/// One direction of a flow report.
struct Record {
  const Flow& flow;
  bool initiator;  ///< true: original direction; false: the responder's, mirrored
};

/// What an options record is about. Each layout takes its part.
struct OptionsRecord {
  std::uint32_t observation_domain = 0;
  std::uint32_t exporting_process = 0;  ///< exportingProcessId, unique on this host
  ExportStatistics statistics{};
  std::uint32_t interface = 0;        ///< ifIndex
  std::string_view interface_name{};  ///< a longer one than 15 octets is cut
};

/// The kinds of record, in the order of the templates.
enum class RecordKind : std::uint8_t {
  kIpv4,
  kIpv4Nat,
  kIpv4Icmp,
  kIpv4IcmpNat,
  kIpv6,
  kIpv6Nat,
  kNat64,
  kIpv6Icmp,
  kIpv6IcmpNat,
  kIcmpNat64,
};
inline constexpr std::size_t kRecordKinds = 10;

constexpr bool is_ipv4(RecordKind kind) { return kind <= RecordKind::kIpv4IcmpNat; }
constexpr bool is_nat64(RecordKind kind) {
  return kind == RecordKind::kNat64 || kind == RecordKind::kIcmpNat64;
}
/// Only records of the initiator are of such a kind: the responder's have no translated addresses.
constexpr bool is_translated(RecordKind kind) {
  return kind == RecordKind::kIpv4Nat || kind == RecordKind::kIpv4IcmpNat ||
         kind == RecordKind::kIpv6Nat || kind == RecordKind::kIpv6IcmpNat || is_nat64(kind);
}

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

/// The kind of a record whose addresses are not translated.
inline RecordKind untranslated_kind(const Tuple& original) {
  if (original.family == AddressFamily::kIpv4) {
    return original.protocol == kProtocolIcmp ? RecordKind::kIpv4Icmp : RecordKind::kIpv4;
  }
  return original.protocol == kProtocolIcmpv6 ? RecordKind::kIpv6Icmp : RecordKind::kIpv6;
}

inline RecordKind record_kind(const Record& record) {
  const Tuple& original = record.flow.original;
  if (!record.initiator || !translated(record.flow)) return untranslated_kind(original);
  if (original.family == AddressFamily::kIpv4) {
    return original.protocol == kProtocolIcmp ? RecordKind::kIpv4IcmpNat : RecordKind::kIpv4Nat;
  }
  const bool nat64 = record.flow.reply.family == AddressFamily::kIpv4;
  if (original.protocol == kProtocolIcmpv6) {
    return nat64 ? RecordKind::kIcmpNat64 : RecordKind::kIpv6IcmpNat;
  }
  return nat64 ? RecordKind::kNat64 : RecordKind::kIpv6Nat;
}

/// For messages to users.
std::string_view name_of(RecordKind kind);

/// Kinds of translation, by the families before and after it.
enum class TranslationKind : std::uint8_t { kNat44, kNat66, kNat64 };
inline constexpr std::size_t kTranslationKinds = 3;

constexpr TranslationKind translation_kind(const Flow& flow) {
  if (flow.original.family == AddressFamily::kIpv4) return TranslationKind::kNat44;
  return flow.reply.family == AddressFamily::kIpv4 ? TranslationKind::kNat64
                                                   : TranslationKind::kNat66;
}

}  // namespace ctflow
