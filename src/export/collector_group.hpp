// SPDX-License-Identifier: GPL-2.0-or-later
// Collectors that share the flow reports instead of getting all of them.
#pragma once

#include <string>
#include <vector>

#include "ctflow/clock.hpp"
#include "ctflow/config.hpp"
#include "export/exporter.hpp"

namespace ctflow {

/// Gives each flow report to one of its members.
///
/// failover: to the first of the list that is healthy. balance: by the connection's tuple, so that
/// all records of a connection go to the same member; when one fails only its own connections move,
/// and they come back (rendezvous hashing). If none is healthy all count as healthy: what is lost
/// is in their ledgers.
class CollectorGroup {
 public:
  /// `members` in the order of the configuration, at least one; they must outlive this.
  CollectorGroup(const GroupConfig& config, std::vector<Exporter*> members);

  /// After a reload: goes on where `before` was, if that has the same members: it is known already
  /// which of them failed, and which one gets the flows.
  void continue_from(const CollectorGroup& before);

  /// `kind`: FlowKinds::of(flow).
  void offer(const Flow& flow, FlowKinds kind, const Instant& now);

  /// Checks the members' health; to be called at deadline().
  void tick(const Instant& now);
  [[nodiscard]] MonoTime deadline() const { return next_check_; }

  [[nodiscard]] const GroupConfig& config() const { return config_; }
  /// Times that flows went to another member than before (failover).
  [[nodiscard]] std::uint64_t switches() const { return switches_; }
  /// The member that gets the flows (failover).
  [[nodiscard]] const Exporter& active() const { return *members_[active_]; }

 private:
  Exporter& choose(const Flow& flow);
  Exporter& choose_first();
  Exporter& choose_by_hash(const Flow& flow) const;

  GroupConfig config_;
  std::vector<Exporter*> members_;
  std::vector<std::uint64_t> seeds_;  ///< by member, from its name
  std::vector<bool> was_healthy_;
  std::size_t active_ = 0;
  std::uint64_t switches_ = 0;
  MonoTime next_check_{};
};

}  // namespace ctflow
