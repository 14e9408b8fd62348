// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/hash_secret.hpp"

#include "conntrack/flow/tuple_hash.hpp"
#include "process/boot_id.hpp"

namespace ctflow {

HashSecret HashSecret::of(std::string_view text) {
  std::uint64_t number = 0;
  // Each from the whole text, so that one of them says nothing of another.
  const auto next = [&] {
    std::uint64_t word = mix(++number);
    for (const char octet : text) word = mix(word + static_cast<unsigned char>(octet) + 1);
    return word;
  };
  HashSecret secret;
  secret.addresses = next();
  secret.ends = next() | kNeverInEnds;
  secret.start = next() | 1U;
  for (std::uint64_t& half : secret.halves) half = next();
  return secret;
}

const HashSecret kBootSecret = HashSecret::of(boot_id());

}  // namespace ctflow
