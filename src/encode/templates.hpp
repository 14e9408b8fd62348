// SPDX-License-Identifier: GPL-2.0-or-later
// The default template set: which fields a record of each kind has, and under which Template ID.
#pragma once

#include <cstdint>
#include <span>

#include "encode/fields.hpp"

namespace ctflow {

/// A Template ID bound to a layout. Collectors keep templates for hours (over UDP there is no
/// withdrawal, RFC 7011 section 8.4), so another layout always gets another id.
struct Template {
  std::uint16_t id;
  std::span<const Field> fields;
  /// Writes all fields of one record.
  void (*encode)(WireWriter&, const Record&);
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

struct EncoderOptions {
  std::uint32_t observation_domain = 0;  ///< Observation Domain ID, or Source ID in NetFlow v9
  bool zones = false;                    ///< add ingressVRFID and egressVRFID to every record
  /// Additional templates for connections with KernelExtras: class of service, TCP control bits.
  bool extras = false;
  /// With `extras`: minimum and maximum TTL and packet length, too.
  bool packet_properties = false;
};

/// The templates for these options, in the order in which they are sent.
std::span<const Template> ipfix_templates(const EncoderOptions& options);
std::span<const Template> netflow9_templates(const EncoderOptions& options);

/// Which of `templates` fits a record.
const Template& choose_template(std::span<const Template> templates, const Record& record);

/// Template ID of the sampling options.
inline constexpr std::uint16_t kSamplingOptionsId = 290;

}  // namespace ctflow
