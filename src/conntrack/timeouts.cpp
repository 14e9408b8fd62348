// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/timeouts.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>

namespace ctflow {
namespace {

/// Sets `timeout` from one sysctl file if it holds a plain number of seconds.
void read_sysctl(const std::string& path, std::chrono::seconds& timeout) {
  std::ifstream file(path);
  std::string text;
  if (!std::getline(file, text)) return;
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) {
    timeout = std::chrono::seconds(seconds);
  }
}

template <std::size_t kStates>
std::chrono::seconds by_state(const Flow& flow,
                              const std::array<std::chrono::seconds, kStates>& timeouts) {
  if (!flow.present.state || flow.state >= kStates) return std::chrono::seconds(0);
  return timeouts[flow.state];
}

/// A connection picked up in its middle of which only one side is seen (asymmetric routing) gets no
/// more than the timeout of unacknowledged data in ESTABLISHED (nf_conntrack_tcp_packet()).
std::chrono::seconds of_tcp(const Flow& flow, const Timeouts& timeouts) {
  constexpr std::uint8_t kEstablished = 3;  // enum tcp_conntrack
  const std::chrono::seconds timeout = by_state(flow, timeouts.tcp);
  const bool answered = (flow.status & status::kSeenReply) != 0;
  if (answered || !flow.present.state || flow.state != kEstablished) return timeout;
  return std::min(timeout, timeouts.tcp_unacknowledged);
}

}  // namespace

Timeouts read_timeouts(const std::string& directory) {
  Timeouts timeouts;
  const struct {
    const char* name;
    std::chrono::seconds& value;
  } sysctls[] = {
      {"tcp_timeout_syn_sent", timeouts.tcp[1]},
      {"tcp_timeout_syn_recv", timeouts.tcp[2]},
      {"tcp_timeout_established", timeouts.tcp[3]},
      {"tcp_timeout_fin_wait", timeouts.tcp[4]},
      {"tcp_timeout_close_wait", timeouts.tcp[5]},
      {"tcp_timeout_last_ack", timeouts.tcp[6]},
      {"tcp_timeout_time_wait", timeouts.tcp[7]},
      {"tcp_timeout_close", timeouts.tcp[8]},
      {"tcp_timeout_max_retrans", timeouts.tcp_max_retrans},
      {"tcp_timeout_unacknowledged", timeouts.tcp_unacknowledged},
      {"udp_timeout", timeouts.udp},
      {"udp_timeout_stream", timeouts.udp_stream},
      {"icmp_timeout", timeouts.icmp},
      {"icmpv6_timeout", timeouts.icmpv6},
      {"gre_timeout", timeouts.gre},
      {"gre_timeout_stream", timeouts.gre_stream},
      {"generic_timeout", timeouts.generic},
      {"sctp_timeout_closed", timeouts.sctp[1]},
      {"sctp_timeout_cookie_wait", timeouts.sctp[2]},
      {"sctp_timeout_cookie_echoed", timeouts.sctp[3]},
      {"sctp_timeout_established", timeouts.sctp[4]},
      {"sctp_timeout_shutdown_sent", timeouts.sctp[5]},
      {"sctp_timeout_shutdown_recd", timeouts.sctp[6]},
      {"sctp_timeout_shutdown_ack_sent", timeouts.sctp[7]},
      {"sctp_timeout_heartbeat_sent", timeouts.sctp[8]},
      {"dccp_timeout_request", timeouts.dccp[1]},
      {"dccp_timeout_respond", timeouts.dccp[2]},
      {"dccp_timeout_partopen", timeouts.dccp[3]},
      {"dccp_timeout_open", timeouts.dccp[4]},
      {"dccp_timeout_closereq", timeouts.dccp[5]},
      {"dccp_timeout_closing", timeouts.dccp[6]},
      {"dccp_timeout_timewait", timeouts.dccp[7]},
  };
  for (const auto& sysctl : sysctls) {
    read_sysctl(directory + "/nf_conntrack_" + sysctl.name, sysctl.value);
  }
  return timeouts;
}

std::chrono::seconds timeout_of(const Flow& flow, const Timeouts& timeouts) {
  const bool assured = (flow.status & status::kAssured) != 0;
  switch (flow.original.protocol) {
    case IPPROTO_TCP:
      return of_tcp(flow, timeouts);
    case IPPROTO_SCTP:
      return by_state(flow, timeouts.sctp);
    case IPPROTO_DCCP:
      return by_state(flow, timeouts.dccp);
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      return assured ? timeouts.udp_stream : timeouts.udp;
    case IPPROTO_GRE:
      return assured ? timeouts.gre_stream : timeouts.gre;
    case IPPROTO_ICMP:
      return timeouts.icmp;
    case IPPROTO_ICMPV6:
      return timeouts.icmpv6;
    default:
      return timeouts.generic;
  }
}

}  // namespace ctflow
