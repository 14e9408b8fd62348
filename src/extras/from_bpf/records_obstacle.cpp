// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/records_obstacle.hpp"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <optional>
#include <system_error>
#include <vector>

#include "netlink/netlink_socket.hpp"

namespace ctflow {
namespace {

constexpr const char* kTimestamp = "nf_conntrack_timestamp";

}  // namespace

std::string records_obstacle(const SourceConfig& config, const std::string& directory) {
  if (config.delivery == Delivery::kReliable) {
    return "source.delivery: reliable needs the events of ctnetlink, which the kernel can keep";
  }
  const std::optional<std::uint32_t> stamped = conntrack_setting(directory, kTimestamp);
  if (!stamped) return "nf_conntrack is not loaded (modprobe nf_conntrack)";
  if (*stamped == 0) {
    return "net.netfilter.nf_conntrack_timestamp is not 1: without its start a connection cannot "
           "be distinguished from the next one with the same addresses and ports";
  }
  return "";
}

void load_conntrack(const std::string& directory) {
  if (conntrack_setting(directory, kTimestamp)) return;
  // A request to a subsystem that is not there loads it before the kernel answers.
  try {
    NetlinkSocket socket(NETLINK_NETFILTER);
    const DumpRequest statistics{(NFNL_SUBSYS_CTNETLINK << 8U) | IPCTNL_MSG_CT_GET_STATS,
                                 std::vector<std::byte>(sizeof(nfgenmsg))};
    static_cast<void>(socket.request(statistics, 1));
  } catch (const std::system_error&) {
    return;  // who needs it asks again, and says why it is not there
  }
}

}  // namespace ctflow
