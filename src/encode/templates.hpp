// SPDX-License-Identifier: GPL-2.0-or-later
// The default records: which fields a record of each kind has, and under which Template ID.
#pragma once

#include <cstdint>
#include <span>

#include "encode/encoder_options.hpp"
#include "encode/fields.hpp"

namespace ctflow {

/// A Template ID bound to a layout. Collectors keep templates for hours (over UDP there is no
/// withdrawal, RFC 7011 section 8.4), so another layout always gets another id.
struct Template {
  std::uint16_t id;
  std::span<const Field> fields;
  /// Writes all fields of one record; to be given `fields`.
  void (*encode)(WireWriter&, const Record&, std::span<const Field>);
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

/// The kind of the record of one direction. Translation is told on the initiator's record only.
RecordKind record_kind(const Record& record);

/// The compile-time layouts of the default profile, in the order in which they are sent: plain ones
/// of each kind, and behind them, if `extras`, those for connections with KernelExtras.
std::span<const Template> default_templates(Format format, const EncoderOptions& options);

/// Template ID of the first of them.
inline constexpr std::uint16_t kDefaultTemplates = 1280;

/// Template ID of the sampling options.
inline constexpr std::uint16_t kSamplingOptionsId = 290;

}  // namespace ctflow
