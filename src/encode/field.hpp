// SPDX-License-Identifier: GPL-2.0-or-later
// An Information Element as it stands in a template, together with how it is written, so that
// template and record cannot disagree.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "encode/record.hpp"
#include "encode/value.hpp"

namespace ctflow {

/// The length in the template of an element whose length is in the record (RFC 7011 section 7).
inline constexpr std::uint16_t kVariableLength = 65535;
/// Octets of such a string at most. With its own length in one octet it takes one more.
inline constexpr std::size_t kLongestVariable = 63;

/// A Field Specifier (RFC 7011 section 3.2). `write` writes exactly `length` octets.
template <typename Source>
struct FieldOf {
  std::uint16_t element;
  std::uint16_t length;
  void (*write)(std::byte* to, const Source& source);
  std::uint32_t enterprise = 0;  ///< Private Enterprise Number, 0: IANA's own
  /// With kVariableLength, instead of `write`: the string.
  Value (*text)(const Source& source) = nullptr;
};

using Field = FieldOf<Record>;
using OptionsField = FieldOf<OptionsRecord>;

/// RFC 5103 section 6.1: the same element of the other direction.
inline constexpr std::uint32_t kReverseEnterprise = 29305;

/// Octets of a record with these fields; with one of variable length: of the longest.
template <typename Source>
constexpr std::size_t record_length(std::span<const FieldOf<Source>> fields) {
  std::size_t length = 0;
  for (const FieldOf<Source>& one : fields) {
    length += one.length == kVariableLength ? kLongestVariable + 1 : one.length;
  }
  return length;
}

template <typename Source, std::size_t kLeft, std::size_t kRight>
constexpr auto operator+(const std::array<FieldOf<Source>, kLeft>& left,
                         const std::array<FieldOf<Source>, kRight>& right) {
  std::array<FieldOf<Source>, kLeft + kRight> all{};
  for (std::size_t i = 0; i < kLeft; ++i) all[i] = left[i];
  for (std::size_t i = 0; i < kRight; ++i) all[kLeft + i] = right[i];
  return all;
}

}  // namespace ctflow
