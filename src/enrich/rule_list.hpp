// SPDX-License-Identifier: GPL-2.0-or-later
// Routing policy: which tables are asked for a packet, and in which order.
#pragma once

#include <linux/fib_rules.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "enrich/routing_message.hpp"

namespace ctflow {

/// What is known of the packets of one direction when they are routed.
struct RouteQuery {
  AddressFamily family = AddressFamily::kNone;
  std::uint8_t protocol = 0;  ///< of IP
  PrefixKey source;
  PrefixKey destination;
  std::uint32_t mark = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t vrf_table = 0;  ///< of the VRF they came in through, 0 = none
  /// Names of the interface they came in through and of its VRF device; null = not known. Those
  /// of the host itself come in through the loopback interface.
  const InterfaceName* ingress = nullptr;
  const InterfaceName* ingress_vrf = nullptr;
};

/// The rules of one address family, by priority.
class RuleList {
 public:
  /// What a rule's action came to.
  enum class Outcome : std::uint8_t {
    kContinue,  ///< nothing found: the next rule
    kFound,     ///< unless the rule suppresses it
    kRefused,   ///< unreachable, prohibited, dropped: no further rule counts
  };

  void add(const Rule& rule);
  /// False: there was no such rule.
  bool remove(const Rule& rule);
  void clear() { rules_.clear(); }

  /// Applies the rules to a packet. `look_up(table)` returns an Outcome; `suppressed(rule)` says
  /// whether the rule does not let what it found count. Returns the last Outcome. `undecided` is
  /// set when a rule was passed over that asks for what is not known.
  template <typename LookUp, typename Suppressed>
  Outcome evaluate(const RouteQuery& query, bool& undecided, LookUp look_up,
                   Suppressed suppressed) const {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      if (!matches(rule, query, undecided)) continue;
      Outcome outcome = Outcome::kContinue;
      switch (rule.action) {
        case FR_ACT_TO_TBL:
          outcome = look_up(rule.vrf ? query.vrf_table : rule.table);
          break;
        case FR_ACT_GOTO:
          i = before_target(i);
          break;
        case FR_ACT_BLACKHOLE:
        case FR_ACT_UNREACHABLE:
        case FR_ACT_PROHIBIT:
          return Outcome::kRefused;
        default:
          break;
      }
      if (outcome == Outcome::kContinue) continue;
      if (outcome == Outcome::kFound && suppressed(rule)) continue;
      return outcome;
    }
    return Outcome::kContinue;
  }

  [[nodiscard]] std::size_t size() const { return rules_.size(); }
  /// Rules that cannot be decided without the packet.
  [[nodiscard]] std::size_t undecidable() const;
  /// Whether a rule asks for the ingress interface.
  [[nodiscard]] bool asks_for_ingress() const { return asks_for_ingress_; }

 private:
  static bool matches(const Rule& rule, const RouteQuery& query, bool& undecided);
  /// The index before that of the rule to go on with.
  [[nodiscard]] std::size_t before_target(std::size_t from) const;
  void look_at_all();

  std::vector<Rule> rules_;
  bool asks_for_ingress_ = false;
};

}  // namespace ctflow
