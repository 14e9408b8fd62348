// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/address_prefix.hpp"

#include <cstddef>
#include <cstring>

namespace ctflow {
namespace {

using Halves = std::array<std::uint64_t, 2>;

Halves halves_of(const IpAddress& address) {
  Halves halves{};
  std::memcpy(halves.data(), address.octets.data(), sizeof halves);
  return halves;
}

/// An address whose first `length` bits are set.
IpAddress mask_of(std::size_t length) {
  IpAddress mask;
  for (std::size_t bit = 0; bit < length; ++bit) {
    mask.octets[bit / 8] = static_cast<std::uint8_t>(mask.octets[bit / 8] | 0x80U >> bit % 8);
  }
  return mask;
}

}  // namespace

AddressPrefix::AddressPrefix(const Network& network)
    : family_(network.family),
      value_(halves_of(network.address)),
      mask_(halves_of(mask_of(network.length))) {
  for (std::size_t i = 0; i < value_.size(); ++i) value_[i] &= mask_[i];
}

bool AddressPrefix::contains(const Tuple& tuple, const IpAddress& address) const {
  const Halves halves = halves_of(address);
  return tuple.family == family_ && (halves[0] & mask_[0]) == value_[0] &&
         (halves[1] & mask_[1]) == value_[1];
}

}  // namespace ctflow
