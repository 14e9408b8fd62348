// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/system_check.hpp"

#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timex.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include "netlink/netlink_socket.hpp"
#include "process/descriptor.hpp"
#include "process/effective_capabilities.hpp"
#include "text/people_text.hpp"

namespace ctflow {
namespace {

/// Before this code was written.
constexpr std::chrono::seconds kNotBefore{1'793'000'000};  // October 2026

bool merges(int socket, const char* name) {
  ethtool_value value{ETHTOOL_GGRO, 0};
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  return ioctl(socket, SIOCETHTOOL, &request) == 0 && value.data != 0;
}

bool carries_packets(int socket, const char* name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(socket, SIOCGIFFLAGS, &request) != 0) return false;
  return (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_LOOPBACK) == 0;
}

}  // namespace

Findings check_capabilities(const std::string& status_file) {
  Findings found;
  const auto bits = effective_capabilities(status_file);
  if (!bits) {
    found.unchecked.push_back("capabilities: " + status_file + " cannot be read");
  } else if ((*bits >> CAP_NET_ADMIN & 1U) == 0) {
    found.wrong.push_back(
        {"capability_missing",
         "this user has no CAP_NET_ADMIN, which ctflowd needs to receive the events of "
         "the kernel",
         "run as root, setcap cap_net_admin+ep FILE, or "
         "AmbientCapabilities=CAP_NET_ADMIN in the service"});
  }
  return found;
}

std::size_t granted_receive_buffer(std::size_t wanted) {
  try {
    return NetlinkSocket(NETLINK_NETFILTER).set_receive_buffer(wanted);
  } catch (const std::system_error&) {
    return 0;
  }
}

Findings check_receive_buffer(const SourceConfig& config, std::size_t granted) {
  Findings found;
  if (granted == 0) {
    found.unchecked.emplace_back("the receive buffer: no netlink socket can be opened");
  } else if (granted < config.receive_buffer) {
    found.wrong.push_back(
        {"receive_buffer_small",
         fmt::format("the kernel grants {} octets of source.receive_buffer {}: bursts of events "
                     "that exceed it are lost; one event takes about 1 200 octets",
                     text::count_text(granted), text::count_text(config.receive_buffer)),
         fmt::format("sysctl -w net.core.rmem_max={}, or run as root",
                     std::max(config.receive_buffer, config.receive_buffer_limit) / 2)});
  } else if (granted < config.receive_buffer_limit) {
    found.notes.push_back(
        {"receive_buffer_limited",
         fmt::format("the receive buffer can grow to {} octets only, not to "
                     "source.receive_buffer_limit {}",
                     text::count_text(granted), text::count_text(config.receive_buffer_limit)),
         fmt::format("sysctl -w net.core.rmem_max={}, or run as root",
                     config.receive_buffer_limit / 2)});
  }
  return found;
}

ClockState read_clock() {
  timex state{};  // only asks
  const int result = adjtimex(&state);
  return {std::chrono::system_clock::now(), result >= 0 && (state.status & STA_UNSYNC) == 0,
          result >= 0};
}

Findings check_clock(const ClockState& clock) {
  Findings found;
  const std::chrono::system_clock::time_point floor{kNotBefore};
  if (clock.now < floor) {
    found.wrong.push_back(
        {"clock_wrong",
         "the clock shows a time before this ctflowd was released: all times are wrong, and "
         "collectors store the flows under the wrong day",
         "set the clock, then timedatectl set-ntp true"});
  } else if (clock.known && !clock.synchronised) {
    found.notes.push_back(
        {"clock_unsynchronised",
         "the clock is not synchronised: flows of several exporters may not match",
         "timedatectl set-ntp true, or another time service"});
  }
  return found;
}

Findings check_merging(const std::vector<std::string>& merging) {
  Findings found;
  if (merging.empty()) return found;
  found.notes.push_back(
      {"packets_merged",
       fmt::format("{} {} received packets (GRO) before conntrack of a stock kernel counts them: "
                   "packet counts are too low, and octets lack the headers of merged packets; {}",
                   fmt::join(merging, ", "), merging.size() == 1 ? "merges" : "merge",
                   "a patched kernel counts them as on the wire (kernel-patches/README.md)"),
       fmt::format("{}, which costs throughput; or accept it",
                   merging.size() == 1 ? fmt::format("ethtool -K {} gro off", merging.front())
                                       : fmt::format("for i in {}; do ethtool -K $i gro off; done",
                                                     fmt::join(merging, " ")))});
  return found;
}

std::vector<std::string> merging_interfaces() {
  std::vector<std::string> found;
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return found;
  const std::unique_ptr<struct if_nameindex, void (*)(struct if_nameindex*)> all(if_nameindex(),
                                                                                 if_freenameindex);
  for (const auto* one = all.get(); one != nullptr && one->if_name != nullptr; ++one) {
    if (carries_packets(socket.number(), one->if_name) && merges(socket.number(), one->if_name)) {
      found.emplace_back(one->if_name);
    }
  }
  return found;
}

Findings check_namespace(const std::string& proc) {
  Findings found;
  std::error_code error;
  const auto own = std::filesystem::read_symlink(proc + "/self/ns/net", error);
  if (error) {
    found.unchecked.push_back("the network namespace: " + error.message());
    return found;
  }
  const auto first = std::filesystem::read_symlink(proc + "/1/ns/net", error);
  if (error) {
    found.notes.push_back(
        {"namespace_unknown",
         "whether this is the network namespace of process 1 could not be read: " + error.message(),
         "run as root, in a container with CAP_SYS_PTRACE"});
  } else if (own != first) {
    found.notes.push_back(
        {"other_namespace",
         "this is not the network namespace of process 1: connections of the host "
         "and of other namespaces are not seen from here",
         "run it in the namespace whose connections are wanted, or list them in "
         "namespaces:"});
  }
  return found;
}

}  // namespace ctflow
