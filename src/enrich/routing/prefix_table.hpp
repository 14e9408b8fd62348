// SPDX-License-Identifier: GPL-2.0-or-later
// Longest prefix match for the routes of one table and address family.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ctflow/flow.hpp"
#include "enrich/routing/block_pool.hpp"
#include "hash/mix.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {

/// The bits of an address from the left: the first is the highest of `high`.
struct PrefixKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static PrefixKey of(const IpAddress& address) {
    const std::span<const std::byte> octets = std::as_bytes(std::span(address.octets));
    return {wire::load<std::uint64_t>(octets), wire::load<std::uint64_t>(octets, 8)};
  }

  /// The first `length` bits, zeros behind them.
  [[nodiscard]] PrefixKey first(unsigned length) const {
    const auto mask = [](unsigned bits) {
      return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - bits);
    };
    return length <= 64 ? PrefixKey{high & mask(length), 0}
                        : PrefixKey{high, low & mask(length - 64)};
  }

  friend bool operator==(const PrefixKey&, const PrefixKey&) = default;
};

/// A hash table of nodes, each of which has the prefixes that are one to six bits longer than its
/// name of 0, 6, 12, … bits: an address costs one look-up for each of these lengths that is in use,
/// the longest first, and a change one look-up. See docs/decisions/0005-prefix-table.md.
class PrefixTable {
 public:
  using Value = std::uint32_t;

  struct Match {
    Value value = 0;
    std::uint8_t length = 0;
    bool found = false;
  };

  /// The value of exactly this prefix, to be read or changed until the next insert() or erase().
  /// Null: no such prefix. `length` is 0 to 128; bits behind it do not matter.
  [[nodiscard]] Value* find(const PrefixKey& key, unsigned length);

  /// Adds a prefix that is not there, or replaces its value.
  void insert(const PrefixKey& key, unsigned length, Value value);

  /// False: there was no such prefix.
  bool erase(const PrefixKey& key, unsigned length);

  /// The longest prefix of `key` whose value `accept(value)` takes.
  template <typename Accept>
  [[nodiscard]] Match longest(const PrefixKey& key, Accept accept) const {
    for (std::uint32_t levels = levels_; levels != 0;) {
      const unsigned level = highest(levels);
      levels ^= 1U << level;
      const Node* node = node_of(key, level);
      if (node == nullptr) continue;
      const Match match = best_of(*node, chunk(key, level), level * kStride, accept);
      if (match.found) return match;
    }
    if (has_default_ && accept(default_)) return {default_, 0, true};
    return {};
  }

  /// Has the processor fetch what longest() reads first, and then, when that is there, what it
  /// reads next. Between both, and before longest(), other keys take their turn: misses of the
  /// cache then pass at the same time. In line, as a call of what only fetches is left out by GCC.
  [[gnu::always_inline]] void prefetch(const PrefixKey& key) const {
    for (std::uint32_t levels = levels_; levels != 0;) {
      const unsigned level = highest(levels);
      levels ^= 1U << level;
      __builtin_prefetch(first_read(key, level));
    }
  }
  [[gnu::always_inline]] void prefetch_next(const PrefixKey& key) const {
    for (std::uint32_t levels = levels_; levels != 0;) {
      const unsigned level = highest(levels);
      levels ^= 1U << level;
      const Node* node = likely_node_of(key, level);
      if (node == nullptr) continue;
      __builtin_prefetch(node);
      return;
    }
  }

  [[nodiscard]] Match longest(const PrefixKey& key) const {
    return longest(key, [](Value) { return true; });
  }

  /// Calls `visit(value)` for every prefix, in no particular order.
  template <typename Visit>
  void for_each(Visit visit) const {
    for_each_prefix([&](const PrefixKey&, unsigned, Value value) { visit(value); });
  }

  /// Calls `visit(key, length, value)` for every prefix, in no particular order.
  template <typename Visit>
  void for_each_prefix(Visit visit) const {
    if (has_default_) visit(PrefixKey{}, 0U, default_);
    for (const Slot slot : slots_) {
      if (slot != kEmpty) visit_prefixes(*nodes_.at(number_of(slot)), visit);
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Octets taken from the system.
  [[nodiscard]] std::size_t memory() const {
    return nodes_.memory() + values_.memory() +
           (slots_.capacity() + direct_.capacity()) * sizeof(Slot);
  }

 private:
  static constexpr unsigned kStride = 6;
  static constexpr std::size_t kLevels = (128 + kStride - 1) / kStride;
  static constexpr std::uint32_t kInline = 8;

  /// One line of the cache. Values stand in the order of their bits, those of `full` last.
  struct alignas(64) Node {
    PrefixKey name;             ///< a one and zeros behind it; never zero
    std::uint64_t shorter = 0;  ///< prefixes of one to five bits: bit 2^length - 2 + bits
    std::uint64_t full = 0;     ///< prefixes of six bits
    /// Of more than kInline, the first is where all of them stand in values_.
    std::array<Value, kInline> values{};
  };

  /// Of the hash table: a node's number + 1, and eight bits of its hash that tell most others apart
  /// without a look at them.
  using Slot = std::uint32_t;
  static constexpr Slot kEmpty = 0;
  static constexpr unsigned kTagBits = 8;
  static constexpr Slot kTagMask = (1U << kTagBits) - 1;
  /// With so many nodes, this level, where most prefixes of IPv4 are, is found by index.
  static constexpr unsigned kDirectLevel = 3;
  static constexpr std::uint32_t kDirectFrom = 16384;

  /// Where a prefix stands within its node.
  struct Place {
    bool is_full;
    unsigned bit;
  };

  static unsigned highest(std::uint64_t map) {
    return static_cast<unsigned>(std::bit_width(map)) - 1;
  }
  static std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }
  /// std::popcount() in line: without an instruction for it that is a call with memory accesses.
  static constexpr std::uint32_t count(std::uint64_t map) {
    map -= map >> 1 & 0x5555'5555'5555'5555;
    map = (map & 0x3333'3333'3333'3333) + (map >> 2 & 0x3333'3333'3333'3333);
    map = (map + (map >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
    return static_cast<std::uint32_t>(map * 0x0101'0101'0101'0101 >> 56);
  }
  static std::uint32_t rank(std::uint64_t map, unsigned index) {
    return count(map & (bit(index) - 1));
  }
  static std::uint32_t value_count(const Node& node) {
    return count(node.shorter) + count(node.full);
  }
  static std::uint32_t value_rank(const Node& node, const Place& place) {
    return place.is_full ? count(node.shorter) + rank(node.full, place.bit)
                         : rank(node.shorter, place.bit);
  }
  static bool holds(const Node& node, const Place& place) {
    return ((place.is_full ? node.full : node.shorter) & bit(place.bit)) != 0;
  }
  [[nodiscard]] const Value* values_of(const Node& node) const {
    return value_count(node) <= kInline ? node.values.data() : values_.at(node.values[0]);
  }
  Value* values_of(Node& node) {
    return value_count(node) <= kInline ? node.values.data() : values_.at(node.values[0]);
  }

  /// The first bits of a key, as many as a level has, and a one.
  static PrefixKey name_of(const PrefixKey& key, unsigned level) {
    constexpr std::uint64_t kOne = std::uint64_t{1} << 63;
    const unsigned length = level * kStride;
    const auto cut = [](std::uint64_t word, unsigned bits) {
      const std::uint64_t one = kOne >> bits;
      return (word & ~(one | (one - 1))) | one;
    };
    return length < 64 ? PrefixKey{cut(key.high, length), 0}
                       : PrefixKey{key.high, cut(key.low, length - 64)};
  }
  /// The length of such a name.
  static unsigned name_length(const PrefixKey& name) {
    return name.low != 0 ? 127 - static_cast<unsigned>(std::countr_zero(name.low))
                         : 63 - static_cast<unsigned>(std::countr_zero(name.high));
  }
  /// The bits of a key behind the name of its node.
  static unsigned chunk(const PrefixKey& key, unsigned level) {
    const unsigned above = level * kStride;
    const std::uint64_t bits = above == 0   ? key.high
                               : above < 64 ? key.high << above | key.low >> (64 - above)
                                            : key.low << (above - 64);
    return static_cast<unsigned>(bits >> (64 - kStride));
  }
  static unsigned level_of(unsigned length) { return (length - 1) / kStride; }
  static Place place_of(const PrefixKey& key, unsigned length);

  static std::uint64_t hash_of(const PrefixKey& name) { return hash_words(name.high, name.low); }
  static Slot tag_of(std::uint64_t hash) { return static_cast<Slot>(hash >> 16) & kTagMask; }
  static std::uint32_t number_of(Slot slot) { return (slot >> kTagBits) - 1; }
  [[nodiscard]] std::size_t home_of(std::uint64_t hash) const {
    return static_cast<std::size_t>(hash >> shift_);
  }
  [[nodiscard]] std::size_t after(std::size_t slot) const {
    return (slot + 1) & (slots_.size() - 1);
  }

  /// Calls `take(node)` for each node that may be that of `key`, until it says true.
  template <typename Take>
  [[gnu::always_inline]] void for_candidates(const PrefixKey& name, Take take) const {
    const std::uint64_t hash = hash_of(name);
    for (std::size_t i = home_of(hash); slots_[i] != kEmpty; i = after(i)) {
      if ((slots_[i] & kTagMask) == tag_of(hash) && take(nodes_.at(number_of(slots_[i])))) return;
    }
  }
  [[nodiscard]] bool is_direct(unsigned level) const {
    return level == kDirectLevel && !direct_.empty();
  }
  [[nodiscard]] const Node* direct_node_of(const PrefixKey& key) const {
    const std::uint32_t number = direct_[direct_place(key)];
    return number == 0 ? nullptr : nodes_.at(number - 1);
  }
  /// The node of the prefixes of `key` that a level has. Null: there are none. The level is in use.
  [[nodiscard]] const Node* node_of(const PrefixKey& key, unsigned level) const {
    if (is_direct(level)) return direct_node_of(key);
    const Node* found = nullptr;
    const PrefixKey name = name_of(key, level);
    for_candidates(name, [&](const Node* node) {
      if (!(node->name == name)) return false;
      found = node;
      return true;
    });
    return found;
  }
  Node* node_of(const PrefixKey& key, unsigned level) {
    const Node* found = std::as_const(*this).node_of(key, level);
    return found == nullptr ? nullptr : nodes_.at(static_cast<std::uint32_t>(found - nodes_.at(0)));
  }
  /// The same without a look at the node: it may be another one.
  [[nodiscard]] const Node* likely_node_of(const PrefixKey& key, unsigned level) const {
    if (is_direct(level)) return direct_node_of(key);
    const Node* found = nullptr;
    for_candidates(name_of(key, level), [&found](const Node* node) {
      found = node;
      return true;
    });
    return found;
  }
  [[nodiscard]] const std::uint32_t* first_read(const PrefixKey& key, unsigned level) const {
    return is_direct(level) ? &direct_[direct_place(key)]
                            : &slots_[home_of(hash_of(name_of(key, level)))];
  }
  static std::size_t direct_place(const PrefixKey& key) {
    return static_cast<std::size_t>(key.high >> (64 - kDirectLevel * kStride));
  }
  /// The slot of a node, or the empty one for it. There is an empty one.
  [[nodiscard]] std::size_t slot_of(const PrefixKey& name) const;
  /// Enters a node into direct_, which is made when it is worth while.
  void enter_directly(const PrefixKey& name, std::uint32_t number);
  void insert_value(Node& node, std::uint32_t position);
  void erase_value(Node& node, std::uint32_t position);
  Node& make_node(const PrefixKey& key, unsigned level);
  void drop_node(const PrefixKey& key, unsigned level);
  void grow();

  /// For the five leading bits of a chunk: the bits of Node::shorter that are prefixes of it.
  static constexpr auto kAncestors = [] {
    std::array<std::uint64_t, 32> all{};
    for (unsigned bits = 0; bits < 32; ++bits) {
      for (unsigned length = 1; length < kStride; ++length) {
        all[bits] |= std::uint64_t{1} << ((1U << length) - 2 + (bits >> (5 - length)));
      }
    }
    return all;
  }();

  template <typename Accept>
  Match best_of(const Node& node, unsigned bits, unsigned above, Accept& accept) const {
    const Value* values = values_of(node);
    if ((node.full & bit(bits)) != 0) {
      const Value value = values[value_rank(node, {true, bits})];
      if (accept(value)) return {value, static_cast<std::uint8_t>(above + kStride), true};
    }
    std::uint64_t shorter = node.shorter & kAncestors[bits >> 1];
    while (shorter != 0) {
      const unsigned last = highest(shorter);
      const Value value = values[rank(node.shorter, last)];
      // Bit 2^length - 2 is the first of its length.
      const unsigned length = highest(last + 2);
      if (accept(value)) return {value, static_cast<std::uint8_t>(above + length), true};
      shorter ^= bit(last);
    }
    return {};
  }

  /// `key` with `bits` of the chunk of six behind `above` bits.
  static PrefixKey extended(PrefixKey key, unsigned above, unsigned bits) {
    // The chunk's first bit is that with the weight 2^(127 - above); its last may lie behind the
    // end.
    const auto put = [bits](std::uint64_t word, int shift) {
      const auto wide = std::uint64_t{bits};
      if (shift <= -64 || shift >= 64) return word;
      return word | (shift >= 0 ? wide << shift : wide >> -shift);
    };
    const int shift = 64 - static_cast<int>(above + kStride);
    key.high = put(key.high, shift);
    key.low = above + kStride > 64 ? put(key.low, shift + 64) : key.low;
    return key;
  }

  template <typename Visit>
  void visit_prefixes(const Node& node, Visit& visit) const {
    const unsigned above = name_length(node.name);
    const PrefixKey name = node.name.first(above);
    const Value* value = values_of(node);
    const auto visit_all = [&](std::uint64_t map, bool is_full) {
      for (; map != 0; map &= map - 1) {
        const auto index = static_cast<unsigned>(std::countr_zero(map));
        // As in best_of(): bit 2^length - 2 is the first of its length.
        const unsigned length = is_full ? kStride : highest(index + 2);
        const unsigned bits = is_full ? index : (index + 2 - (1U << length)) << (kStride - length);
        visit(extended(name, above, bits), above + length, *value++);
      }
    };
    visit_all(node.shorter, false);
    visit_all(node.full, true);
  }

  BlockPool<Node, 1> nodes_;
  BlockPool<Value, 126> values_;
  std::vector<Slot> slots_;            ///< a power of two, half of them empty
  std::vector<std::uint32_t> direct_;  ///< by bits of a name: number + 1, 0: none; or nothing
  unsigned shift_ = 64;
  std::uint32_t node_count_ = 0;
  std::uint32_t levels_ = 0;  ///< a bit for each level that has nodes
  std::array<std::uint32_t, kLevels> nodes_of_level_{};
  std::size_t size_ = 0;
  Value default_ = 0;  ///< of the prefix without bits
  bool has_default_ = false;
};

}  // namespace ctflow
