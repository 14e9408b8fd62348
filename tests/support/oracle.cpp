// SPDX-License-Identifier: GPL-2.0-or-later
#include "support/oracle.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <csetjmp>
#include <cstring>
#include <memory>

#include "conntrack/flow/decode.hpp"
#include "support/oracle_classes.hpp"

namespace {

/// Where the oracle's parser returns to when it meets an attribute that is too short.
std::jmp_buf g_refused;

}  // namespace

/// The oracle's own version of this function ends the process: it takes such a message for a broken
/// kernel. As the library calls it by its exported name, this one takes its place.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): the library's name
extern "C" [[noreturn]] void __abi_breakage(const char* /*file*/, int /*line*/,
                                            const char* /*reason*/) {
  std::longjmp(g_refused, 1);  // NOLINT(cert-err52-cpp): only C frames lie between
}

namespace ctflow::test {
namespace {

constexpr std::size_t kHeaders = 20;

/// True when the oracle accepts the message.
bool parse(const nlmsghdr* message, nf_conntrack* connection) {
  if (setjmp(g_refused) != 0) return false;  // NOLINT(cert-err52-cpp): see above
  return nfct_nlmsg_parse(message, connection) >= 0;
}

struct Destroyer {
  void operator()(nf_conntrack* connection) const { nfct_destroy(connection); }
};
using Connection = std::unique_ptr<nf_conntrack, Destroyer>;

class Comparison {
 public:
  Comparison(const nf_conntrack* theirs, const Flow& ours) : theirs_(theirs), ours_(ours) {}

  std::vector<std::string> run() {
    tuple(ours_.original, ATTR_ORIG_L4PROTO, ATTR_ORIG_PORT_SRC, ATTR_ORIG_PORT_DST,
          ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_SRC, ATTR_ORIG_IPV6_DST);
    tuple(ours_.reply, ATTR_REPL_L4PROTO, ATTR_REPL_PORT_SRC, ATTR_REPL_PORT_DST,
          ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_SRC, ATTR_REPL_IPV6_DST);
    icmp();
    presence();
    if (ours_.present.counters) {
      u64("packets", ATTR_ORIG_COUNTER_PACKETS, ours_.original_counters.packets);
      u64("octets", ATTR_ORIG_COUNTER_BYTES, ours_.original_counters.octets);
      u64("reply packets", ATTR_REPL_COUNTER_PACKETS, ours_.reply_counters.packets);
      u64("reply octets", ATTR_REPL_COUNTER_BYTES, ours_.reply_counters.octets);
    }
    if (ours_.present.start) u64("start", ATTR_TIMESTAMP_START, nanoseconds(ours_.start));
    if (ours_.present.stop) u64("stop", ATTR_TIMESTAMP_STOP, nanoseconds(ours_.end));
    u32("status", ATTR_STATUS, ours_.status);
    u32("mark", ATTR_MARK, ours_.mark);
    u32("id", ATTR_ID, ours_.id);
    u32("timeout", ATTR_TIMEOUT, ours_.timeout);
    u16("zone", ATTR_ZONE, ours_.zone);
    zone("original zone", ATTR_ORIG_ZONE, ours_.original.zone);
    zone("reply zone", ATTR_REPL_ZONE, ours_.reply.zone);
    state();
    return std::move(differences_);
  }

 private:
  static std::uint64_t nanoseconds(TimePoint time) {
    return static_cast<std::uint64_t>(time.time_since_epoch().count());
  }
  bool has(nf_conntrack_attr attribute) const { return nfct_attr_is_set(theirs_, attribute) > 0; }

  template <typename T>
  void expect(const char* what, T theirs, T ours) {
    if (theirs != ours) differences_.push_back(fmt::format("{}: {} != {}", what, theirs, ours));
  }
  void u64(const char* what, nf_conntrack_attr attribute, std::uint64_t ours) {
    expect(what, has(attribute) ? nfct_get_attr_u64(theirs_, attribute) : 0, ours);
  }
  void u32(const char* what, nf_conntrack_attr attribute, std::uint32_t ours) {
    expect(what, has(attribute) ? nfct_get_attr_u32(theirs_, attribute) : 0U, ours);
  }
  void u16(const char* what, nf_conntrack_attr attribute, std::uint16_t ours) {
    expect<unsigned>(what, has(attribute) ? nfct_get_attr_u16(theirs_, attribute) : 0U, ours);
  }
  void zone(const char* what, nf_conntrack_attr attribute, std::uint16_t ours) {
    u16(what, has(attribute) ? attribute : ATTR_ZONE, ours);
  }

  void address(const char* what, nf_conntrack_attr attribute, const IpAddress& ours,
               std::size_t length) {
    const void* theirs = has(attribute) ? nfct_get_attr(theirs_, attribute) : nullptr;
    expect(what, theirs != nullptr && std::memcmp(theirs, ours.octets.data(), length) == 0, true);
  }

  void port(const char* what, nf_conntrack_attr attribute, std::uint16_t ours) {
    expect<unsigned>(what, has(attribute) ? ntohs(nfct_get_attr_u16(theirs_, attribute)) : 0U,
                     ours);
  }

  /// What a message has for one of us, it has for the other.
  void presence() {
    expect("has counters",
           has(ATTR_ORIG_COUNTER_PACKETS) && has(ATTR_ORIG_COUNTER_BYTES) &&
               has(ATTR_REPL_COUNTER_PACKETS) && has(ATTR_REPL_COUNTER_BYTES),
           bool{ours_.present.counters});
    expect("has start", has(ATTR_TIMESTAMP_START), bool{ours_.present.start});
    expect("has stop", has(ATTR_TIMESTAMP_STOP), bool{ours_.present.stop});
    expect("has timeout", has(ATTR_TIMEOUT), bool{ours_.present.timeout});
    expect("has state", has(ATTR_TCP_STATE) || has(ATTR_SCTP_STATE) || has(ATTR_DCCP_STATE),
           bool{ours_.present.state});
  }

  void tuple(const Tuple& ours, nf_conntrack_attr protocol, nf_conntrack_attr source_port,
             nf_conntrack_attr destination_port, nf_conntrack_attr source4,
             nf_conntrack_attr destination4, nf_conntrack_attr source6,
             nf_conntrack_attr destination6) {
    expect<unsigned>("protocol", nfct_get_attr_u8(theirs_, protocol), ours.protocol);
    port("source port", source_port, ours.source_port);
    port("destination port", destination_port, ours.destination_port);
    const bool ipv4 = ours.family == AddressFamily::kIpv4;
    address("source", ipv4 ? source4 : source6, ours.source, ipv4 ? 4 : 16);
    address("destination", ipv4 ? destination4 : destination6, ours.destination, ipv4 ? 4 : 16);
  }

  void icmp() {
    if (has(ATTR_ICMP_TYPE)) {
      expect<unsigned>("ICMP type", nfct_get_attr_u8(theirs_, ATTR_ICMP_TYPE),
                       ours_.original.icmp_type);
    }
    if (has(ATTR_ICMP_CODE)) {
      expect<unsigned>("ICMP code", nfct_get_attr_u8(theirs_, ATTR_ICMP_CODE),
                       ours_.original.icmp_code);
    }
    if (has(ATTR_ICMP_ID)) {
      expect("ICMP id", ntohs(nfct_get_attr_u16(theirs_, ATTR_ICMP_ID)), ours_.original.icmp_id);
    }
  }

  void state() {
    for (const auto attribute : {ATTR_TCP_STATE, ATTR_SCTP_STATE, ATTR_DCCP_STATE}) {
      if (has(attribute)) {
        expect<unsigned>("state", nfct_get_attr_u8(theirs_, attribute), ours_.state);
      }
    }
  }

  const nf_conntrack* theirs_;
  const Flow& ours_;
  std::vector<std::string> differences_;
};

/// Nests that both decoders descend into.
bool nested(unsigned type, unsigned depth) {
  if (depth > 0) return true;
  return type == CTA_TUPLE_ORIG || type == CTA_TUPLE_REPLY || type == CTA_PROTOINFO ||
         type == CTA_COUNTERS_ORIG || type == CTA_COUNTERS_REPLY || type == CTA_TIMESTAMP;
}

bool has_repetition(Bytes bytes, unsigned depth) {
  std::vector<unsigned> seen;
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    for (const unsigned type : seen) {
      if (type == attribute.type) return true;
    }
    seen.push_back(attribute.type);
    if (depth < 2 && nested(attribute.type, depth) &&
        has_repetition(attribute.payload, depth + 1)) {
      return true;
    }
  }
  return false;
}

/// The payload of the first attribute of this type, empty if there is none.
Bytes find(Bytes bytes, unsigned type) {
  Attributes attributes(bytes);
  Attribute attribute;
  while (attributes.next(attribute)) {
    if (attribute.type == type) return attribute.payload;
  }
  return {};
}

/// Attributes that share one place in the oracle's union. It keeps one note of the ICMP identity
/// for both tuples, so ports in one and an identity in the other are rivals as well.
bool has_rivals(Bytes body) {
  bool ports = false;
  bool icmp = false;
  bool icmpv6 = false;
  for (const unsigned tuple : {CTA_TUPLE_ORIG, CTA_TUPLE_REPLY}) {
    const Bytes protocol = find(find(body, tuple), CTA_TUPLE_PROTO);
    Attributes attributes(protocol);
    Attribute attribute;
    while (attributes.next(attribute)) {
      ports = ports || attribute.type == CTA_PROTO_SRC_PORT || attribute.type == CTA_PROTO_DST_PORT;
      icmp = icmp || (attribute.type >= CTA_PROTO_ICMP_ID && attribute.type <= CTA_PROTO_ICMP_CODE);
      icmpv6 = icmpv6 ||
               (attribute.type >= CTA_PROTO_ICMPV6_ID && attribute.type <= CTA_PROTO_ICMPV6_CODE);
    }
  }
  if (int{ports} + int{icmp} + int{icmpv6} > 1) return true;
  for (const unsigned counters : {CTA_COUNTERS_ORIG, CTA_COUNTERS_REPLY}) {
    const Bytes nest = find(body, counters);
    if (!find(nest, CTA_COUNTERS32_PACKETS).empty() || !find(nest, CTA_COUNTERS32_BYTES).empty()) {
      if (!find(nest, CTA_COUNTERS_PACKETS).empty() || !find(nest, CTA_COUNTERS_BYTES).empty()) {
        return true;
      }
    }
  }
  int trackers = 0;
  Attributes attributes(find(body, CTA_PROTOINFO));
  Attribute attribute;
  while (attributes.next(attribute)) ++trackers;
  return trackers > 1;
}

}  // namespace

bool is_destroy_message(Bytes message) {
  if (message.size() < kHeaders) return false;
  return load_host<std::uint32_t>(message, 0) == message.size() &&
         load_host<std::uint16_t>(message, 4) ==
             ((NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE);
}

OracleAnswer ask_oracle(Bytes message) {
  const Bytes body = message.subspan(kHeaders);
  if (has_repetition(body, 0) || has_rivals(body)) return {OracleVerdict::kIncomparable, {}};

  // A copy with the alignment that the oracle's casts need.
  std::vector<std::uint64_t> aligned((message.size() + 7) / 8);
  std::memcpy(aligned.data(), message.data(), message.size());
  const Connection theirs(nfct_new());
  const bool accepted = parse(reinterpret_cast<const nlmsghdr*>(aligned.data()), theirs.get());

  Flow ours;
  const bool ours_accepts = decode(message, ours) == DecodeResult::kFlow;
  if (!accepted && !ours_accepts) return {OracleVerdict::kNeither, {}};
  if (!accepted || !ours_accepts) {
    std::string why = accepted ? why_only_theirs(body, theirs.get()) : why_only_ours(body);
    if (why.empty()) {
      return {OracleVerdict::kDifferent,
              {accepted ? "only the oracle accepts it" : "only we accept it"}};
    }
    return {accepted ? OracleVerdict::kOnlyTheirs : OracleVerdict::kOnlyOurs, {std::move(why)}};
  }
  std::vector<std::string> differences = Comparison(theirs.get(), ours).run();
  const auto verdict = differences.empty() ? OracleVerdict::kEqual : OracleVerdict::kDifferent;
  return {verdict, std::move(differences)};
}

}  // namespace ctflow::test
