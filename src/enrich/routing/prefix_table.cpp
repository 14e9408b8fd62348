// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/prefix_table.hpp"

#include <utility>

namespace ctflow {

PrefixTable::PrefixTable() { *nodes_.at(nodes_.allocate(1)) = Node{}; }

template <typename Rank>
inline std::size_t PrefixTable::descend_by(const PrefixKey& key, Steps& steps, Rank rank_of) const {
  Chunks chunks(key);
  const Node* node = nodes_.at(kRoot);
  std::size_t found = 0;
  for (std::size_t depth = 0;; ++depth) {
    const unsigned bits = chunks.next();
    if (((node->full & bit(bits)) | (node->shorter & kAncestors[bits >> 1])) != 0) {
      steps[found++] = {node, static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(depth)};
    }
    if ((node->children & bit(bits)) == 0) return found;
    node = nodes_.at(node->child_base + rank_of(node->children, bits));
  }
}

std::size_t PrefixTable::descend_portably(const PrefixKey& key, Steps& steps) const {
  return descend_by(key, steps, [](std::uint64_t map, unsigned index) { return rank(map, index); });
}

// Distributions compile for processors without an instruction to count bits; it is worth a third
// of the time, so a processor that has it is asked.
#if defined(__x86_64__)
[[gnu::target("popcnt")]] std::size_t PrefixTable::descend_with_popcnt(const PrefixKey& key,
                                                                       Steps& steps) const {
  // Written out: a lambda would be compiled without the instruction.
  struct Rank {
    [[gnu::target("popcnt")]] std::uint32_t operator()(std::uint64_t map, unsigned index) const {
      return static_cast<std::uint32_t>(__builtin_popcountll(map & ((1ULL << index) - 1)));
    }
  };
  return descend_by(key, steps, Rank{});
}

std::size_t PrefixTable::descend(const PrefixKey& key, Steps& steps) const {
  static const bool has_instruction = __builtin_cpu_supports("popcnt") != 0;
  return has_instruction ? descend_with_popcnt(key, steps) : descend_portably(key, steps);
}
#else
std::size_t PrefixTable::descend(const PrefixKey& key, Steps& steps) const {
  return descend_portably(key, steps);
}
#endif

PrefixTable::Slot PrefixTable::slot_of(unsigned bits, unsigned length) {
  if (length == kStride) return {true, bits};
  return {false, (1U << length) - 2 + (bits >> (kStride - length))};
}

PrefixTable::Value* PrefixTable::find(const PrefixKey& key, unsigned length) {
  if (length == 0) return has_default_ ? &default_ : nullptr;
  Chunks chunks(key);
  Node* node = nodes_.at(kRoot);
  for (; length > kStride; length -= kStride) {
    const unsigned bits = chunks.next();
    if ((node->children & bit(bits)) == 0) return nullptr;
    node = nodes_.at(node->child_base + rank(node->children, bits));
  }
  const Slot slot = slot_of(chunks.next(), length);
  if (!holds(*node, slot)) return nullptr;
  return values_.at(node->value_base + value_rank(*node, slot));
}

std::uint32_t PrefixTable::child(std::uint32_t place, unsigned bits) {
  Node parent = *nodes_.at(place);
  const std::uint32_t position = rank(parent.children, bits);
  if ((parent.children & bit(bits)) == 0) {
    parent.child_base = nodes_.insert(parent.child_base, count(parent.children), position);
    parent.children |= bit(bits);
    *nodes_.at(parent.child_base + position) = Node{};
    *nodes_.at(place) = parent;
  }
  return parent.child_base + position;
}

void PrefixTable::insert(const PrefixKey& key, unsigned length, Value value) {
  if (length == 0) {
    size_ += has_default_ ? 0 : 1;
    default_ = value;
    has_default_ = true;
    return;
  }
  Chunks chunks(key);
  std::uint32_t place = kRoot;
  for (; length > kStride; length -= kStride) place = child(place, chunks.next());
  Node& node = *nodes_.at(place);
  const Slot slot = slot_of(chunks.next(), length);
  const std::uint32_t position = value_rank(node, slot);
  if (!holds(node, slot)) {
    node.value_base = values_.insert(node.value_base, value_count(node), position);
    (slot.is_full ? node.full : node.shorter) |= bit(slot.bit);
    ++size_;
  }
  *values_.at(node.value_base + position) = value;
}

bool PrefixTable::erase(const PrefixKey& key, unsigned length) {
  if (length == 0) {
    size_ -= has_default_ ? 1 : 0;
    return std::exchange(has_default_, false);
  }
  std::array<std::uint32_t, kDepth> path{kRoot};
  std::size_t depth = 0;
  Chunks chunks(key);
  for (; length > kStride; length -= kStride) {
    const Node& above = *nodes_.at(path[depth]);
    const unsigned bits = chunks.next();
    if ((above.children & bit(bits)) == 0) return false;
    path[++depth] = above.child_base + rank(above.children, bits);
  }
  Node& node = *nodes_.at(path[depth]);
  const Slot slot = slot_of(chunks.next(), length);
  if (!holds(node, slot)) return false;
  node.value_base = values_.erase(node.value_base, value_count(node), value_rank(node, slot));
  (slot.is_full ? node.full : node.shorter) &= ~bit(slot.bit);
  --size_;
  prune(path, key, depth);
  return true;
}

void PrefixTable::prune(const std::array<std::uint32_t, kDepth>& path, const PrefixKey& key,
                        std::size_t depth) {
  std::array<unsigned, kDepth> bits{};
  Chunks chunks(key);
  for (std::size_t i = 0; i < depth; ++i) bits[i] = chunks.next();
  for (; depth > 0; --depth) {
    const Node& node = *nodes_.at(path[depth]);
    if ((node.shorter | node.full | node.children) != 0) return;
    // A changed array of children stands elsewhere, but all nodes above it stay where they are.
    Node parent = *nodes_.at(path[depth - 1]);
    const std::uint32_t position = rank(parent.children, bits[depth - 1]);
    parent.child_base = nodes_.erase(parent.child_base, count(parent.children), position);
    parent.children &= ~bit(bits[depth - 1]);
    *nodes_.at(path[depth - 1]) = parent;
  }
}

}  // namespace ctflow
