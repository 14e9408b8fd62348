// SPDX-License-Identifier: GPL-2.0-or-later
// A flow report, seen from the host that it is counted for.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "accounting/amounts.hpp"
#include "accounting/key.hpp"
#include "accounting/surroundings.hpp"
#include "ctflow/accounting_config.hpp"
#include "enrich/neighbours/neighbours.hpp"
#include "enrich/networks/prefix_map.hpp"

namespace ctflow::accounting {

/// Everything that any aggregate may ask of one flow report.
struct Classified {
  Direction direction = Direction::kThrough;
  Key key;  ///< with all its members
  Amounts amounts;
};

/// The names that the settings give to networks and services.
class Names {
 public:
  explicit Names(const AccountingConfig& config);

  [[nodiscard]] std::uint16_t network_of(AddressFamily family, const IpAddress& address) const {
    return networks_.find(family, address);
  }
  [[nodiscard]] std::uint16_t service_of(std::uint8_t protocol, std::uint16_t port) const;

  /// The first of the addresses of a device that has several.
  [[nodiscard]] std::uint64_t device_of(std::uint64_t mac) const {
    const auto found = devices_.find(mac);
    return found == devices_.end() ? mac : found->second;
  }

  [[nodiscard]] const std::string& network(std::uint16_t number) const;
  [[nodiscard]] const std::string& service(std::uint16_t number) const;

 private:
  PrefixMap networks_;
  std::unordered_map<std::uint32_t, std::uint16_t> services_;  ///< by protocol and port
  std::unordered_map<std::uint64_t, std::uint64_t> devices_;   ///< MAC addresses but the first
  std::vector<std::string> network_names_;                     ///< the first is `other`
  std::vector<std::string> service_names_;                     ///< the first is `other`
};

/// Which members of a key an aggregate has.
class KeySelection {
 public:
  explicit KeySelection(const std::vector<AccountingKey>& by);

  [[nodiscard]] bool has(AccountingKey key) const {
    return (bits_ >> static_cast<unsigned>(key) & 1U) != 0;
  }
  void add(const KeySelection& other);
  [[nodiscard]] Key of(const Key& all) const {
    KeyWords words = words_of(all);
    // The address stands for a device of which no more is known.
    const bool by_address = all.device == 0 && has(AccountingKey::kDevice);
    const KeyWords& kept = by_address ? kept_by_address_ : kept_;
    for (std::size_t i = 0; i < words.size(); ++i) words[i] &= kept[i];
    return std::bit_cast<Key>(words);
  }

 private:
  void find_kept();

  unsigned bits_ = 0;
  KeyWords kept_{};             ///< ones where members stay
  KeyWords kept_by_address_{};  ///< the same where the device is not known
};

/// The host is the initiator, unless only the responder is inside (or this host). The ends are
/// those before translation of the source and after that of the destination: behind NAT the inside
/// address counts.
/// Members of the key that `wanted` lacks may be left out.
Classified classify(const Flow& flow, const Ends& ends, const Names& names,
                    const Neighbours& neighbours, const KeySelection& wanted);

}  // namespace ctflow::accounting
