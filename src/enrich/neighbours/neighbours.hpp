// SPDX-License-Identifier: GPL-2.0-or-later
// Which MAC address an address belongs to, by the kernel's neighbour tables. Pure: no I/O, no
// clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/flow.hpp"
#include "netlink/attributes.hpp"

namespace ctflow {

/// What RTM_NEWNEIGH or RTM_DELNEIGH says.
struct NeighbourMessage {
  AddressFamily family = AddressFamily::kNone;
  IpAddress address{};
  std::uint32_t interface = 0;
  std::uint64_t mac = 0;  ///< 0: it is not known, or not any more
};

/// Nothing: it is of no neighbour with a MAC address of its own (a bridge's table, multicast, an
/// interface without addresses), or malformed.
std::optional<NeighbourMessage> decode_neighbour(Bytes message);

/// What RTM_NEWADDR or RTM_DELADDR says.
struct OwnAddressMessage {
  AddressFamily family = AddressFamily::kNone;
  IpAddress address{};
  std::uint32_t interface = 0;
  std::uint8_t length = 0;  ///< of its network: an interface may have an address with several
  bool there = false;       ///< false: this host does not have it, or not any more
};

/// Nothing: it is of no address, or malformed.
std::optional<OwnAddressMessage> decode_own_address(Bytes message);

/// The tables, with what was in them lately. An entry that the kernel removed, or whose neighbour
/// does not answer any more, is kept for kKept: connections that it had end later. An address that
/// went to another device has the device of before for what was before that. An address that is
/// this host's own is no neighbour's meanwhile, whatever the kernel remembers of who had it before
/// (VRRP).
class Neighbours {
 public:
  static constexpr std::chrono::hours kKept{1};
  /// Entries at most, of which the kernel has as many as net.ipv4.neigh.default.gc_thresh3 allows.
  static constexpr std::size_t kMost = 65'536;

  void apply(const NeighbourMessage& message, TimePoint now);
  void apply_own(const OwnAddressMessage& message, TimePoint now);

  /// A dump begins: what it does not have when it ended is gone.
  void begin_dump() { ++reading_; }
  void end_dump(TimePoint now);

  /// Removes what was gone for too long.
  void expire(TimePoint now);

  /// The MAC address that had an address at a time; 0: it is not known. `interface`: where it is,
  /// 0 = not known; there an address counts that is a neighbour's on other interfaces only when
  /// all of them say the same.
  [[nodiscard]] std::uint64_t find(AddressFamily family, const IpAddress& address,
                                   std::uint32_t interface, TimePoint at) const;

  /// The same where an interface is known: what another interface has does not count.
  [[nodiscard]] std::uint64_t find_at(AddressFamily family, const IpAddress& address,
                                      std::uint32_t interface, TimePoint at) const;

  [[nodiscard]] std::size_t size() const { return entries_; }

 private:
  struct Entry {
    std::uint32_t interface = 0;
    std::uint32_t reading = 0;  ///< in which it was last seen
    std::uint64_t mac = 0;
    std::uint64_t before = 0;         ///< that of before, 0 = none
    TimePoint since{};                ///< of `mac`
    std::optional<TimePoint> gone{};  ///< nothing: it is in the kernel's table

    [[nodiscard]] std::uint64_t at(TimePoint when) const;
  };
  /// An address of an interface of this host.
  struct Own {
    std::uint32_t interface = 0;
    std::uint32_t reading = 0;  ///< in which it was last seen
    std::uint8_t length = 0;
    TimePoint since{};
    std::optional<TimePoint> gone{};  ///< nothing: it is there
  };
  struct Hash {
    std::size_t operator()(const IpAddress& address) const;
  };
  using Table = std::unordered_map<IpAddress, std::vector<Entry>, Hash>;

  using OwnTable = std::unordered_map<IpAddress, std::vector<Own>, Hash>;

  /// What find() answers for all times from `from` on, while the tables are as they were.
  struct Answer {
    IpAddress address{};
    std::uint32_t interface = 0;
    AddressFamily family = AddressFamily::kNone;
    std::uint64_t tables = 0;  ///< tables_ of then
    std::uint64_t mac = 0;
    TimePoint from{};
  };

  [[nodiscard]] Answer answer(AddressFamily family, const IpAddress& address,
                              std::uint32_t interface) const;
  [[nodiscard]] std::uint64_t look_up(AddressFamily family, const IpAddress& address,
                                      std::uint32_t interface, TimePoint at) const;
  [[nodiscard]] bool is_own(AddressFamily family, const IpAddress& address, TimePoint at) const;
  [[nodiscard]] Table& table_of(AddressFamily family) {
    return family == AddressFamily::kIpv4 ? ipv4_ : ipv6_;
  }
  void remove_gone(TimePoint before);
  void expire_own(TimePoint now);

  Table ipv4_;
  Table ipv6_;
  OwnTable own_ipv4_;
  OwnTable own_ipv6_;
  std::size_t entries_ = 0;
  std::uint32_t reading_ = 0;
  std::uint64_t tables_ = 1;             ///< others whenever find() may answer something else
  mutable std::vector<Answer> answers_;  ///< given lately; empty: there never was a neighbour
};

}  // namespace ctflow
