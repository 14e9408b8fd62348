// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/reported_connections.hpp"

#include <algorithm>

#include "conntrack/flow/tuple_hash.hpp"

namespace ctflow {
namespace {

/// CTA_ID alone has 32 bits, and comes back when the kernel gives the memory of an ended connection
/// to a successor with the same tuple; tuple and start make it unique.
std::uint64_t key_of(const Flow& flow) {
  std::uint64_t hash = unstamped_key(flow);
  if (flow.present.start) {
    hash = mix(hash ^ static_cast<std::uint64_t>(flow.start.time_since_epoch().count()));
  }
  return std::max(hash, ConnectionTable::kFirstKey);
}

std::uint64_t end_key_of(const Flow& flow, std::uint64_t key) {
  if (flow.present.start) return key;
  for (const Counters& one : {flow.forward, flow.backward}) {
    key = mix(mix(key ^ one.packets) ^ one.octets);
  }
  return std::max(key, ConnectionTable::kFirstKey);
}

bool has_wire_counters(const KernelExtras& extras) {
  return extras.original.has_wire || extras.reply.has_wire;
}

bool below(const Counters& left, const Counters& right) {
  return left.packets < right.packets || left.octets < right.octets;
}

Counters difference(const Counters& total, const Counters& told) {
  return {total.packets - told.packets, total.octets - told.octets};
}

/// More packets than so few octets can be: an IP header alone has 20. Counters are read one after
/// the other while packets are counted, which is why a few packets prove nothing.
bool misfit(const Counters& total, const Counters& told) {
  constexpr std::uint64_t kEnough = 64;
  constexpr std::uint64_t kLeastOctets = 20;
  const Counters grown = difference(total, told);
  return told.packets > 0 && grown.packets >= kEnough &&
         grown.octets / kLeastOctets < grown.packets;
}

/// Counters that fell: somebody set them to zero (`conntrack -L -z`), or without kernel timestamps
/// another connection has come under the same key. Either way all that is counted now is new.
bool began_again(const Flow& flow, const Remembered& entry) {
  if (below(flow.forward, entry.forward) || below(flow.backward, entry.backward)) return true;
  // The counters of offloaded connections are added in large portions, packets before octets.
  if ((flow.status & status::kOffloaded) != 0) return false;
  return misfit(flow.forward, entry.forward) || misfit(flow.backward, entry.backward);
}

/// Leaves in `flow` what `told` does not have yet. False: nothing.
bool subtract(Flow& flow, const Remembered& told) {
  if (flow.forward == told.forward && flow.backward == told.backward) return false;
  // Counters that never fall: a report that was overtaken by another one.
  if (below(flow.forward, told.forward) || below(flow.backward, told.backward)) return false;
  flow.forward = difference(flow.forward, told.forward);
  flow.backward = difference(flow.backward, told.backward);
  // What is new came after what was told, whatever the timeout says of its end.
  flow.end = std::max(flow.end, std::min(told.told_until, flow.event_time));
  flow.start = std::clamp(told.told_until, flow.start, flow.end);
  return true;
}

/// Packets of both directions when they were last looked at.
std::uint64_t seen(const Remembered& entry) {
  const std::uint64_t told = entry.forward.packets + entry.backward.packets;
  const auto since =
      static_cast<std::int32_t>(entry.seen_packets - static_cast<std::uint32_t>(told));
  return told + static_cast<std::uint32_t>(std::max(since, 0));
}

bool is_empty(const Flow& flow) {
  return flow.present.counters && flow.forward == Counters{} && flow.backward == Counters{};
}

void book(Remembered& entry, const Flow& totals) {
  entry.forward = totals.forward;
  entry.backward = totals.backward;
  entry.told_until = totals.end;
}

/// The visit before is not known. No visit is that early.
constexpr Tenths kNotVisited{0};

/// All packets seen so far were taken off the counters, and none came since: when the last one
/// came, before or behind the last visit, nobody knows.
bool zeroed(std::uint32_t seen, std::uint32_t packets) { return packets == 0 && seen != 0; }

Tenths tenths(LiveConnections::Steady time, LiveConnections::Steady epoch) {
  return std::chrono::duration_cast<Tenths>(time - epoch);
}

}  // namespace

std::uint64_t unstamped_key(const Flow& decoded) {
  const std::uint64_t seed = decoded.id | std::uint64_t{decoded.zone} << 32;
  return std::max(hash_of(decoded.original, seed), ConnectionTable::kFirstKey);
}

Sighting::Sighting(const Flow& decoded, bool wire_counters)
    : key(key_of(decoded)),
      total_packets(decoded.forward.packets + decoded.backward.packets),
      end_key(end_key_of(decoded, key)),
      stamped(decoded.present.start) {
  if (wire_counters && has_wire_counters(decoded.extras)) {
    total_packets = decoded.extras.original.wire.packets + decoded.extras.reply.wire.packets;
    resettable = !stamped;  // without a stamp a successor may have the key
  }
  packets = static_cast<std::uint32_t>(total_packets);
}

void LiveConnections::watch_fall(Remembered& entry, const Sighting& sighting) {
  if (!sighting.resettable) return;
  const std::uint64_t before = seen(entry);
  if (sighting.total_packets >= before) return;
  ++falls_.connections;
  falls_.packets += before - entry.forward.packets - entry.backward.packets;
  entry.forward = entry.backward = {};
}

void LiveConnections::watch_fall(Remembered& entry, const Sighting& sighting, const Flow& flow) {
  if (!sighting.resettable || !began_again(flow, entry)) return;
  ++falls_.connections;
  entry.forward = entry.backward = {};
  // What was seen is void, too, and when the packets since came is not known.
  if (entry.seen_packets != sighting.packets) entry.seen_packets = 0;
}

Remembered* LiveConnections::remember(const Sighting& sighting, const Instant& now) {
  return table_.size() < limit_ ? insert(sighting, now) : nullptr;
}

Remembered* LiveConnections::insert(const Sighting& sighting, const Instant& now) {
  Remembered* entry = table_.insert(sighting.key);
  if (entry == nullptr) return nullptr;
  entry->seen_packets = sighting.packets;
  entry->visited = entry->grown = tenths(now.steady, epoch_);
  entry->pass = pass_;
  return entry;
}

LiveConnections::Outcome LiveConnections::report(const Sighting& sighting, Flow& flow,
                                                 const Instant& now) {
  if (!flow.present.counters) return Outcome::kNothing;
  Remembered* entry = table_.find(sighting.key);
  if (entry == nullptr) {
    if (is_empty(flow)) return Outcome::kNothing;
    entry = remember(sighting, now);
    if (entry == nullptr) return Outcome::kFull;
    entry->told_until = flow.start;
  }
  watch_fall(*entry, sighting, flow);
  const Flow totals = flow;
  if (!subtract(flow, *entry)) return Outcome::kNothing;
  book(*entry, totals);
  entry->visits = 0;
  return Outcome::kNews;
}

LiveConnections::Outcome LiveConnections::finish(const Sighting& sighting, Flow& flow) {
  ended_.add(sighting.key);
  Remembered* entry = table_.find(sighting.key);
  if (entry == nullptr) return is_empty(flow) ? Outcome::kEmpty : Outcome::kNews;
  if (flow.present.counters) {
    watch_fall(*entry, sighting);
    watch_fall(*entry, sighting, flow);
  }
  // None uncounted was remembered, and such a loss has to be counted, too.
  const bool news = !flow.present.counters || subtract(flow, *entry);
  table_.erase(*entry);
  return news ? Outcome::kNews : Outcome::kNothing;
}

bool LiveConnections::adopt(const Sighting& sighting, const Flow& flow, const Instant& now) {
  if (!flow.present.counters || remembers(sighting)) return false;
  Remembered* entry = remember(sighting, now);
  if (entry == nullptr) return false;
  book(*entry, flow);
  return true;
}

LiveConnections::Visit LiveConnections::visit(const Sighting& sighting, const Instant& now) {
  if (ended_.may_contain(sighting.key)) return Visit::kGone;
  Remembered* entry = table_.find(sighting.key);
  if (entry == nullptr) return Visit::kUnknown;
  const Tenths time = tenths(now.steady, epoch_);
  // What the kernel wrote before the last look proves nothing.
  if (time > entry->visited) watch_fall(*entry, sighting);
  if (entry->seen_packets != sighting.packets) {
    const bool bounded =
        entry->visited != kNotVisited && !zeroed(entry->seen_packets, sighting.packets);
    const std::uint32_t window =
        bounded ? (time - entry->visited).count() : Remembered::kUnknownWindow;
    entry->window =
        static_cast<std::uint16_t>(std::min<std::uint32_t>(window, Remembered::kUnknownWindow));
    entry->grown = time;
    entry->seen_packets = sighting.packets;
  }
  entry->visited = time;
  entry->pass = pass_;
  if (entry->visits < 2) ++entry->visits;
  return entry->visits < 2 ? Visit::kEarly : Visit::kDue;
}

std::optional<Bounds> LiveConnections::last_packet(const Sighting& sighting, const Instant& now) {
  const Remembered* entry = table_.find(sighting.key);
  if (entry == nullptr) return std::nullopt;
  const auto wall = [&](Tenths time) { return now.wall - (now.steady - (epoch_ + time)); };
  // What is new came after what was reported.
  const bool news = sighting.packets !=
                    static_cast<std::uint32_t>(entry->forward.packets + entry->backward.packets);
  const TimePoint told = news ? entry->told_until : TimePoint::min();
  const auto since = [&](TimePoint time) { return Bounds{std::max(time, told), {}}; };
  constexpr Tenths kRounding{1};  // the tenths were rounded down
  const bool grew = entry->seen_packets != sighting.packets;
  const bool bounded =
      grew ? entry->visited != kNotVisited && !zeroed(entry->seen_packets, sighting.packets)
           : entry->window != Remembered::kUnknownWindow;
  Bounds bounds = since(TimePoint::min());
  if (bounded && grew) bounds = since(wall(entry->visited));
  if (bounded && !grew) bounds = since(wall(entry->grown - Tenths(entry->window) - kRounding));
  const bool seen = !grew && entry->grown != kNotVisited;
  bounds.latest = seen ? std::min(wall(entry->grown + kRounding), now.wall) : now.wall;
  return bounds;
}

std::size_t LiveConnections::forget_vanished(std::size_t position, std::size_t budget,
                                             std::optional<std::uint8_t> pass,
                                             std::uint64_t& vanished,
                                             const std::function<void(const Remembered&)>& stays) {
  return table_.sweep(position, budget, [&](const Remembered& entry) {
    // A later pass may be under way and have met it.
    const bool gone = pass && static_cast<std::int8_t>(*pass - entry.pass) >= 2;
    vanished += gone;
    if (!gone) stays(entry);
    return gone;
  });
}

bool LiveConnections::restore(const Remembered& told, const Instant& now) {
  if (told.key < ConnectionTable::kFirstKey || table_.find(told.key) != nullptr) return true;
  Sighting sighting;
  sighting.key = told.key;
  sighting.packets = static_cast<std::uint32_t>(told.forward.packets + told.backward.packets);
  Remembered* entry = insert(sighting, now);
  if (entry == nullptr) return false;
  entry->forward = told.forward;
  entry->backward = told.backward;
  entry->told_until = told.told_until;
  entry->visited = entry->grown = kNotVisited;
  return true;
}

void LiveConnections::shift(std::chrono::nanoseconds step) {
  table_.for_each([step](Remembered& entry) { entry.told_until += step; });
}

}  // namespace ctflow
