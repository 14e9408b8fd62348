// SPDX-License-Identifier: GPL-2.0-or-later
// The layouts of the default profile: which fields a record of each kind has, and under which
// Template ID.
#pragma once

#include <cstdint>
#include <span>

#include "encode/encoder_options.hpp"
#include "encode/field.hpp"
#include "encode/record.hpp"
#include "encode/template_ids.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow {

/// A Template ID bound to a layout.
struct Template {
  std::uint16_t id;
  std::uint16_t length;  ///< octets of a record, of the longest where they differ
  std::span<const Field> fields;
  /// Writes all fields of one record; called with the template itself.
  void (*encode)(WireWriter&, const Record&, const Template&);
  /// Writes the initiator's record and behind it the responder's, which have the same template.
  /// `room`: twice `length`. Null: responders have no such record, or records differ in length.
  void (*encode_both)(std::byte* room, const Flow& flow, const Template&);
  bool variable = false;  ///< records differ in length
};

/// The compile-time layouts of the default profile, in the order in which they are sent: plain ones
/// of each kind, then, if `extras`, those for connections with KernelExtras.
std::span<const Template> default_templates(Protocol protocol, const EncoderOptions& options);

/// What the options choose of the ids; `with_extras`: of the layouts for KernelExtras.
constexpr template_ids::Choices choices_of(const EncoderOptions& options, bool with_extras) {
  return {options.zones, options.next_hop, with_extras, options.packet_properties};
}

}  // namespace ctflow
