// SPDX-License-Identifier: GPL-2.0-or-later
// A made-up routing table of the size and shape of the Internet's.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "ctflow/flow.hpp"

namespace ctflow::bench {

struct Prefix {
  IpAddress address;
  unsigned length = 0;
};

/// How many prefixes in 1000 have this length.
struct Share {
  unsigned length;
  unsigned permille;
};

/// Lengths as in the Internet's IPv4 table: three fifths /24, /22 and /23 next.
inline constexpr std::array kLengths4{Share{8, 1},    Share{11, 1},   Share{12, 1},  Share{13, 1},
                                      Share{14, 1},   Share{15, 2},   Share{16, 13}, Share{17, 8},
                                      Share{18, 14},  Share{19, 25},  Share{20, 45}, Share{21, 53},
                                      Share{22, 112}, Share{23, 104}, Share{24, 619}};
/// As in the IPv6 table: nearly half /48, then /32, /44 and /40.
inline constexpr std::array kLengths6{
    Share{19, 1},   Share{24, 2},  Share{28, 4},   Share{29, 40}, Share{30, 6},  Share{31, 4},
    Share{32, 120}, Share{33, 25}, Share{34, 20},  Share{35, 12}, Share{36, 60}, Share{38, 20},
    Share{40, 110}, Share{42, 25}, Share{44, 115}, Share{46, 26}, Share{47, 20}, Share{48, 390}};

/// Some prefixes come more than once: by default about a million and 200 000 are different.
class DefaultFreeTable {
 public:
  explicit DefaultFreeTable(std::uint32_t seed = 1) : random_(seed) {}

  /// Allocations of registries lie together: three of four prefixes are next to an earlier one.
  std::vector<Prefix> ipv4(std::size_t count = 1'190'000) {
    return make(count, kLengths4, [this](unsigned) {
      IpAddress address;
      put(address, static_cast<std::uint32_t>(random_()));
      address.octets[0] = static_cast<std::uint8_t>(1 + random_() % 223);
      return address;
    });
  }
  /// Within 2000::/3, as what is announced.
  std::vector<Prefix> ipv6(std::size_t count = 219'000) {
    static constexpr std::array<std::uint16_t, 8> kRegions{0x2001, 0x2400, 0x2600, 0x2604,
                                                           0x2800, 0x2a00, 0x2a0e, 0x2c0f};
    return make(count, kLengths6, [this](unsigned) {
      IpAddress address;
      const std::uint16_t region = kRegions[random_() % kRegions.size()];
      put(address, static_cast<std::uint32_t>(random_()));
      address.octets[4] = static_cast<std::uint8_t>(random_());
      address.octets[5] = static_cast<std::uint8_t>(random_());
      address.octets[1] = static_cast<std::uint8_t>((region & 0xff) + random_() % 4);
      address.octets[0] = static_cast<std::uint8_t>(region >> 8);
      return address;
    });
  }

  /// Addresses within the prefixes, most specific ones as often as they occur.
  std::vector<IpAddress> addresses(const std::vector<Prefix>& prefixes, std::size_t count,
                                   std::size_t octets) {
    std::vector<IpAddress> all;
    for (std::size_t i = 0; i < count; ++i) {
      const Prefix& prefix = prefixes[random_() % prefixes.size()];
      IpAddress address = prefix.address;
      for (std::size_t bit = prefix.length; bit < octets * 8; ++bit) {
        if (random_() % 2 == 1) {
          address.octets[bit / 8] =
              static_cast<std::uint8_t>(address.octets[bit / 8] | 0x80U >> bit % 8);
        }
      }
      all.push_back(address);
    }
    return all;
  }

 private:
  static void put(IpAddress& address, std::uint32_t word) {
    for (std::size_t i = 0; i < 4; ++i) {
      address.octets[i] = static_cast<std::uint8_t>(word >> (24 - 8 * i));
    }
  }

  template <std::size_t kCount, typename Fresh>
  std::vector<Prefix> make(std::size_t count, const std::array<Share, kCount>& shares,
                           Fresh fresh) {
    std::vector<Prefix> all;
    all.reserve(count);
    while (all.size() < count) {
      auto choice = static_cast<unsigned>(random_() % 1000);
      unsigned length = shares.back().length;
      for (const Share& share : shares) {
        if (choice < share.permille) {
          length = share.length;
          break;
        }
        choice -= share.permille;
      }
      Prefix prefix{fresh(length), length};
      if (!all.empty() && random_() % 4 != 0) {
        prefix.address =
            all[all.size() - 1 - random_() % std::min<std::size_t>(all.size(), 8)].address;
        step(prefix.address, length);
      }
      clear_behind(prefix.address, length);
      all.push_back(prefix);
    }
    return all;
  }

  /// The next prefix of this length.
  static void step(IpAddress& address, unsigned length) {
    unsigned carry = 1U << (7 - (length - 1) % 8);
    for (std::size_t i = (length - 1) / 8 + 1; i-- > 1 && carry != 0;) {
      const unsigned sum = address.octets[i] + carry;
      address.octets[i] = static_cast<std::uint8_t>(sum);
      carry = sum >> 8;
    }
  }
  static void clear_behind(IpAddress& address, unsigned length) {
    for (std::size_t bit = length; bit < 128; ++bit) {
      address.octets[bit / 8] =
          static_cast<std::uint8_t>(address.octets[bit / 8] & ~(0x80U >> bit % 8));
    }
  }

  std::mt19937 random_;
};

}  // namespace ctflow::bench
