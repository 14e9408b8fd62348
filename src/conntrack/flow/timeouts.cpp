// SPDX-License-Identifier: GPL-2.0-or-later
#include "conntrack/flow/timeouts.hpp"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <iterator>

#include "conntrack/flow/answered.hpp"
#include "text/number_text.hpp"

namespace ctflow {
namespace {

constexpr std::uint8_t kTcpEstablished = 3;  // enum tcp_conntrack

bool assured(const Flow& flow) { return (flow.status & status::kAssured) != 0; }

/// Packets do not move when it expires: the timeout was fixed, or flows offloaded to a flowtable
/// get a day whatever they do (nf_ct_offload_timeout()).
bool ignores_packets(const Flow& flow) {
  constexpr std::uint32_t kFixedTimeout = 1U << 10;  // IPS_FIXED_TIMEOUT, IPS_OFFLOAD, …
  constexpr std::uint32_t kOffload = 1U << 14;
  constexpr std::uint32_t kHardwareOffload = 1U << 15;
  return (flow.status & (kFixedTimeout | kOffload | kHardwareOffload)) != 0;
}

/// Takes timeouts as PossibleTimeouts does, to say no more than which is the only one.
class OnlyTimeout {
 public:
  void add(std::chrono::seconds timeout) {
    several_ = several_ || (any_ && timeout != first_);
    if (!any_) first_ = timeout;
    any_ = true;
  }

  [[nodiscard]] std::chrono::seconds result() const { return several_ ? kNotOneTimeout : first_; }

 private:
  std::chrono::seconds first_ = kNotOneTimeout;
  bool any_ = false;
  bool several_ = false;
};

// `Possible`: PossibleTimeouts or OnlyTimeout.

template <typename Possible, std::size_t kStates>
void add_by_state(const Flow& flow, const std::array<std::chrono::seconds, kStates>& timeouts,
                  Possible& possible) {
  if (flow.present.state && flow.state < kStates) possible.add(timeouts[flow.state]);
}

/// As nf_conntrack_tcp_packet() chooses.
template <typename Possible>
void add_tcp(const Flow& flow, const Timeouts& timeouts, Possible& possible) {
  if (!flow.present.state || flow.state >= timeouts.tcp.size()) return;
  const bool established = flow.state == kTcpEstablished;
  std::chrono::seconds longest = timeouts.tcp[flow.state];
  // Picked up in its middle, and only one side is seen (asymmetric routing).
  if (established && !answered(flow)) longest = std::min(longest, timeouts.tcp_unacknowledged);
  possible.add(longest);
  possible.add(std::min(longest, timeouts.tcp_unacknowledged));
  // Three retransmissions, or a window of 0.
  possible.add(std::min(longest, timeouts.tcp_max_retrans));
  // A RST that is in the window but not at the exact sequence number leaves the state as it is,
  // because a challenge ACK may come, and sets the timeout of CLOSE.
  if (established && assured(flow)) possible.add(timeouts.tcp[8]);
}

template <typename Possible>
void add_udp(const Flow& flow, const Timeouts& timeouts, Possible& possible) {
  constexpr std::uint32_t kNatClash = 1U << 12;  // IPS_NAT_CLASH: never ASSURED
  possible.add(assured(flow) ? timeouts.udp_stream : timeouts.udp);
  if ((flow.status & kNatClash) != 0) possible.add(timeouts.udp_stream);
}

/// Kernels without a tracker for one of these take it for any other protocol, and write no ports
/// for it: DCCP since Linux 6.16, UDP-Lite in still newer ones, any where it is not built.
bool lacks_tracker(const Flow& flow) {
  if (!flow.present.no_ports) return false;
  switch (flow.original.protocol) {
    case IPPROTO_SCTP:
    case IPPROTO_DCCP:
    case IPPROTO_UDPLITE:
    case IPPROTO_GRE:
      return true;
    default:
      return false;
  }
}

template <typename Possible>
void add_possible(const Flow& flow, const Timeouts& timeouts, Possible& possible) {
  if (ignores_packets(flow)) return;
  if (lacks_tracker(flow)) {
    possible.add(timeouts.generic);
    return;
  }
  switch (flow.original.protocol) {
    case IPPROTO_TCP:
      add_tcp(flow, timeouts, possible);
      break;
    case IPPROTO_SCTP:
      add_by_state(flow, timeouts.sctp, possible);
      break;
    case IPPROTO_DCCP:
      add_by_state(flow, timeouts.dccp, possible);
      break;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
      add_udp(flow, timeouts, possible);
      break;
    case IPPROTO_GRE:
      possible.add(assured(flow) ? timeouts.gre_stream : timeouts.gre);
      break;
    case IPPROTO_ICMP:
      possible.add(timeouts.icmp);
      break;
    case IPPROTO_ICMPV6:
      possible.add(timeouts.icmpv6);
      break;
    default:
      possible.add(timeouts.generic);
      break;
  }
}

/// The files of nf_conntrack, and what they are the values of.
auto settings_of(Timeouts& timeouts) {
  struct Setting {
    const char* name;
    std::reference_wrapper<std::chrono::seconds> value;
  };
  return std::to_array<Setting>({
      {"nf_conntrack_tcp_timeout_syn_sent", timeouts.tcp[1]},
      {"nf_conntrack_tcp_timeout_syn_recv", timeouts.tcp[2]},
      {"nf_conntrack_tcp_timeout_established", timeouts.tcp[3]},
      {"nf_conntrack_tcp_timeout_fin_wait", timeouts.tcp[4]},
      {"nf_conntrack_tcp_timeout_close_wait", timeouts.tcp[5]},
      {"nf_conntrack_tcp_timeout_last_ack", timeouts.tcp[6]},
      {"nf_conntrack_tcp_timeout_time_wait", timeouts.tcp[7]},
      {"nf_conntrack_tcp_timeout_close", timeouts.tcp[8]},
      {"nf_conntrack_tcp_timeout_max_retrans", timeouts.tcp_max_retrans},
      {"nf_conntrack_tcp_timeout_unacknowledged", timeouts.tcp_unacknowledged},
      {"nf_conntrack_udp_timeout", timeouts.udp},
      {"nf_conntrack_udp_timeout_stream", timeouts.udp_stream},
      {"nf_conntrack_icmp_timeout", timeouts.icmp},
      {"nf_conntrack_icmpv6_timeout", timeouts.icmpv6},
      {"nf_conntrack_gre_timeout", timeouts.gre},
      {"nf_conntrack_gre_timeout_stream", timeouts.gre_stream},
      {"nf_conntrack_generic_timeout", timeouts.generic},
      {"nf_conntrack_sctp_timeout_closed", timeouts.sctp[1]},
      {"nf_conntrack_sctp_timeout_cookie_wait", timeouts.sctp[2]},
      {"nf_conntrack_sctp_timeout_cookie_echoed", timeouts.sctp[3]},
      {"nf_conntrack_sctp_timeout_established", timeouts.sctp[4]},
      {"nf_conntrack_sctp_timeout_shutdown_sent", timeouts.sctp[5]},
      {"nf_conntrack_sctp_timeout_shutdown_recd", timeouts.sctp[6]},
      {"nf_conntrack_sctp_timeout_shutdown_ack_sent", timeouts.sctp[7]},
      {"nf_conntrack_sctp_timeout_heartbeat_sent", timeouts.sctp[8]},
      {"nf_conntrack_dccp_timeout_request", timeouts.dccp[1]},
      {"nf_conntrack_dccp_timeout_respond", timeouts.dccp[2]},
      {"nf_conntrack_dccp_timeout_partopen", timeouts.dccp[3]},
      {"nf_conntrack_dccp_timeout_open", timeouts.dccp[4]},
      {"nf_conntrack_dccp_timeout_closereq", timeouts.dccp[5]},
      {"nf_conntrack_dccp_timeout_closing", timeouts.dccp[6]},
      {"nf_conntrack_dccp_timeout_timewait", timeouts.dccp[7]},
  });
}

}  // namespace

TimeoutsRead read_timeouts(const Timeouts& before, const std::string& directory) {
  TimeoutsRead result{before, std::nullopt};
  const SettingsReader reader(directory);
  if (reader.error()) {
    result.failure = {directory, reader.error()};
    return result;
  }
  bool read_any = false;
  const char* missing = nullptr;
  for (const auto& setting : settings_of(result.values)) {
    std::uint32_t seconds = 0;
    const std::error_code error = reader.read(setting.name, seconds);
    if (!error) {
      read_any = true;
      setting.value.get() = std::chrono::seconds(seconds);
    } else if (error == std::errc::no_such_file_or_directory) {
      missing = setting.name;
    } else if (!result.failure) {
      result.failure = {directory + "/" + setting.name, error};
    }
  }
  if (!read_any && !result.failure) {
    result.failure = {directory + "/" + missing,
                      std::make_error_code(std::errc::no_such_file_or_directory)};
  }
  return result;
}

std::string text_of(const Timeouts& timeouts) {
  std::string text;
  Timeouts values = timeouts;
  for (const auto& setting : settings_of(values)) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", setting.name, setting.value.get().count());
  }
  return text;
}

void read_timeouts_text(std::string_view text, Timeouts& timeouts) {
  const auto settings = settings_of(timeouts);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view name = line.substr(0, space);
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const auto& setting) { return name == setting.name; });
    if (found == settings.end() || space == line.size()) continue;
    const auto seconds = text::parse_number<std::uint32_t>(line.substr(space + 1));
    if (seconds) found->value.get() = std::chrono::seconds(*seconds);
  }
}

PossibleTimeouts possible_timeouts(const Flow& flow, const Timeouts& timeouts) {
  PossibleTimeouts possible;
  add_possible(flow, timeouts, possible);
  return possible;
}

std::chrono::seconds only_timeout(const Flow& flow, const Timeouts& timeouts) {
  OnlyTimeout only;
  add_possible(flow, timeouts, only);
  return only.result();
}

}  // namespace ctflow
