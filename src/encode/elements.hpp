// SPDX-License-Identifier: GPL-2.0-or-later
// The Information Elements that a user can ask for by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "encode/encoder_options.hpp"
#include "encode/fields.hpp"

namespace ctflow {

struct Element {
  enum class Of : std::uint8_t { kBoth, kIpv4, kIpv6 };  ///< connections whose records have it
  enum class In : std::uint8_t { kBoth, kIpfix, kNetflow9 };

  std::string_view name;  ///< IANA's
  Field field;
  Of family = Of::kBoth;
  In format = In::kBoth;
};

/// nullptr: nothing here can fill an element of this name.
const Element* find_element(std::string_view name);

/// The names of all elements, in the order of their ids.
std::vector<std::string> element_names();

/// What a record of one family has, of a list of names; unknown names are skipped.
std::vector<Field> fields_of(const std::vector<std::string>& names, AddressFamily family);

/// Whether messages of this format can carry it.
bool fits(const Element& element, Format format);

}  // namespace ctflow
