// SPDX-License-Identifier: GPL-2.0-or-later
// Which interface has, or lately had, an address of this host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "enrich/routing/routing_message.hpp"
#include "enrich/routing/routing_time.hpp"

namespace ctflow {

class InterfaceAddresses {
 public:
  /// Addresses that are gone are kept for kRemembered, but no more than these.
  static constexpr std::size_t kGone = 16384;
  static constexpr std::size_t kOfOneAddress = 64;

  struct Owner {
    std::uint32_t interface = 0;  ///< 0 = no interface's, or that of several interfaces
    RoutingTime until = kNever;   ///< of one that had it last
  };

  /// False: it is there already.
  bool add(const InterfaceAddress& address, RoutingTime now);
  /// False: there was no such address.
  bool remove(const InterfaceAddress& address, RoutingTime now);
  /// Removes all addresses of an interface that is gone.
  void remove_all(std::uint32_t interface, RoutingTime now);

  /// The interface that has the address at `time`, or else the last that had it before. No
  /// allocation.
  [[nodiscard]] Owner owner(AddressFamily family, const IpAddress& address, RoutingTime time) const;

  /// Whether the interface has an IPv4 address.
  [[nodiscard]] bool has_ipv4(std::uint32_t interface) const {
    return ipv4_of_.count(interface) != 0;
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Addresses forgotten before their time.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  /// Takes over what `older` remembers; its addresses that are not here are gone at `now`.
  void inherit(const InterfaceAddresses& older, RoutingTime now);

 private:
  struct Tenure {
    InterfaceAddress address;
    RoutingTime from = kAlways;
    RoutingTime until = kNever;
  };
  struct Key {
    AddressFamily family;
    IpAddress address;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  using Tenures = std::vector<Tenure>;

  static Tenure* current(Tenures& tenures, const InterfaceAddress& address);
  void end(Tenure& tenure, RoutingTime now);
  void count_down(const InterfaceAddress& address);
  void trim(RoutingTime now);

  std::unordered_map<Key, Tenures, Hash> addresses_;
  std::unordered_map<std::uint32_t, std::size_t> ipv4_of_;  ///< addresses by interface
  std::deque<std::pair<RoutingTime, Key>> gone_;            ///< by time
  std::size_t size_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace ctflow
