// SPDX-License-Identifier: GPL-2.0-or-later
// Which addresses are those of this host, and which are inside.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ctflow/flow.hpp"
#include "enrich/networks/prefix_map.hpp"
#include "hash/mix.hpp"
#include "netlink/network_namespace.hpp"

namespace ctflow::accounting {

enum class Place : std::uint8_t { kOutside, kInside, kSelf };

/// Where both ends of a connection are.
struct Ends {
  Place initiator = Place::kOutside;
  Place responder = Place::kOutside;
};

class Surroundings {
 public:
  /// Multicast and broadcast addresses are inside: they do not leave.
  Surroundings();

  // What was added later decides about the same addresses.
  void add_inside(const Network& network);
  void add_inside(const std::vector<Network>& networks);
  void add_own(AddressFamily family, const IpAddress& address);

  [[nodiscard]] Place place_of(AddressFamily family, const IpAddress& address) const;

 private:
  PrefixMap places_;
};

/// Where addresses are that were asked for lately.
class RecentPlaces {
 public:
  [[nodiscard]] Place of(const Surroundings& surroundings, AddressFamily family,
                         const IpAddress& address) {
    const auto words = std::bit_cast<Words>(address.octets);
    Known& known = known_[slot_of(hash_words(words[0], words[1]), kBits)];
    const auto tag = static_cast<std::uint8_t>(static_cast<unsigned>(family) + 1);
    if (known.tag != tag || known.words != words) {
      known = {words, tag, surroundings.place_of(family, address)};
    }
    return known.place;
  }

  [[nodiscard]] Ends of(const Surroundings& surroundings, const Flow& flow) {
    const AddressFamily family = flow.original.family;
    return {of(surroundings, family, flow.original.source),
            of(surroundings, family, flow.reply.source)};
  }

  /// The surroundings are others now.
  void forget() { known_.fill({}); }

 private:
  using Words = std::array<std::uint64_t, 2>;
  static constexpr unsigned kBits = 10;
  struct Known {
    Words words{};
    std::uint8_t tag = 0;  ///< of the family; 0: nothing is known
    Place place = Place::kOutside;
  };

  std::array<Known, 1U << kBits> known_{};
};

using ReadSurroundings = std::function<std::shared_ptr<const Surroundings>()>;

/// Reads the addresses of the namespace's interfaces; where `inside` is empty, the networks of
/// those without a default route are inside. For any thread. Throws std::system_error.
ReadSurroundings surroundings_of(const NetworkNamespace& home, const std::vector<Network>& inside);

}  // namespace ctflow::accounting
