// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/prefix_table.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace ctflow {

PrefixTable::Place PrefixTable::place_of(const PrefixKey& key, unsigned length) {
  const unsigned level = level_of(length);
  const unsigned bits = chunk(key, level);
  const unsigned rest = length - level * kStride;
  if (rest == kStride) return {true, bits};
  return {false, (1U << rest) - 2 + (bits >> (kStride - rest))};
}

std::size_t PrefixTable::slot_of(const PrefixKey& name) const {
  const std::uint64_t hash = hash_of(name);
  std::size_t slot = home_of(hash);
  while (slots_[slot] != kEmpty && ((slots_[slot] & kTagMask) != tag_of(hash) ||
                                    !(nodes_.at(number_of(slots_[slot]))->name == name))) {
    slot = after(slot);
  }
  return slot;
}

void PrefixTable::grow() {
  constexpr std::size_t kLeast = 4;
  std::vector<Slot> before(std::max(kLeast, slots_.size() * 2), kEmpty);
  std::swap(before, slots_);
  shift_ = 64 - highest(slots_.size());
  for (const Slot slot : before) {
    if (slot == kEmpty) continue;
    std::size_t place = home_of(hash_of(nodes_.at(number_of(slot))->name));
    while (slots_[place] != kEmpty) place = after(place);
    slots_[place] = slot;
  }
}

void PrefixTable::enter_directly(const PrefixKey& name, std::uint32_t number) {
  if (!direct_.empty()) {
    direct_[direct_place(name)] = number + 1;
    return;
  }
  if (nodes_of_level_[kDirectLevel] < kDirectFrom) return;
  direct_.resize(std::size_t{1} << (kDirectLevel * kStride));
  for (const Slot slot : slots_) {
    if (slot == kEmpty) continue;
    const PrefixKey& each = nodes_.at(number_of(slot))->name;
    if (name_length(each) != kDirectLevel * kStride) continue;
    direct_[direct_place(each)] = number_of(slot) + 1;
  }
}

/// One that is not there yet.
PrefixTable::Node& PrefixTable::make_node(const PrefixKey& key, unsigned level) {
  if (2 * (std::size_t{node_count_} + 1) > slots_.size()) grow();
  const PrefixKey name = name_of(key, level);
  Slot& slot = slots_[slot_of(name)];
  const std::uint32_t number = nodes_.allocate(1);
  if (number + 1 >= 1U << (32 - kTagBits)) throw std::bad_alloc();
  *nodes_.at(number) = Node{.name = name};
  slot = (number + 1) << kTagBits | tag_of(hash_of(name));
  ++node_count_;
  ++nodes_of_level_[level];
  levels_ |= 1U << level;
  if (level == kDirectLevel) enter_directly(name, number);
  return *nodes_.at(number);
}

void PrefixTable::drop_node(const PrefixKey& key, unsigned level) {
  const std::size_t slot = slot_of(name_of(key, level));
  if (is_direct(level)) {
    direct_[direct_place(nodes_.at(number_of(slots_[slot]))->name)] = 0;
  }
  nodes_.release(number_of(slots_[slot]), 1);
  --node_count_;
  if (--nodes_of_level_[level] == 0) levels_ ^= 1U << level;
  // Who stands behind it because its place was taken moves up.
  std::size_t hole = slot;
  for (std::size_t i = after(hole); slots_[i] != kEmpty; i = after(i)) {
    const std::size_t home = home_of(hash_of(nodes_.at(number_of(slots_[i]))->name));
    const std::size_t mask = slots_.size() - 1;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = kEmpty;
}

/// Makes room at `position`, before the bit is set.
void PrefixTable::insert_value(Node& node, std::uint32_t position) {
  const std::uint32_t before = value_count(node);
  Value* values = node.values.data();
  if (before > kInline) {
    values[0] = values_.insert(values[0], before, position);
  } else if (before == kInline) {
    const std::uint32_t moved = values_.allocate(before + 1);
    std::copy_n(values, position, values_.at(moved));
    std::copy_n(values + position, before - position, values_.at(moved) + position + 1);
    values[0] = moved;
  } else {
    std::copy_backward(values + position, values + before, values + before + 1);
  }
}

/// Removes the value at `position`, before the bit is cleared.
void PrefixTable::erase_value(Node& node, std::uint32_t position) {
  const std::uint32_t before = value_count(node);
  Value* values = node.values.data();
  if (before > kInline + 1) {
    values[0] = values_.erase(values[0], before, position);
  } else if (before == kInline + 1) {
    const std::uint32_t block = values[0];
    const Value* from = values_.at(block);
    std::copy_n(from, position, values);
    std::copy_n(from + position + 1, kInline - position, values + position);
    values_.release(block, before);
  } else {
    std::copy(values + position + 1, values + before, values + position);
  }
}

PrefixTable::Value* PrefixTable::find(const PrefixKey& key, unsigned length) {
  if (length == 0) return has_default_ ? &default_ : nullptr;
  const unsigned level = level_of(length);
  if ((levels_ >> level & 1) == 0) return nullptr;
  Node* node = node_of(key, level);
  const Place place = place_of(key, length);
  if (node == nullptr || !holds(*node, place)) return nullptr;
  return values_of(*node) + value_rank(*node, place);
}

void PrefixTable::insert(const PrefixKey& key, unsigned length, Value value) {
  if (length == 0) {
    size_ += has_default_ ? 0 : 1;
    default_ = value;
    has_default_ = true;
    return;
  }
  const unsigned level = level_of(length);
  Node* const found = (levels_ >> level & 1) != 0 ? node_of(key, level) : nullptr;
  Node& node = found != nullptr ? *found : make_node(key, level);
  const Place place = place_of(key, length);
  const std::uint32_t position = value_rank(node, place);
  if (!holds(node, place)) {
    insert_value(node, position);
    (place.is_full ? node.full : node.shorter) |= bit(place.bit);
    ++size_;
  }
  values_of(node)[position] = value;
}

bool PrefixTable::erase(const PrefixKey& key, unsigned length) {
  if (length == 0) {
    size_ -= has_default_ ? 1 : 0;
    return std::exchange(has_default_, false);
  }
  const unsigned level = level_of(length);
  if ((levels_ >> level & 1) == 0) return false;
  Node* const found = node_of(key, level);
  const Place place = place_of(key, length);
  if (found == nullptr || !holds(*found, place)) return false;
  Node& node = *found;
  const std::uint32_t position = value_rank(node, place);
  erase_value(node, position);
  (place.is_full ? node.full : node.shorter) &= ~bit(place.bit);
  --size_;
  if (node.shorter == 0 && node.full == 0) drop_node(key, level);
  return true;
}

}  // namespace ctflow
