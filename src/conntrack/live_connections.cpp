// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/live_connections.hpp"

#include <algorithm>
#include <cstring>

namespace ctflow {
namespace {

constexpr std::size_t kSmallestTable = 64;

/// The finalizer of SplitMix64: every bit of the input moves every bit of the result.
std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

std::uint64_t mix_address(std::uint64_t hash, const IpAddress& address) {
  for (std::size_t i = 0; i < 2; ++i) {
    std::uint64_t half = 0;
    std::memcpy(&half, address.octets.data() + 8 * i, sizeof half);
    hash = mix(hash ^ half);
  }
  return hash;
}

bool below(const Counters& left, const Counters& right) {
  return left.packets < right.packets || left.octets < right.octets;
}

Counters difference(const Counters& total, const Counters& told) {
  return {total.packets - told.packets, total.octets - told.octets};
}

}  // namespace

LiveConnections::LiveConnections(std::size_t limit) : limit_(limit), slots_(kSmallestTable) {}

std::uint64_t LiveConnections::key_of(const Flow& flow) {
  // CTA_ID alone has 32 bits; the tuple makes a collision of two living connections unlikely even
  // among millions.
  const Tuple& tuple = flow.original;
  std::uint64_t hash = mix(flow.id);
  hash = mix_address(hash, tuple.source);
  hash = mix_address(hash, tuple.destination);
  hash = mix(hash ^ (std::uint64_t{tuple.source_port} << 48 | std::uint64_t{tuple.icmp_id} << 32 |
                     std::uint64_t{tuple.destination_port} << 16 | tuple.protocol));
  return hash != 0 ? hash : 1;
}

std::size_t LiveConnections::find(std::uint64_t key) const {
  std::size_t index = home(key);
  while (slots_[index].key != 0 && slots_[index].key != key) index = home(index + 1);
  return index;
}

void LiveConnections::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.key != 0) slots_[find(slot.key)] = slot;
  }
}

void LiveConnections::erase(std::size_t index) {
  // Moves the slots behind the hole that linear probing would no longer find.
  std::size_t hole = index;
  for (std::size_t next = home(hole + 1); slots_[next].key != 0; next = home(next + 1)) {
    const std::size_t distance = home(next - home(slots_[next].key));
    if (distance >= home(next - hole)) {
      slots_[hole] = slots_[next];
      hole = next;
    }
  }
  slots_[hole] = Slot{};
  --size_;
}

LiveConnections::Outcome LiveConnections::report(Flow& flow) {
  if (!flow.present.counters) return Outcome::kNothing;
  const std::uint64_t key = key_of(flow);
  std::size_t index = find(key);
  if (slots_[index].key == 0) {
    if (size_ >= limit_) return Outcome::kFull;
    if ((size_ + 1) * 4 > slots_.size() * 3) {
      grow();
      index = find(key);
    }
    slots_[index] = {key, {}, {}, flow.start};
    ++size_;
  }
  Slot& slot = slots_[index];
  if (flow.forward == slot.forward && flow.backward == slot.backward) return Outcome::kNothing;
  // Fewer than before: another connection under the same key, whose predecessor's end we missed.
  const Slot told = below(flow.forward, slot.forward) || below(flow.backward, slot.backward)
                        ? Slot{key, {}, {}, flow.start}
                        : slot;
  slot = {key, flow.forward, flow.backward, flow.end};
  flow.forward = difference(flow.forward, told.forward);
  flow.backward = difference(flow.backward, told.backward);
  flow.start = std::clamp(told.end, flow.start, flow.end);
  return Outcome::kNews;
}

LiveConnections::Outcome LiveConnections::finish(Flow& flow) {
  if (!flow.present.counters) return Outcome::kNews;  // and none were remembered: a loss to count
  const std::size_t index = find(key_of(flow));
  if (slots_[index].key == 0) return Outcome::kNews;
  const Slot told = slots_[index];
  erase(index);
  if (flow.forward == told.forward && flow.backward == told.backward) return Outcome::kNothing;
  if (below(flow.forward, told.forward) || below(flow.backward, told.backward)) {
    return Outcome::kNews;  // another connection, see report()
  }
  flow.forward = difference(flow.forward, told.forward);
  flow.backward = difference(flow.backward, told.backward);
  flow.start = std::clamp(told.end, flow.start, flow.end);
  return Outcome::kNews;
}

}  // namespace ctflow
