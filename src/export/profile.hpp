// SPDX-License-Identifier: GPL-2.0-or-later
// The profiles of a collector (docs/protocol.md, "Profiles"): one row each has everything in which
// they differ.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>

#include "ctflow/choices.hpp"
#include "ctflow/flow_kinds.hpp"
#include "ctflow/protocol.hpp"
#include "encode/encoder_options.hpp"

namespace ctflow {

/// What a user of the profile should know before choosing it, for the doctor.
struct ProfileNote {
  std::string_view event{};  ///< empty: nothing
  std::string_view text{};
  std::string_view fix{};
};

struct ProfileRow {
  Profile profile;
  std::string_view name;  ///< as `profile:` has it
  LayoutKind layout;
  FlowKinds wants;     ///< the flow reports and events that become records
  bool counts = true;  ///< records carry packets and octets, so the sampling rate matters
  bool in_netflow9 = true;
  bool in_netflow5 = true;
  /// Whether options records come again within a session that has lost none of them.
  bool repeats_options_in_ipfix = true;
  bool repeats_options_in_netflow9 = true;
  /// A record without any interface gets the loopback interface (export/unknown_interfaces.hpp).
  bool fills_unknown_interfaces = false;
  /// The collector computes wrong times from NetFlow v9.
  bool misreads_netflow9_times = false;
  /// The collector drops flows until it has an options record with the sampling rate.
  bool needs_sampling_options = false;
  /// The collector shows all of a record at one moment, so records should cover no more than this;
  /// 0: it does not matter.
  std::chrono::seconds longest_active_timeout{0};
  ProfileNote note{};

  [[nodiscard]] bool repeats_options(Protocol protocol) const {
    return protocol == Protocol::kIpfix ? repeats_options_in_ipfix : repeats_options_in_netflow9;
  }
};

/// In the order of Profile.
std::span<const ProfileRow> profiles();

const ProfileRow& row_of(Profile profile);

}  // namespace ctflow
