// SPDX-License-Identifier: GPL-2.0-or-later
// How long the kernel keeps an idle entry, by protocol and state.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "ctflow/flow.hpp"
#include "netlink/conntrack_settings.hpp"

namespace ctflow {

/// The conntrack timeouts of one network namespace (net.netfilter.nf_conntrack_*_timeout*), with
/// the kernel's defaults.
struct Timeouts {
  using Seconds = std::chrono::seconds;

  /// By enum tcp_conntrack: NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK,
  /// TIME_WAIT, CLOSE, SYN_SENT2. The last has no sysctl: it keeps the kernel's default.
  std::array<Seconds, 10> tcp{Seconds(0),   Seconds(120), Seconds(60), Seconds(432'000),
                              Seconds(120), Seconds(60),  Seconds(30), Seconds(120),
                              Seconds(10),  Seconds(120)};
  Seconds tcp_max_retrans{300};     ///< replaces a longer one while segments are retransmitted
  Seconds tcp_unacknowledged{300};  ///< replaces a longer one while data is unacknowledged
  Seconds udp{30};
  Seconds udp_stream{120};  ///< once the entry is ASSURED
  Seconds icmp{30};
  Seconds icmpv6{30};
  Seconds gre{30};
  Seconds gre_stream{180};  ///< once the entry is ASSURED
  Seconds generic{600};
  /// By enum sctp_conntrack: NONE, CLOSED, COOKIE_WAIT, COOKIE_ECHOED, ESTABLISHED, SHUTDOWN_SENT,
  /// SHUTDOWN_RECD, SHUTDOWN_ACK_SENT, HEARTBEAT_SENT.
  std::array<Seconds, 9> sctp{Seconds(0), Seconds(10), Seconds(3), Seconds(3), Seconds(210),
                              Seconds(3), Seconds(3),  Seconds(3), Seconds(30)};
  /// By enum ct_dccp_states: NONE, REQUEST, RESPOND, PARTOPEN, OPEN, CLOSEREQ, CLOSING, TIMEWAIT.
  std::array<Seconds, 8> dccp{Seconds(0),      Seconds(240), Seconds(480), Seconds(480),
                              Seconds(43'200), Seconds(64),  Seconds(64),  Seconds(240)};

  friend bool operator==(const Timeouts&, const Timeouts&) = default;
};

/// What one look at the settings brought.
struct TimeoutsRead {
  struct Failure {
    std::string file;
    std::error_code error;
  };

  Timeouts values;                 ///< what could not be read is as it was before
  std::optional<Failure> failure;  ///< the first setting that could not be read
};

/// The timeouts in force. `before`: what they were. A setting that is not there although others are
/// belongs to a protocol that the kernel was built without: that is no failure.
TimeoutsRead read_timeouts(const Timeouts& before,
                           const std::string& directory = kSettingsDirectory);

/// A line "NAME VALUE" for each, with the kernel's names.
std::string text_of(const Timeouts& timeouts);

/// Takes what such a text says; other lines say nothing.
void read_timeouts_text(std::string_view text, Timeouts& timeouts);

/// The timeouts that the last packet of a connection may have set.
class PossibleTimeouts {
 public:
  void add(std::chrono::seconds timeout) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (values_[i] == timeout) return;
    }
    if (count_ < values_.size()) values_[count_++] = timeout;
  }

  [[nodiscard]] std::span<const std::chrono::seconds> all() const {
    return std::span(values_).first(count_);
  }

 private:
  std::array<std::chrono::seconds, 4> values_{};
  std::size_t count_ = 0;
};

/// First the one of its protocol and state. None when the kernel did not say the state that it
/// depends on, or when packets do not set it: in a flowtable, or with a fixed timeout.
PossibleTimeouts possible_timeouts(const Flow& flow, const Timeouts& timeouts);

inline constexpr std::chrono::seconds kNotOneTimeout{-1};

/// The same where it is one. kNotOneTimeout: there is none, or there are several.
std::chrono::seconds only_timeout(const Flow& flow, const Timeouts& timeouts);

/// GRE keeps for its life the timeouts that were in force when it began (gre_new()).
inline bool keeps_first_timeouts(const Flow& flow) {
  constexpr std::uint8_t kGre = 47;
  return flow.original.protocol == kGre && !flow.present.no_ports;
}

}  // namespace ctflow
