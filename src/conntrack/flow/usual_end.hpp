// SPDX-License-Identifier: GPL-2.0-or-later
// The end of an entry as today's kernels write it, read in one go. That of an expired one is in
// line where events are read: nearly all messages are of this kind.
#pragma once

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "conntrack/flow/usual_layout.hpp"
#include "ctflow/flow.hpp"
#include "netlink/attributes.hpp"

namespace ctflow::usual_end {

inline constexpr std::size_t kHeaders = NLMSG_HDRLEN + sizeof(nfgenmsg);
static_assert(kHeaders == 20);
inline constexpr std::uint16_t kDestroy = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;

template <std::size_t kBlock, std::size_t... kIndex>
[[gnu::always_inline]] inline void clear_blocks(std::byte* from,
                                                std::index_sequence<kIndex...> /*of each*/) {
  (std::memset(from + kIndex * kBlock, 0, kBlock), ...);
}

/// Makes all octets behind the first `kKept` zeros, by stores: g++ makes a string instruction of
/// one memset(), which takes longer to begin than these take.
template <std::size_t kKept>
[[gnu::always_inline]] inline void clear_behind(Flow& flow) {
  constexpr std::size_t kBlock = 16;
  constexpr std::size_t kBlocks = (sizeof(Flow) - kKept) / kBlock;
  auto* const from = static_cast<std::byte*>(static_cast<void*>(&flow)) + kKept;
  clear_blocks<kBlock>(from, std::make_index_sequence<kBlocks>());
  // What is left, with a part of what is done.
  if constexpr ((sizeof(Flow) - kKept) % kBlock != 0) {
    std::memset(from + (sizeof(Flow) - kKept - kBlock), 0, kBlock);
  }
}

/// `flow` as `Flow{}`, but for the octets before `kKept`. Only one of its members is not zero
/// then.
template <std::size_t kKept = 0>
[[gnu::always_inline]] inline void reset_behind(Flow& flow) {
  clear_behind<kKept>(flow);
  flow.end_reason = EndReason::kIdleTimeout;
}

/// Since Linux 6.14, at the end of a message: when it was written. Newer than the headers of some
/// systems.
inline constexpr std::uint16_t kTimestampEvent = 27;  // CTA_TIMESTAMP_EVENT

/// What stands behind the counters of an end: its times, the state of TCP, the mark; when it was
/// written, which event_time says well enough. Returns what is left.
[[gnu::always_inline]] inline Bytes read_behind_counters(Bytes rest, Flow& flow) {
  using namespace usual_layout;
  if (begins_with(rest, nest_header(CTA_TIMESTAMP, kPair), kPair) &&
      usual_layout::read_timestamps(rest.subspan(kHeader, kPair), flow)) {
    rest = rest.subspan(kHeader + kPair);
    if (rest.empty()) return rest;
  }
  if (begins_with(rest, nest_header(CTA_PROTOINFO, kTcpState), kTcpState) &&
      read_tcp_state(rest.subspan(kHeader, kTcpState), flow.state)) {
    flow.present.state = true;
    rest = rest.subspan(kHeader + kTcpState);
  }
  if (begins_with(rest, header(CTA_MARK, sizeof flow.mark), sizeof flow.mark)) {
    flow.mark = wire::load<std::uint32_t>(rest, kHeader);
    rest = rest.subspan(kHeader + sizeof flow.mark);
  }
  constexpr std::size_t kTime = sizeof(std::uint64_t);
  if (begins_with(rest, header(kTimestampEvent, kTime), kTime)) {
    rest = rest.subspan(kHeader + kTime);
  }
  return rest;
}

/// Apart: the attributes that only some ends have. False: malformed.
bool read_rest(Bytes rest, Flow& flow);

enum class Found : std::uint8_t { kEnd, kMalformed, kOther };

template <std::size_t kAddress, bool kEarly>
[[gnu::always_inline]] inline Found read_end_of(Bytes message, Flow& flow) {
  using At = usual_layout::EndPlaces<kAddress, kEarly>;
  const Bytes attributes = message.subspan(kHeaders);
  if (attributes.size() < At::kEnd || !usual_layout::is_end<kAddress, kEarly>(attributes)) {
    return Found::kOther;
  }
  // Both tuples and both counters, which are read whole.
  static_assert(offsetof(Flow, start) == 2 * (sizeof(Tuple) + sizeof(Counters)));
  reset_behind<offsetof(Flow, start)>(flow);
  usual_layout::load_end<kAddress, kEarly>(attributes, flow);
  flow.port_id = load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_pid));
  flow.present.counters = true;
  const Bytes rest = read_behind_counters(attributes.subspan(At::kEnd), flow);
  if (rest.empty()) return Found::kEnd;
  return read_rest(rest, flow) ? Found::kEnd : Found::kMalformed;
}

/// Looks whether `message` is the end of an entry that expired or, `kEarly`, was removed before
/// that, of nothing but itself, and reads it. kOther: it is not, and the flow is unchanged.
template <bool kEarly>
[[gnu::always_inline]] inline Found read(Bytes message, Flow& flow) {
  if (message.size() < kHeaders + usual_layout::EndPlaces<4, kEarly>::kEnd ||
      load_host<std::uint32_t>(message, offsetof(nlmsghdr, nlmsg_len)) != message.size() ||
      load_host<std::uint16_t>(message, offsetof(nlmsghdr, nlmsg_type)) != kDestroy) {
    return Found::kOther;
  }
  const std::uint32_t first = load_host<std::uint32_t>(message, kHeaders);
  if (first == usual_layout::nest_header(CTA_TUPLE_ORIG, usual_layout::kTuple4)) {
    return read_end_of<4, kEarly>(message, flow);
  }
  return read_end_of<16, kEarly>(message, flow);
}

}  // namespace ctflow::usual_end
