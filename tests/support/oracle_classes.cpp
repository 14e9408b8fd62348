// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/oracle_classes.hpp"

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <limits>
#include <optional>

namespace ctflow::test {
namespace {

/// Where an attribute stands. kOther: below an attribute that we do not read.
enum class Nest {
  kTop,
  kTuple,
  kAddresses,
  kProtocol,
  kCounters,
  kTimes,
  kTrackers,
  kState,
  kOther
};

std::optional<Nest> nest_of(Nest in, unsigned type) {
  switch (in) {
    case Nest::kTop:
      if (type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY) return Nest::kTuple;
      if (type == CTA_COUNTERS_ORIG || type == CTA_COUNTERS_REPLY) return Nest::kCounters;
      if (type == CTA_TIMESTAMP) return Nest::kTimes;
      if (type == CTA_PROTOINFO) return Nest::kTrackers;
      return std::nullopt;
    case Nest::kTuple:
      if (type == CTA_TUPLE_IP) return Nest::kAddresses;
      if (type == CTA_TUPLE_PROTO) return Nest::kProtocol;
      return std::nullopt;
    case Nest::kTrackers:
      if (type >= CTA_PROTOINFO_TCP && type <= CTA_PROTOINFO_SCTP) return Nest::kState;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

/// Octets of the attributes that both read. Nothing: we do not read it.
std::optional<std::size_t> length_of(Nest in, unsigned type) {
  switch (in) {
    case Nest::kTop:
      if (type == CTA_ZONE) return 2;
      if (type == CTA_STATUS || type == CTA_TIMEOUT || type == CTA_MARK || type == CTA_ID) return 4;
      return std::nullopt;
    case Nest::kTuple:
      if (type == CTA_TUPLE_ZONE) return 2;
      return std::nullopt;
    case Nest::kAddresses:
      if (type == CTA_IP_V4_SRC || type == CTA_IP_V4_DST) return 4;
      if (type == CTA_IP_V6_SRC || type == CTA_IP_V6_DST) return 16;
      return std::nullopt;
    case Nest::kProtocol:
      if (type == CTA_PROTO_SRC_PORT || type == CTA_PROTO_DST_PORT || type == CTA_PROTO_ICMP_ID ||
          type == CTA_PROTO_ICMPV6_ID) {
        return 2;
      }
      if (type >= CTA_PROTO_NUM && type <= CTA_PROTO_ICMPV6_CODE) return 1;
      return std::nullopt;
    case Nest::kCounters:
      if (type == CTA_COUNTERS_PACKETS || type == CTA_COUNTERS_BYTES) return 8;
      if (type == CTA_COUNTERS32_PACKETS || type == CTA_COUNTERS32_BYTES) return 4;
      return std::nullopt;
    case Nest::kTimes:
      if (type == CTA_TIMESTAMP_START || type == CTA_TIMESTAMP_STOP) return 8;
      return std::nullopt;
    case Nest::kState:
      if (type == CTA_PROTOINFO_TCP_STATE) return 1;  // the number of all three trackers' states
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

/// What the walk over a message found, by its own arithmetic and not by that of Attributes.
struct Findings {
  bool lying_length = false;
  bool too_long = false;
  bool not_read = false;
};

void inspect(Bytes bytes, Nest in, Findings& findings) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::size_t left = bytes.size() - at;
    const std::size_t length = left < 4 ? 0 : load_host<std::uint16_t>(bytes, at);
    if (length < 4 || length > left) {
      findings.lying_length = true;
      return;
    }
    const unsigned type = load_host<std::uint16_t>(bytes, at + 2) & 0x3fffU;
    const Bytes payload = bytes.subspan(at + 4, length - 4);
    if (const auto nest = nest_of(in, type)) {
      inspect(payload, *nest, findings);
    } else if (const auto expected = length_of(in, type)) {
      findings.too_long = findings.too_long || payload.size() > *expected;
    } else {
      findings.not_read = true;
    }
    at += (length + 3) / 4 * 4;
  }
}

bool complete(const nf_conntrack* theirs, nf_conntrack_attr protocol, nf_conntrack_attr source4,
              nf_conntrack_attr destination4, nf_conntrack_attr source6,
              nf_conntrack_attr destination6) {
  const auto has = [theirs](nf_conntrack_attr attribute) {
    return nfct_attr_is_set(theirs, attribute) > 0;
  };
  const bool four = has(source4) && has(destination4) && !has(source6) && !has(destination6);
  const bool six = has(source6) && has(destination6) && !has(source4) && !has(destination4);
  return has(protocol) && (four || six);
}

}  // namespace

std::string why_only_theirs(Bytes body, const nf_conntrack* theirs) {
  if (!complete(theirs, ATTR_ORIG_L4PROTO, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST,
                ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST) ||
      !complete(theirs, ATTR_REPL_L4PROTO, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST,
                ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST)) {
    return "incomplete tuple";
  }
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  for (const auto time : {ATTR_TIMESTAMP_START, ATTR_TIMESTAMP_STOP}) {
    if (nfct_attr_is_set(theirs, time) > 0 && nfct_get_attr_u64(theirs, time) > kLargest) {
      return "time out of range";
    }
  }
  Findings findings;
  inspect(body, Nest::kTop, findings);
  return findings.lying_length ? "lying length" : "";
}

std::string why_only_ours(Bytes body) {
  Findings findings;
  inspect(body, Nest::kTop, findings);
  if (findings.too_long) return "too long";
  return findings.not_read ? "not read by us" : "";
}

}  // namespace ctflow::test
