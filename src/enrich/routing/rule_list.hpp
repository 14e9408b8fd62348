// SPDX-License-Identifier: GPL-2.0-or-later
// Routing policy: which tables are asked for a packet, and in which order.
#pragma once

#include <linux/fib_rules.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "enrich/routing/routing_message.hpp"
#include "enrich/routing/routing_time.hpp"

namespace ctflow {

/// What is known of the packets of one direction when they are routed.
struct RouteQuery {
  AddressFamily family = AddressFamily::kNone;
  std::uint8_t protocol = 0;  ///< of IP
  bool returning = false;     ///< to the initiator; see RoutingState::route()
  PrefixKey source;
  PrefixKey destination;
  std::uint32_t mark = 0;  ///< of the connection
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t vrf_table = 0;  ///< of the VRF they came in through, 0 = none
  std::uint32_t through = 0;    ///< only routes through this interface count, 0 = all
  RoutingTime time = kNow;      ///< as of which
  /// Names of the interface they came in through and of its VRF device; null = not known. Those
  /// of the host itself come in through the loopback interface.
  const InterfaceName* ingress = nullptr;
  const InterfaceName* ingress_vrf = nullptr;
};

/// The rules of one address family, by priority, with those that were removed lately. A multiset,
/// like the kernel's: rules that are equal stand side by side, and one removal removes one.
class RuleList {
 public:
  /// Rules that are gone are kept for kRemembered, but no more than these.
  static constexpr std::size_t kGone = 4096;

  /// How a rule fits a packet of which conntrack shows a part.
  enum class Fit : std::uint8_t {
    kSure,
    kPresumed,  ///< by the connection's mark, which may not be the packet's
    kPossible,  ///< not by the connection's mark, or it asks for what is not known
  };
  /// How to go on behind a rule.
  enum class Next : std::uint8_t { kRule, kStop };

  void add(const Rule& rule, RoutingTime now = kAlways);
  /// False: there was no such rule.
  bool remove(const Rule& rule, RoutingTime now = kAlways);

  /// Calls `visit(rule, fit)` for the rules that fit or may fit a packet, as of query.time, until
  /// it returns kStop. Jumps are taken here, those of rules that only may fit are not.
  template <typename Visit>
  void walk(const RouteQuery& query, Visit visit) const {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const Entry& entry = rules_[i];
      Fit fit = Fit::kSure;
      if (!entry.is_at(query.time)) continue;
      if (!entry.fits_all && !fits(entry, query, fit)) continue;
      if (visit(entry.rule, fit) == Next::kStop) return;
      if (entry.rule.action == FR_ACT_GOTO && fit != Fit::kPossible) {
        i = before_target(i, query.time);
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return rules_.size() - gone_; }
  /// Rules that cannot be decided without the packet.
  [[nodiscard]] std::size_t undecidable() const;
  /// Whether a rule asks for the ingress interface.
  [[nodiscard]] bool asks_for_ingress() const { return asks_for_ingress_; }
  /// Whether each rule that is there fits every packet for sure.
  [[nodiscard]] bool fit_all() const { return choosy_ == 0; }
  /// Whether rules that were there at `time` may be forgotten.
  [[nodiscard]] bool forgot(RoutingTime time) const { return time < known_since_; }
  /// Rules forgotten before their time.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  /// Takes over what `older` remembers; its rules that are not here are gone at `now`.
  void inherit(const RuleList& older, RoutingTime now);

 private:
  struct Entry {
    Rule rule;
    RoutingTime from = kAlways;
    RoutingTime until = kNever;
    /// A connection with the rule's mark was seen: a rule saves the packets' marks in them.
    mutable bool mark_is_kept = false;
    bool fits_all = false;  ///< whatever the packet, for sure

    [[nodiscard]] bool is_at(RoutingTime time) const { return from <= time && time < until; }
  };

  /// False: it does not fit.
  static bool fits(const Entry& entry, const RouteQuery& query, Fit& fit);
  static bool inverted_fits(const Entry& entry, const RouteQuery& query, bool others, Fit& fit);
  /// The index before that of the rule to go on with.
  [[nodiscard]] std::size_t before_target(std::size_t from, RoutingTime time) const;
  [[nodiscard]] std::size_t first_of(std::uint32_t priority) const;
  Entry* find(const Rule& rule);
  void insert(const Entry& entry);
  void trim(RoutingTime now);
  void look_at_all();

  std::vector<Entry> rules_;
  std::size_t gone_ = 0;
  RoutingTime known_since_ = kAlways;
  std::uint64_t forgotten_ = 0;
  std::size_t choosy_ = 0;  ///< rules that are there and do not fit every packet
  bool asks_for_ingress_ = false;
};

}  // namespace ctflow
