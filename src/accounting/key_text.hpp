// SPDX-License-Identifier: GPL-2.0-or-later
// What people read of a key.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "accounting/classify.hpp"

namespace ctflow::accounting {

using InterfaceTexts = std::map<std::uint32_t, std::string>;  ///< names by ifIndex

std::string interface_text(std::uint32_t index, const InterfaceTexts& interfaces);

/// The name of an IANA protocol number that is in common use, or the number.
std::string protocol_text(std::int64_t number);

/// AS64496; 0: unknown.
std::string asn_text(std::int64_t number);

/// The two letters; zeros: unknown.
std::string country_text(const std::array<char, 2>& country);

/// What tells the keys of an aggregate by `by` alone apart; of a device its MAC address, or its
/// address.
std::string key_text(AccountingKey by, const Key& key, Direction direction, const Names& names,
                     const InterfaceTexts& interfaces);

}  // namespace ctflow::accounting
