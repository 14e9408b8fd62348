// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/read_table.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include <algorithm>

#include "conntrack/flow/connection_filter.hpp"
#include "conntrack/flow/decode.hpp"
#include "conntrack/reported/reported_connections.hpp"
#include "nat_log/day_file.hpp"
#include "netlink/dump.hpp"
#include "netlink/netfilter_dump.hpp"

namespace ctflow::nat {
namespace {

std::error_code read_once(const ConnectionFilter& filter, bool derives_ids,
                          const std::function<void(const Flow&)>& take) {
  const NetfilterQuestion question{NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, AF_UNSPEC};
  return read_dump(NETLINK_NETFILTER, netfilter_request(question), [&](Bytes message) {
    Flow flow;
    if (decode(message, flow) != DecodeResult::kEntry || !filter.passes(flow)) return;
    if (derives_ids) flow.id = derived_id(flow);
    take(flow);
  });
}

bool has_only_protocols(ConnectionMatch match) {
  match.protocols.clear();
  return match == ConnectionMatch{};
}

bool names(const ConnectionMatch& match, int which) {
  return std::any_of(match.protocols.begin(), match.protocols.end(), [&](std::uint64_t protocol) {
    return left_out::bit_of(static_cast<std::uint8_t>(protocol)) == which;
  });
}

/// All connections of these protocols match. Of the others no list of protocols has all.
bool takes_all(const ConnectionMatch& match, int which) {
  return has_only_protocols(match) &&
         (match.protocols.empty() || (which != left_out::kOthers && names(match, which)));
}

/// Some connections of these protocols may match.
bool takes_some(const ConnectionMatch& match, int which) {
  return match.protocols.empty() || names(match, which);
}

}  // namespace

int left_out_by(const FilterConfig& filter) {
  int found = 0;
  for (const int which : {left_out::kTcp, left_out::kUdp, left_out::kOthers}) {
    const bool included =
        filter.include.empty() ||
        std::any_of(filter.include.begin(), filter.include.end(),
                    [&](const ConnectionMatch& one) { return takes_all(one, which); });
    const bool excluded =
        std::any_of(filter.exclude.begin(), filter.exclude.end(),
                    [&](const ConnectionMatch& one) { return takes_some(one, which); });
    if (!included || excluded) found |= which;
  }
  return found;
}

int left_out_by(const SourceConfig& source) {
  return left_out_by(source.filter) | (source.zones.empty() ? 0 : left_out::kZones);
}

ReadTable table_of(const NetworkNamespace& home, const SourceConfig& source, bool derives_ids) {
  return [home, filter = ConnectionFilter(source),
          derives_ids](const std::function<void(const Flow&)>& take) {
    constexpr int kAttempts = 3;
    std::error_code error;
    try {
      const auto visit = home.visit();
      for (int attempt = 0; attempt < kAttempts; ++attempt) {
        error = read_once(filter, derives_ids, take);
        if (error != std::errc::resource_unavailable_try_again) break;
      }
    } catch (const std::system_error& failed) {
      return failed.code();
    }
    return error;
  };
}

}  // namespace ctflow::nat
