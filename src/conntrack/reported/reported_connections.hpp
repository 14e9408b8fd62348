// SPDX-License-Identifier: GPL-2.0-or-later
// What was already reported of connections that still exist.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "conntrack/flow/last_packet.hpp"
#include "conntrack/flow/tuple_hash.hpp"
#include "conntrack/flow/written.hpp"
#include "conntrack/reported/recently_ended.hpp"
#include "conntrack/reported/reported_map.hpp"
#include "ctflow/clock.hpp"
#include "ctflow/flow.hpp"

namespace ctflow {

/// Flow::id where not all that is read has CTA_ID: a hash of tuple, zone and start, never 0. It is
/// in records and in the NAT log: another hash is for tables.
/// `decoded`: with its times as the kernel gave them.
std::uint32_t derived_id(const Flow& decoded);

/// The key of a connection without a start time, as when it has just begun. `id`: CTA_ID, 0 where
/// connections are told apart without.
inline std::uint64_t unstamped_key(const Flow& decoded, std::uint32_t id) {
  return std::max(table_place(table_hash_of(decoded.original), id), ReportedMap::kFirstKey);
}

/// The same of any connection. CTA_ID alone has 32 bits, and comes back when the kernel gives the
/// memory of an ended connection to a successor with the same tuple. Tuple and start are unique,
/// whether the feed has CTA_ID or not: what was remembered of one is of use to the other. All
/// ctflowd of one boot have the same keys, and an outsider knows none.
inline std::uint64_t key_of(const Flow& decoded, std::uint32_t id) {
  if (!decoded.present.start) return unstamped_key(decoded, id);
  const auto start = static_cast<std::uint64_t>(decoded.start.time_since_epoch().count());
  return std::max(table_place(table_hash_of(decoded.original), start), ReportedMap::kFirstKey);
}

/// The key of an end without a start time, which the counters are a part of.
std::uint64_t unstamped_end_key(const Flow& decoded, std::uint64_t key);

/// What distinguishes a connection from others, and how much it had counted. To be taken from a
/// flow as it was decoded, before anything corrects its times and counters.
struct ConnectionIdentity {
  std::uint64_t key = 0;
  std::uint32_t packets = 0;  ///< of both directions, modulo 2^32
  std::uint64_t total_packets = 0;
  /// Distinguishes its end from others. Without kernel timestamps a successor with the same tuple
  /// may get the same key; then the counters have to agree, too.
  std::uint64_t end_key = 0;
  bool stamped = false;    ///< by the kernel: the keys are never used again
  bool resettable = true;  ///< other programs can set the counters to zero
  bool wire = false;       ///< counted as on the wire, not by conntrack
  /// Where that goes on by conntrack's counters: what is left when these are set to zero.
  Counters original_beside;
  Counters reply_beside;

  ConnectionIdentity() = default;
  /// Counters of the wire, where the flow has them, are those that count.
  explicit ConnectionIdentity(const Flow& decoded)
      : key(key_of(decoded, decoded.id)),
        total_packets(decoded.original_counters.packets + decoded.reply_counters.packets),
        end_key(decoded.present.start ? key : unstamped_end_key(decoded, key)),
        stamped(decoded.present.start) {
    const KernelExtras& extras = decoded.extras;
    if (extras.original.has_wire || extras.reply.has_wire) {
      total_packets = extras.original.wire.packets + extras.reply.wire.packets;
      wire = true;
      resettable = !stamped;  // without a stamp a successor may have the key
      if (stamped && (extras.original.continued || extras.reply.continued)) {
        resettable = true;
        original_beside = extras.original.beside;
        reply_beside = extras.reply.beside;
      }
    }
    packets = static_cast<std::uint32_t>(total_packets);
  }
};

/// It was counted, and no packet was.
inline bool is_empty(const Flow& flow) {
  return flow.present.counters && flow.original_counters == Counters{} &&
         flow.reply_counters == Counters{};
}

/// Counters of the kernel that were less than before: another program set them to zero.
struct Falls {
  std::uint64_t connections = 0;  ///< times that one of its counters fell
  /// What scans had seen of them since the previous report: exported by none. Packets
  /// that no scan saw before the fall come on top.
  std::uint64_t packets = 0;
};

/// What conntrack had counted of a connection when what was measured of it was read.
struct ConntrackTotals {
  std::uint64_t key = 0;
  Counters original_counters;
  Counters reply_counters;
};

/// Turns the kernel's totals into what is new since the previous report of the same connection.
/// Remembers only connections with an interim report: 64 octets each, in a table that
/// is never more than three quarters full.
class ReportedConnections {
 public:
  /// `limit`: connections remembered at most. `began`: no later time is ever earlier than this.
  /// `ends`: those that can be kept while a part of the table waits.
  explicit ReportedConnections(std::size_t limit, MonoTime began = std::chrono::steady_clock::now(),
                               std::size_t ends = RecentlyEnded::kLimit)
      : limit_(limit), ended_(ends), epoch_(began - kLongestWindow) {}

  enum class Outcome : std::uint8_t {
    kNews,     ///< the flow now holds what is new: counters, and its start
    kNothing,  ///< nothing is new; the flow is unchanged, but has a start if the kernel said none
    kFull,     ///< no room to remember: the connection must wait for its end
    kEmpty,    ///< it ended, and no packet was ever counted
  };

  /// An existing connection, with totals.
  Outcome report(const ConnectionIdentity& identity, Flow& flow, const Written& written);
  Outcome report(const ConnectionIdentity& identity, Flow& flow, const Instant& now) {
    return report(identity, flow, Written{now, now});
  }

  /// finish() comes soon.
  void expect(std::uint64_t key) const { table_.expect(key); }

  /// A connection that ended, with totals; it is forgotten. Never kFull.
  Outcome finish(const ConnectionIdentity& identity, Flow& flow) {
    ended_.add(identity.key);
    ReportedConnection* entry = table_.find(identity.key);
    if (entry != nullptr) return finish_reported(*entry, identity, flow);
    return is_empty(flow) ? Outcome::kEmpty : Outcome::kNews;
  }

  /// Takes the totals as already reported. False: no room, or nothing was counted.
  bool adopt(const ConnectionIdentity& identity, const Flow& flow, const Written& written);

  /// What the ctflowd before this one had reported, also beyond the limit: what is forgotten is
  /// exported twice. When it saw packets last is not known. False: there is no memory.
  bool restore(const ReportedConnection& stored, const Instant& now);

  /// Every connection that is remembered.
  template <typename Action>
  void for_each(Action action) {
    table_.for_each([&](const ReportedConnection& entry) { action(entry); });
  }

  [[nodiscard]] bool contains(const ConnectionIdentity& identity) {
    return table_.find(identity.key) != nullptr;
  }

  /// Remembered, and its previous report was counted as on the wire.
  [[nodiscard]] bool counts_wire(const ConnectionIdentity& identity) {
    const ReportedConnection* entry = table_.find(identity.key);
    return entry != nullptr && entry->wire;
  }

  /// Takes conntrack's totals as reported, where a report of the same moment had those of the wire:
  /// for a successor of this program, which has only conntrack's.
  void count_by_conntrack(const ConntrackTotals& totals);

  enum class Visit : std::uint8_t {
    kUnknown,  ///< not remembered
    kEarly,    ///< its previous report was the visit before, or is to be made at the next one
    kDue,      ///< remembered, and not reported at the last visit
    /// Not remembered, and its end was read after the kernel wrote this entry; or, after more ends
    /// than can be kept, that is not known.
    kGone,
  };

  /// An entry met in a scan. Every second visit is due.
  Visit visit(const ConnectionIdentity& identity, const Written& written);
  Visit visit(const ConnectionIdentity& identity, const Instant& now) {
    return visit(identity, Written{now, now});
  }

  /// The bounds of the last packet by the visits. Nothing: the connection is not remembered.
  [[nodiscard]] std::optional<Bounds> last_packet(const ConnectionIdentity& identity,
                                                  const Instant& now) {
    const ReportedConnection* entry = table_.find(identity.key);
    if (entry == nullptr) return std::nullopt;
    return last_packet(*entry, identity, now);
  }

  /// The kernel writes the next part of the table: ends read before no longer matter.
  void on_part_requested() { ended_.begin(); }

  /// No part of the table waits to be read any more.
  void on_scan_end() { ended_.end(); }

  /// A scan begins. `previous_complete`: the one before met every entry.
  void begin_scan(bool previous_complete) {
    scan_ = static_cast<std::uint8_t>(scan_ + previous_complete);
  }

  /// The kernel will send the end of this connection again: no scan meets it, but it is not gone.
  void keep(const ConnectionIdentity& identity) {
    if (ReportedConnection* entry = table_.find(identity.key)) entry->scan = scan_;
  }

  /// The scan that is under way, or the last one.
  [[nodiscard]] std::uint8_t scan() const { return scan_; }

  /// Forgets connections that two complete scans until `scan` did not meet, at most `budget`
  /// places of the table from `position` on. Returns where to go on, or ReportedMap::kSwept;
  /// adds to `vanished` the connections that are gone without an event, gives the others to
  /// `stays`. Without `scan` all of them stay.
  std::size_t forget_vanished(std::size_t position, std::size_t budget,
                              std::optional<std::uint8_t> scan, std::uint64_t& vanished,
                              const std::function<void(const ReportedConnection&)>& stays);

  /// Those since the last call.
  Falls take_falls() { return std::exchange(falls_, {}); }

  /// The wall clock was set: shifts the times of what was reported until then.
  void shift(std::chrono::nanoseconds step);

  [[nodiscard]] std::size_t size() const { return table_.size(); }
  /// Octets of the table.
  [[nodiscard]] std::size_t memory() const { return table_.memory(); }

 private:
  /// `identity` is copied here, so that where nothing was reported it need not be in memory.
  Outcome finish_reported(ReportedConnection& entry, ConnectionIdentity identity, Flow& flow);
  [[nodiscard]] Bounds last_packet(const ReportedConnection& entry,
                                   const ConnectionIdentity& identity, const Instant& now) const;

  static constexpr std::chrono::hours kLongestWindow{
      2};  // more than ReportedConnection::window holds

  /// Null beyond the limit, or without memory.
  ReportedConnection* insert_within_limit(const ConnectionIdentity& identity,
                                          const Written& written);
  ReportedConnection* insert(const ConnectionIdentity& identity, const Written& written);
  /// What was reported by another way to count is taken for no more than all that is counted now.
  static void watch_measure(ReportedConnection& entry, const ConnectionIdentity& identity,
                            const Flow& flow);
  /// What was reported is void when the counters began again at zero.
  void watch_fall(ReportedConnection& entry, const ConnectionIdentity& identity, const Flow& flow);
  /// The same by what was seen, also between two reports.
  void watch_fall(ReportedConnection& entry, const ConnectionIdentity& identity);

  std::size_t limit_;
  ReportedMap table_;
  RecentlyEnded ended_;
  MonoTime epoch_;  ///< of all Tenths
  std::uint8_t scan_ = 0;
  Falls falls_;
};

}  // namespace ctflow
