// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/translation.hpp"

#include "hash/fnv1a.hpp"
#include "hash/mix.hpp"

namespace ctflow::nat {
namespace {

bool has_identifier(std::uint8_t protocol) {
  constexpr std::uint8_t kIcmp = 1;
  constexpr std::uint8_t kIcmpv6 = 58;
  return protocol == kIcmp || protocol == kIcmpv6;
}

End source_of(const Tuple& tuple) {
  return {tuple.source, has_identifier(tuple.protocol) ? tuple.icmp_id : tuple.source_port};
}

End destination_of(const Tuple& tuple) {
  return {tuple.destination,
          has_identifier(tuple.protocol) ? tuple.icmp_id : tuple.destination_port};
}

Translation without_ends(const Flow& flow) {
  Translation one;
  one.id = flow.id;
  one.zone = flow.zone;
  one.family = flow.original.family;
  one.protocol = flow.original.protocol;
  return one;
}

/// FNV-1a over what is added, then mixed: keys of neighbouring ports must differ in all bits.
class Hash {
 public:
  void add(std::span<const std::uint8_t> octets) { value_ = fnv1a(octets, value_); }
  void add(std::uint64_t value) { value_ = (value_ ^ value) * kGolden; }

  [[nodiscard]] std::uint64_t value() const {
    std::uint64_t mixed = value_ ^ value_ >> 32;
    mixed *= 0xd6e8feb86659fd93ULL;
    return mixed ^ mixed >> 32;
  }

 private:
  std::uint64_t value_ = kFnvStart<std::uint64_t>;
};

}  // namespace

std::size_t translations_of(const Flow& flow, std::array<Translation, 2>& to) {
  std::size_t count = 0;
  if ((flow.status & status::kSourceNat) != 0) {
    Translation& one = to[count++] = without_ends(flow);
    one.inside = source_of(flow.original);
    one.public_end = destination_of(flow.reply);
    one.remote = source_of(flow.reply);
  }
  if ((flow.status & status::kDestinationNat) != 0) {
    Translation& one = to[count++] = without_ends(flow);
    one.inside = source_of(flow.reply);
    one.public_end = destination_of(flow.original);
    one.remote = source_of(flow.original);
    one.destination_nat = true;
  }
  return count;
}

std::uint64_t key_of(const Translation& translation) {
  Hash hash;
  hash.add(octets_of(translation.family, translation.public_end.address));
  hash.add(std::uint64_t{translation.id} << 32 | std::uint64_t{translation.public_end.port} << 16 |
           std::uint64_t{translation.protocol} << 8 | std::uint64_t{translation.destination_nat});
  return hash.value();
}

}  // namespace ctflow::nat
