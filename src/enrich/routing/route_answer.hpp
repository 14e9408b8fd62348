// SPDX-License-Identifier: GPL-2.0-or-later
// How packets to an address are routed, and the answers that were given lately.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "enrich/routing/prefix_table.hpp"
#include "hash/mix.hpp"
#include "process/zero_pages.hpp"

namespace ctflow {

struct RouteAnswer {
  enum class Kind : std::uint8_t {
    kNone,     ///< no route, or one that refuses
    kForward,  ///< out through `interface`
    kLocal,    ///< an address of this host
    kGroup,    ///< broadcast or multicast: this host, too
  };

  Kind kind = Kind::kNone;
  AddressFamily gateway_family = AddressFamily::kNone;
  std::uint8_t length = 0;  ///< of the prefix that matched
  /// An alias of ours or the way out; 0 = several ways through different interfaces.
  std::uint32_t interface = 0;
  std::uint32_t table = 0;
  IpAddress gateway;       ///< zeros: on the link, or several
  bool undecided = false;  ///< a rule was passed over that asks for what is not known
  /// A rule that asks for what is not known, or for a mark that packets may carry though the
  /// connection does not, leads elsewhere.
  bool doubtful = false;
  bool forgotten = false;  ///< of the time that was asked for too little is known

  friend bool operator==(const RouteAnswer&, const RouteAnswer&) = default;
};

/// Answers by destination, each in one line of the cache at a place that destinations share. They
/// hold until the next change of anything. See docs/decisions/0005-prefix-table.md.
class KnownAnswers {
 public:
  static constexpr unsigned kPlaceBits = 12;
  static constexpr std::size_t kPlaces = std::size_t{1} << kPlaceBits;

  KnownAnswers() {
    if (!places_) throw std::bad_alloc();
  }

  void forget_all() { ++generation_; }

  /// The answer for a destination: the one that is known, or else what `find()` returns.
  template <typename Find>
  RouteAnswer answer(AddressFamily family, const PrefixKey& destination, Find find) {
    Place& place = places_[place_of(destination)];
    if (place.generation != generation_ || !(place.destination == destination) ||
        place.family != family) {
      place.answer = find();
      place.destination = destination;
      place.family = family;
      place.generation = generation_;
    }
    return place.answer;
  }

 private:
  struct alignas(64) Place {
    PrefixKey destination;
    std::uint64_t generation = 0;  ///< of so many bits that no number comes twice; 0 = empty
    RouteAnswer answer;
    AddressFamily family = AddressFamily::kNone;
  };
  static_assert(sizeof(Place) == 64);

  static std::size_t place_of(const PrefixKey& destination) {
    return slot_of(hash_words(destination.high, destination.low), kPlaceBits);
  }

  ZeroPages<Place> places_ = zero_pages<Place>(kPlaces);
  std::uint64_t generation_ = 1;
};

}  // namespace ctflow
