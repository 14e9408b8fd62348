// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/profile.hpp"

#include <array>
#include <cstddef>

namespace ctflow {
namespace {

constexpr std::array kProfiles{
    ProfileRow{.profile = Profile::kDefault,
               .name = "default",
               .layout = LayoutKind::kDefault,
               .wants = FlowKinds::reports()},
    // nfdump leaves options records out of the IPFIX sequence number that it expects, and takes
    // each later one for a gap; in NetFlow v9 it counts messages.
    ProfileRow{.profile = Profile::kNfdump,
               .name = "nfdump",
               .layout = LayoutKind::kDefault,
               .wants = FlowKinds::reports(),
               .repeats_options_in_ipfix = false},
    ProfileRow{.profile = Profile::kAkvorado,
               .name = "akvorado",
               .layout = LayoutKind::kDefault,
               .wants = FlowKinds::reports(),
               .fills_unknown_interfaces = true,
               .misreads_netflow9_times = true,
               .needs_sampling_options = true,
               .longest_active_timeout = std::chrono::seconds(10)},
    ProfileRow{.profile = Profile::kBiflow,
               .name = "biflow",
               .layout = LayoutKind::kBiflow,
               .wants = FlowKinds::reports(),
               .in_netflow9 = false,
               .in_netflow5 = false,
               .note = {"biflow_support",
                        "nfdump, ipfixcol2, libfixbuf, Akvorado and tshark read the reverse "
                        "counters; pmacct, goflow2, FastNetMon, SiLK flowcap, Graylog, vFlow and "
                        "python-netflow lose or corrupt them",
                        "set profile to default for one of the latter"}},
    ProfileRow{.profile = Profile::kNatEvents,
               .name = "nat-events",
               .layout = LayoutKind::kNatEvents,
               .wants = FlowKinds::nat_events(),
               .counts = false,
               .in_netflow5 = false},
    ProfileRow{
        .profile = Profile::kMinimal,
        .name = "minimal",
        .layout = LayoutKind::kMinimal,
        .wants = FlowKinds::reports(),
        .note = {"minimal_without_interfaces", "records without interfaces; Akvorado drops them",
                 "set profile to akvorado for Akvorado"}},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kProfiles.size(); ++i) {
    if (static_cast<std::size_t>(kProfiles[i].profile) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const ProfileRow> profiles() { return kProfiles; }

const ProfileRow& row_of(Profile profile) { return kProfiles[static_cast<std::size_t>(profile)]; }

}  // namespace ctflow
