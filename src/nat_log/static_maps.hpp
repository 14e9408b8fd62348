// SPDX-License-Identifier: GPL-2.0-or-later
// Which inside host a public address and port belong to, by the maps of a ruleset.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nat_log/translation.hpp"

namespace ctflow::nat {

/// A protocol of an entry that holds for all.
inline constexpr std::int16_t kAnyProtocol = -1;

/// To this inside address these ports of a public address belong, both ends included.
struct MapEntry {
  IpAddress inside;
  IpAddress public_address;
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  std::int16_t protocol = kAnyProtocol;
  AddressFamily family = AddressFamily::kNone;

  friend bool operator==(const MapEntry&, const MapEntry&) = default;
};

/// By public address, protocol and ports, which is the order of StaticMaps.
bool comes_before(const MapEntry& one, const MapEntry& other);

/// One map where a rule uses it.
struct UsedMap {
  std::string name;  ///< for a person
  std::vector<MapEntry> entries;
};

/// Entries of maps in which a public address and port belong to one inside address only.
class StaticMaps {
 public:
  StaticMaps() = default;

  /// Leaves out maps that share a public address, port and protocol between inside addresses, or
  /// with another map that does so.
  explicit StaticMaps(std::vector<UsedMap> maps);

  /// The one that a translation follows. Null: none.
  [[nodiscard]] const MapEntry* followed_by(const Translation& translation) const;

  /// In order.
  [[nodiscard]] std::span<const MapEntry> entries() const { return entries_; }

  /// Maps that are left out, and why: one sentence each.
  [[nodiscard]] const std::vector<std::string>& left_out() const { return left_out_; }
  void leave_out(std::string why) { left_out_.push_back(std::move(why)); }

 private:
  [[nodiscard]] const MapEntry* find(const Translation& translation, std::int16_t protocol) const;

  std::vector<MapEntry> entries_;
  std::vector<std::string> left_out_;
};

}  // namespace ctflow::nat
