// SPDX-License-Identifier: GPL-2.0-or-later
// Longest prefix match for the routes of one table and address family.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "ctflow/flow.hpp"
#include "enrich/routing/block_pool.hpp"

namespace ctflow {

/// The bits of an address from the left: the first is the highest of `high`.
struct PrefixKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  static PrefixKey of(const IpAddress& address) {
    PrefixKey key;
    for (std::size_t i = 0; i < 8; ++i) {
      key.high = key.high << 8 | address.octets[i];
      key.low = key.low << 8 | address.octets[8 + i];
    }
    return key;
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

/// A trie that consumes six bits a step. A node says in bit maps which of the 126 prefixes of one
/// to six further bits exist and which of the 64 continuations, and keeps values and child nodes
/// in dense arrays: an address costs one node per six bits of its longest prefix, and a change
/// touches one node's arrays. See docs/decisions/0005-prefix-table.md.
class PrefixTable {
 public:
  using Value = std::uint32_t;

  struct Match {
    Value value = 0;
    std::uint8_t length = 0;
    bool found = false;
  };

  PrefixTable();

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
    Steps steps;
    for (std::size_t i = descend(key, steps); i-- > 0;) {
      const Match match = best_of(steps[i], accept);
      if (match.found) return match;
    }
    if (has_default_ && accept(default_)) return {default_, 0, true};
    return {};
  }

  [[nodiscard]] Match longest(const PrefixKey& key) const {
    return longest(key, [](Value) { return true; });
  }

  /// Calls `visit(value)` for every prefix, in no particular order.
  template <typename Visit>
  void for_each(Visit visit) const {
    if (has_default_) visit(default_);
    visit_below(*nodes_.at(kRoot), visit);
  }

  /// Calls `visit(key, length, value)` for every prefix.
  template <typename Visit>
  void for_each_prefix(Visit visit) const {
    if (has_default_) visit(PrefixKey{}, 0U, default_);
    visit_prefixes(*nodes_.at(kRoot), PrefixKey{}, 0, visit);
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  /// Octets taken from the system.
  [[nodiscard]] std::size_t memory() const { return nodes_.memory() + values_.memory(); }

 private:
  static constexpr unsigned kStride = 6;
  static constexpr std::size_t kDepth = (128 + kStride - 1) / kStride;

  struct Node {
    std::uint64_t shorter = 0;   ///< prefixes of one to five bits: bit 2^length - 2 + bits
    std::uint64_t full = 0;      ///< prefixes of six bits
    std::uint64_t children = 0;  ///< continuations by six bits
    std::uint32_t child_base = 0;
    std::uint32_t value_base = 0;
  };

  /// A node on the way to an address that holds a prefix of it.
  struct Step {
    const Node* node;
    std::uint8_t bits;   ///< the six that the node is asked for
    std::uint8_t depth;  ///< nodes above it
  };

  /// Takes six bits at a time off the front.
  class Chunks {
   public:
    explicit Chunks(const PrefixKey& key) : key_(key) {}
    unsigned next() {
      const auto bits = static_cast<unsigned>(key_.high >> (64 - kStride));
      key_.high = key_.high << kStride | key_.low >> (64 - kStride);
      key_.low <<= kStride;
      return bits;
    }

   private:
    PrefixKey key_;
  };

  /// Where a prefix stands within its node.
  struct Slot {
    bool is_full;
    unsigned bit;
  };

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
  static std::uint32_t value_rank(const Node& node, const Slot& slot) {
    return slot.is_full ? count(node.shorter) + rank(node.full, slot.bit)
                        : rank(node.shorter, slot.bit);
  }
  static Slot slot_of(unsigned bits, unsigned length);
  static bool holds(const Node& node, const Slot& slot) {
    return ((slot.is_full ? node.full : node.shorter) & bit(slot.bit)) != 0;
  }

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

  using Steps = std::array<Step, kDepth>;

  /// The nodes on the way to `key` that hold a prefix of it, from the root. Returns their number.
  std::size_t descend(const PrefixKey& key, Steps& steps) const;
  template <typename Rank>
  [[gnu::always_inline]] std::size_t descend_by(const PrefixKey& key, Steps& steps,
                                                Rank rank_of) const;
  std::size_t descend_portably(const PrefixKey& key, Steps& steps) const;
  std::size_t descend_with_popcnt(const PrefixKey& key, Steps& steps) const;

  template <typename Accept>
  Match best_of(const Step& step, Accept& accept) const {
    const Node& node = *step.node;
    const unsigned above = step.depth * kStride;
    if ((node.full & bit(step.bits)) != 0) {
      const Value value = *values_.at(node.value_base + value_rank(node, {true, step.bits}));
      if (accept(value)) return {value, static_cast<std::uint8_t>(above + kStride), true};
    }
    std::uint64_t shorter = node.shorter & kAncestors[step.bits >> 1];
    while (shorter != 0) {
      const auto highest = static_cast<unsigned>(std::bit_width(shorter)) - 1;
      const Value value = *values_.at(node.value_base + rank(node.shorter, highest));
      // Bit 2^length - 2 is the first of its length.
      const auto length = static_cast<unsigned>(std::bit_width(highest + 2)) - 1;
      if (accept(value)) return {value, static_cast<std::uint8_t>(above + length), true};
      shorter ^= bit(highest);
    }
    return {};
  }

  template <typename Visit>
  void visit_below(const Node& node, Visit& visit) const {
    for (std::uint32_t i = 0; i < value_count(node); ++i) visit(*values_.at(node.value_base + i));
    for (std::uint32_t i = 0; i < count(node.children); ++i) {
      visit_below(*nodes_.at(node.child_base + i), visit);
    }
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
  void visit_prefixes(const Node& node, const PrefixKey& key, unsigned above, Visit& visit) const {
    std::uint32_t value = node.value_base;
    const auto visit_all = [&](std::uint64_t map, bool is_full) {
      for (; map != 0; map &= map - 1) {
        const auto index = static_cast<unsigned>(std::countr_zero(map));
        // As in best_of(): bit 2^length - 2 is the first of its length.
        const unsigned length =
            is_full ? kStride : static_cast<unsigned>(std::bit_width(index + 2)) - 1;
        const unsigned bits = is_full ? index : (index + 2 - (1U << length)) << (kStride - length);
        visit(extended(key, above, bits), above + length, *values_.at(value++));
      }
    };
    visit_all(node.shorter, false);
    visit_all(node.full, true);
    std::uint32_t child = node.child_base;
    for (std::uint64_t map = node.children; map != 0; map &= map - 1) {
      const auto bits = static_cast<unsigned>(std::countr_zero(map));
      visit_prefixes(*nodes_.at(child++), extended(key, above, bits), above + kStride, visit);
    }
  }

  /// The child of the node at `place` for these bits, made if there is none.
  std::uint32_t child(std::uint32_t place, unsigned bits);
  /// Removes the node at `path[depth]` if it is empty, then its parent likewise, up to the root.
  void prune(const std::array<std::uint32_t, kDepth>& path, const PrefixKey& key,
             std::size_t depth);

  static constexpr std::uint32_t kRoot = 0;  ///< where the first node stands
  BlockPool<Node, 64> nodes_;
  BlockPool<Value, 126> values_;
  std::size_t size_ = 0;
  Value default_ = 0;  ///< of the prefix without bits
  bool has_default_ = false;
};

}  // namespace ctflow
