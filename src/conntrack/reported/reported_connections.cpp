// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/reported/reported_connections.hpp"

#include <algorithm>

#include "ctflow/clock.hpp"

namespace ctflow {
namespace {

bool below(const Counters& left, const Counters& right) {
  return left.packets < right.packets || left.octets < right.octets;
}

Counters difference(const Counters& total, const Counters& reported) {
  return {total.packets - reported.packets, total.octets - reported.octets};
}

Counters lesser(const Counters& left, const Counters& right) {
  return {std::min(left.packets, right.packets), std::min(left.octets, right.octets)};
}

/// More packets than so few octets can be: an IP header alone has 20. Counters are read one after
/// the other while packets are counted, which is why a few packets prove nothing.
bool misfit(const Counters& total, const Counters& reported) {
  constexpr std::uint64_t kEnough = 64;
  constexpr std::uint64_t kLeastOctets = 20;
  const Counters grown = difference(total, reported);
  return reported.packets > 0 && grown.packets >= kEnough &&
         grown.octets / kLeastOctets < grown.packets;
}

/// Counters that fell: a program set them to zero (`conntrack -L -z`), or without kernel timestamps
/// another connection has come under the same key. Either way all that is counted now is new.
bool began_again(const Flow& flow, const ReportedConnection& entry) {
  if (below(flow.original_counters, entry.original_counters) ||
      below(flow.reply_counters, entry.reply_counters))
    return true;
  // The counters of offloaded connections are added in large portions, packets before octets.
  if ((flow.status & status::kOffloaded) != 0) return false;
  return misfit(flow.original_counters, entry.original_counters) ||
         misfit(flow.reply_counters, entry.reply_counters);
}

/// All that conntrack had counted is void.
void forget_counted(ReportedConnection& entry, const ConnectionIdentity& identity) {
  entry.original_counters = identity.original_beside;
  entry.reply_counters = identity.reply_beside;
}

/// So it was, and nothing was reported since.
bool counts_anew(const ReportedConnection& entry, const ConnectionIdentity& identity) {
  return entry.original_counters == identity.original_beside &&
         entry.reply_counters == identity.reply_beside;
}

/// Leaves in `flow` what `reported` does not have yet. False: nothing.
bool subtract(Flow& flow, const ReportedConnection& reported, const ConnectionIdentity& identity) {
  if (flow.original_counters == reported.original_counters &&
      flow.reply_counters == reported.reply_counters)
    return false;
  // Counters that never fall: a report that was overtaken by another one.
  if (below(flow.original_counters, reported.original_counters) ||
      below(flow.reply_counters, reported.reply_counters))
    return false;
  flow.earlier = {reported.original_counters, reported.reply_counters, flow.start};
  if (counts_anew(reported, identity)) flow.earlier = {{}, {}, flow.start};
  flow.original_counters = difference(flow.original_counters, reported.original_counters);
  flow.reply_counters = difference(flow.reply_counters, reported.reply_counters);
  // What is new came after what was reported, whatever the timeout says of its end.
  flow.end = std::max(flow.end, std::min(reported.reported_until, flow.event_time));
  flow.start = std::clamp(reported.reported_until, flow.start, flow.end);
  return true;
}

/// Packets of both directions when they were last looked at.
std::uint64_t seen(const ReportedConnection& entry) {
  const std::uint64_t reported = entry.original_counters.packets + entry.reply_counters.packets;
  const auto since =
      static_cast<std::int32_t>(entry.seen_packets - static_cast<std::uint32_t>(reported));
  return reported + static_cast<std::uint32_t>(std::max(since, 0));
}

void book(ReportedConnection& entry, const Flow& totals) {
  entry.original_counters = totals.original_counters;
  entry.reply_counters = totals.reply_counters;
  entry.reported_until = totals.end;
}

/// The visit before is not known. No visit is that early.
constexpr Tenths kNotVisited{0};

/// All packets seen so far were taken off the counters, and none came since: when the last one
/// came, before or behind the last visit, is not known.
bool zeroed(std::uint32_t seen, const ConnectionIdentity& identity) {
  const auto left =
      static_cast<std::uint32_t>(identity.original_beside.packets + identity.reply_beside.packets);
  return identity.packets == left && seen != left;
}

Tenths tenths(MonoTime time, MonoTime epoch) {
  return std::chrono::duration_cast<Tenths>(time - epoch);
}

}  // namespace

std::uint32_t derived_id(const Flow& decoded) {
  std::uint64_t hash = hash_of(decoded.original, std::uint64_t{decoded.original.zone} << 32);
  hash = std::max(hash, ReportedMap::kFirstKey);
  if (decoded.present.start) {
    hash = mix(hash ^ static_cast<std::uint64_t>(decoded.start.time_since_epoch().count()));
  }
  return std::max(static_cast<std::uint32_t>(hash >> 32), std::uint32_t{1});
}

std::uint64_t unstamped_end_key(const Flow& decoded, std::uint64_t key) {
  for (const Counters& one : {decoded.original_counters, decoded.reply_counters}) {
    key = mix(mix(key ^ one.packets) ^ one.octets);
  }
  return std::max(key, ReportedMap::kFirstKey);
}

void ReportedConnections::watch_measure(ReportedConnection& entry,
                                        const ConnectionIdentity& identity, const Flow& flow) {
  if (entry.wire == identity.wire) return;
  entry.wire = identity.wire;
  entry.original_counters = lesser(entry.original_counters, flow.original_counters);
  entry.reply_counters = lesser(entry.reply_counters, flow.reply_counters);
  entry.seen_packets = identity.packets;
}

void ReportedConnections::count_by_conntrack(const ConntrackTotals& totals) {
  ReportedConnection* entry = table_.find(totals.key);
  if (entry == nullptr || !entry->wire) return;
  entry->wire = false;
  entry->original_counters = totals.original_counters;
  entry->reply_counters = totals.reply_counters;
}

void ReportedConnections::watch_fall(ReportedConnection& entry,
                                     const ConnectionIdentity& identity) {
  if (!identity.resettable) return;
  const std::uint64_t before = seen(entry);
  if (identity.total_packets >= before) return;
  ++falls_.connections;
  falls_.packets += before - entry.original_counters.packets - entry.reply_counters.packets;
  forget_counted(entry, identity);
}

void ReportedConnections::watch_fall(ReportedConnection& entry, const ConnectionIdentity& identity,
                                     const Flow& flow) {
  if (!identity.resettable || !began_again(flow, entry)) return;
  ++falls_.connections;
  forget_counted(entry, identity);
  // What was seen is void, too, and when the packets since came is not known.
  if (entry.seen_packets != identity.packets) entry.seen_packets = 0;
}

ReportedConnection* ReportedConnections::insert_within_limit(const ConnectionIdentity& identity,
                                                             const Written& written) {
  return table_.size() < limit_ ? insert(identity, written) : nullptr;
}

ReportedConnection* ReportedConnections::insert(const ConnectionIdentity& identity,
                                                const Written& written) {
  ReportedConnection* entry = table_.insert(identity.key);
  if (entry == nullptr) return nullptr;
  entry->seen_packets = identity.packets;
  entry->visited = tenths(written.earliest.steady, epoch_);
  entry->grown = tenths(written.latest.steady, epoch_);
  entry->scan = scan_;
  return entry;
}

ReportedConnections::Outcome ReportedConnections::report(const ConnectionIdentity& identity,
                                                         Flow& flow, const Written& written) {
  if (!flow.present.counters) return Outcome::kNothing;
  ReportedConnection* entry = table_.find(identity.key);
  if (entry == nullptr) {
    if (is_empty(flow)) return Outcome::kNothing;
    entry = insert_within_limit(identity, written);
    if (entry == nullptr) return Outcome::kFull;
    entry->reported_until = flow.start;
    entry->wire = identity.wire;
  }
  watch_measure(*entry, identity, flow);
  watch_fall(*entry, identity, flow);
  const Flow totals = flow;
  if (!subtract(flow, *entry, identity)) return Outcome::kNothing;
  book(*entry, totals);
  entry->reported_until = flow.end;  // may be later than the estimate for the totals
  entry->visits = 0;
  return Outcome::kNews;
}

ReportedConnections::Outcome ReportedConnections::finish_reported(ReportedConnection& entry,
                                                                  const ConnectionIdentity identity,
                                                                  Flow& flow) {
  if (flow.present.counters) {
    watch_measure(entry, identity, flow);
    watch_fall(entry, identity);
    watch_fall(entry, identity, flow);
  }
  // None uncounted was remembered, and such a loss has to be counted, too.
  const bool news = !flow.present.counters || subtract(flow, entry, identity);
  // It began before that; when is not known.
  if (!news && !flow.present.start) flow.start = std::min(entry.reported_until, flow.end);
  table_.erase(entry);
  return news ? Outcome::kNews : Outcome::kNothing;
}

bool ReportedConnections::adopt(const ConnectionIdentity& identity, const Flow& flow,
                                const Written& written) {
  if (!flow.present.counters || contains(identity)) return false;
  ReportedConnection* entry = insert_within_limit(identity, written);
  if (entry == nullptr) return false;
  entry->wire = identity.wire;
  book(*entry, flow);
  return true;
}

ReportedConnections::Visit ReportedConnections::visit(const ConnectionIdentity& identity,
                                                      const Written& written) {
  // What is remembered has not ended: its end would have erased it.
  ReportedConnection* entry = table_.find(identity.key);
  if (entry == nullptr) return ended_.may_contain(identity.key) ? Visit::kGone : Visit::kUnknown;
  // Except that without a stamp a successor may be remembered under the same key.
  if (!identity.stamped && ended_.may_contain(identity.key)) {
    entry->scan = scan_;
    return Visit::kGone;
  }
  const Tenths time = tenths(written.earliest.steady, epoch_);
  // What the kernel wrote before the last look proves nothing.
  if (time > entry->visited && entry->wire == identity.wire) watch_fall(*entry, identity);
  if (entry->seen_packets != identity.packets) {
    const bool bounded = entry->visited != kNotVisited && !zeroed(entry->seen_packets, identity);
    const Tenths latest = tenths(written.latest.steady, epoch_);
    const std::uint32_t window =
        bounded ? (latest - entry->visited).count() : ReportedConnection::kUnknownWindow;
    entry->window = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(window, ReportedConnection::kUnknownWindow));
    entry->grown = latest;
    entry->seen_packets = identity.packets;
  }
  entry->visited = time;
  entry->scan = scan_;
  if (entry->visits < 2) ++entry->visits;
  return entry->visits < 2 ? Visit::kEarly : Visit::kDue;
}

Bounds ReportedConnections::last_packet(const ReportedConnection& entry,
                                        const ConnectionIdentity& identity,
                                        const Instant& now) const {
  const auto wall = [&](Tenths time) { return now.wall - (now.steady - (epoch_ + time)); };
  // What is new came after what was reported.
  const bool news = identity.packets != static_cast<std::uint32_t>(entry.original_counters.packets +
                                                                   entry.reply_counters.packets);
  const TimePoint reported = news ? entry.reported_until : TimePoint::min();
  const auto since = [&](TimePoint time) { return Bounds{std::max(time, reported), {}}; };
  constexpr Tenths kRounding{1};  // the tenths were rounded down
  const bool grew = entry.seen_packets != identity.packets;
  const bool bounded = grew ? entry.visited != kNotVisited && !zeroed(entry.seen_packets, identity)
                            : entry.window != ReportedConnection::kUnknownWindow;
  Bounds bounds = since(TimePoint::min());
  if (bounded && grew) bounds = since(wall(entry.visited));
  if (bounded && !grew) bounds = since(wall(entry.grown - Tenths(entry.window) - kRounding));
  const bool seen = !grew && entry.grown != kNotVisited;
  bounds.latest = seen ? std::min(wall(entry.grown + kRounding), now.wall) : now.wall;
  return bounds;
}

std::size_t ReportedConnections::forget_vanished(
    std::size_t position, std::size_t budget, std::optional<std::uint8_t> scan,
    std::uint64_t& vanished, const std::function<void(const ReportedConnection&)>& stays) {
  return table_.sweep(position, budget, [&](const ReportedConnection& entry) {
    // A later scan may be under way and have met it.
    const bool gone = scan && static_cast<std::int8_t>(*scan - entry.scan) >= 2;
    vanished += gone;
    if (!gone) stays(entry);
    return gone;
  });
}

bool ReportedConnections::restore(const ReportedConnection& reported, const Instant& now) {
  if (reported.key < ReportedMap::kFirstKey || table_.find(reported.key) != nullptr) return true;
  ConnectionIdentity identity;
  identity.key = reported.key;
  identity.packets = static_cast<std::uint32_t>(reported.original_counters.packets +
                                                reported.reply_counters.packets);
  ReportedConnection* entry = insert(identity, Written{now, now});
  if (entry == nullptr) return false;
  entry->original_counters = reported.original_counters;
  entry->reply_counters = reported.reply_counters;
  entry->reported_until = reported.reported_until;
  entry->wire = reported.wire;
  entry->visited = entry->grown = kNotVisited;
  return true;
}

void ReportedConnections::shift(std::chrono::nanoseconds step) {
  table_.for_each([step](ReportedConnection& entry) { entry.reported_until += step; });
}

}  // namespace ctflow
