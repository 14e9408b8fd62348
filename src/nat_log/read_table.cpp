// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/read_table.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include "conntrack/flow/connection_filter.hpp"
#include "conntrack/flow/decode.hpp"
#include "conntrack/reported/reported_connections.hpp"
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

}  // namespace

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
