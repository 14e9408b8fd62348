// SPDX-License-Identifier: GPL-2.0-or-later
// Options Templates (RFC 7011 section 3.4.2.2, RFC 3954 section 6.1): sampling rate, names of
// interfaces, statistics.
#pragma once

#include <cstdint>
#include <span>

#include "encode/encoder_options.hpp"
#include "encode/field.hpp"
#include "wire/wire_writer.hpp"

namespace ctflow {

/// An Options Template; its first field is the scope.
struct OptionsLayout {
  std::uint16_t id;  ///< Template ID
  std::span<const OptionsField> fields;
};

struct OptionsLayouts {
  OptionsLayout sampling;
  OptionsLayout interface_names;
  std::span<const OptionsLayout> statistics;
};

const OptionsLayouts& options_layouts(Protocol protocol);

/// One record, without Set header.
void write_options_record(WireWriter& writer, const OptionsLayout& layout,
                          const OptionsRecord& record);

}  // namespace ctflow
