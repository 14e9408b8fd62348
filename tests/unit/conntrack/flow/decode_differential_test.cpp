// SPDX-License-Identifier: GPL-2.0-or-later
// Our decoder against libnetfilter_conntrack, over recorded, generated and damaged events.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "conntrack/events/event_file.hpp"
#include "support/event_builder.hpp"
#include "support/oracle.hpp"
#include "support/source_directory.hpp"

namespace ctflow {
namespace {

using test::OracleVerdict;
using namespace test;

constexpr unsigned kTimestampEvent = 27;  // CTA_TIMESTAMP_EVENT, Linux 6.14

/// Valid events of every shape, from one seed.
class EventGenerator {
 public:
  explicit EventGenerator(std::uint64_t seed) : random_(seed) {}

  Octets next() {
    const bool six = flip();
    const Octets protocols = {6, 17, 33, 132, 136, 47, 1, 58, 89};
    const std::uint8_t protocol = protocols[pick(protocols.size())];
    Octets body = {static_cast<std::uint8_t>(six ? 10 : 2), 0, 0, 0};
    append(body, tuple(CTA_TUPLE_ORIG, protocol, six));
    append(body, tuple(CTA_TUPLE_REPLY, protocol, six));
    if (flip()) append(body, attribute(CTA_ID, octets(4)));
    if (flip()) append(body, attribute(CTA_STATUS, octets(4)));
    if (flip()) append(body, attribute(CTA_TIMEOUT, octets(4)));
    if (flip()) append(body, attribute(CTA_MARK, octets(4)));
    if (flip()) append(body, attribute(CTA_ZONE, octets(2)));
    if (flip()) append(body, attribute(CTA_LABELS, octets(16)));
    if (flip()) append(body, counters(CTA_COUNTERS_ORIG));
    if (flip()) append(body, counters(CTA_COUNTERS_REPLY));
    if (flip()) append(body, timestamps(random_() >> 1, random_() >> 1));
    if (flip()) append(body, state(protocol));
    if (flip()) append(body, attribute(CTA_USE, octets(4)));
    if (flip()) append(body, attribute(kTimestampEvent, octets(8)));
    if (flip()) append(body, sequence_adjustment());
    if (flip()) append(body, attribute(256, octets(pick(40))));
    if (flip()) append(body, attribute(300 | NLA_F_NESTED, octets(4 * pick(10))));
    return with_header(body);
  }

  /// Changes, cuts or doubles some octets; the header stays one that the oracle can be given.
  Octets damage(Octets event) {
    for (std::size_t i = 1 + pick(4); i > 0; --i) {
      event[20 + pick(event.size() - 20)] = static_cast<std::uint8_t>(random_());
    }
    if (flip()) event.resize(20 + pick(event.size() - 19));
    return with_header(Octets(event.begin() + 16, event.end()));
  }

 private:
  bool flip() { return (random_() & 1) != 0; }
  std::size_t pick(std::size_t count) { return random_() % count; }

  Octets octets(std::size_t count) {
    Octets all(count);
    for (std::uint8_t& octet : all) octet = static_cast<std::uint8_t>(random_());
    return all;
  }

  Octets counters(unsigned type) {
    if (flip()) return test::counters(type, random_(), random_());
    return nest(type, {attribute(CTA_COUNTERS32_PACKETS, octets(4)),
                       attribute(CTA_COUNTERS32_BYTES, octets(4))});
  }

  Octets tuple(unsigned type, std::uint8_t protocol, bool six) {
    const Octets number = attribute(CTA_PROTO_NUM, be8(protocol));
    Octets identity = nest(CTA_TUPLE_PROTO, {number, attribute(CTA_PROTO_SRC_PORT, octets(2)),
                                             attribute(CTA_PROTO_DST_PORT, octets(2))});
    if (protocol == 1) {
      identity = nest(CTA_TUPLE_PROTO, {number, attribute(CTA_PROTO_ICMP_ID, octets(2)),
                                        attribute(CTA_PROTO_ICMP_TYPE, octets(1)),
                                        attribute(CTA_PROTO_ICMP_CODE, octets(1))});
    } else if (protocol == 58) {
      identity = nest(CTA_TUPLE_PROTO, {number, attribute(CTA_PROTO_ICMPV6_ID, octets(2)),
                                        attribute(CTA_PROTO_ICMPV6_TYPE, octets(1)),
                                        attribute(CTA_PROTO_ICMPV6_CODE, octets(1))});
    } else if (protocol == 89) {
      identity = nest(CTA_TUPLE_PROTO, {number});
    }
    const Octets addresses =
        six ? ipv6(octets(16), octets(16))
            : ipv4(static_cast<std::uint32_t>(random_()), static_cast<std::uint32_t>(random_()));
    if (flip()) return nest(type, {addresses, identity, attribute(CTA_TUPLE_ZONE, octets(2))});
    return nest(type, {addresses, identity});
  }

  /// An attribute that only the oracle reads.
  Octets sequence_adjustment() {
    return nest(CTA_SEQ_ADJ_ORIG, {attribute(CTA_SEQADJ_CORRECTION_POS, octets(4)),
                                   attribute(CTA_SEQADJ_OFFSET_BEFORE, octets(4)),
                                   attribute(CTA_SEQADJ_OFFSET_AFTER, octets(4))});
  }

  Octets state(std::uint8_t protocol) {
    if (protocol == 132) {
      return nest(CTA_PROTOINFO,
                  {nest(CTA_PROTOINFO_SCTP, {attribute(CTA_PROTOINFO_SCTP_STATE, octets(1))})});
    }
    if (protocol == 33) {
      return nest(CTA_PROTOINFO,
                  {nest(CTA_PROTOINFO_DCCP, {attribute(CTA_PROTOINFO_DCCP_STATE, octets(1))})});
    }
    return tcp_state(static_cast<std::uint8_t>(random_()));
  }

  static Octets with_header(const Octets& body) {
    Octets all = host(static_cast<std::uint32_t>(body.size() + 16));
    append(all, host(static_cast<std::uint16_t>(0x0102)));
    append(all, Octets(10));
    append(all, body);
    return all;
  }

  std::mt19937_64 random_;
};

std::string text(const OracleAnswer& answer) {
  std::string all;
  for (const std::string& difference : answer.differences) all += difference + "; ";
  return all;
}

TEST(DecodeDifferential, AgreesOnRecordedEvents) {
  EventFileReader file(source_directory() + "/tests/golden/events.pcap");
  Bytes datagram;
  TimePoint time;
  int events = 0;
  while (file.next(datagram, time)) {
    ASSERT_TRUE(is_destroy_message(datagram));
    const OracleAnswer answer = ask_oracle(datagram);
    EXPECT_EQ(answer.verdict, OracleVerdict::kEqual) << "event " << events << ": " << text(answer);
    ++events;
  }
  EXPECT_GE(events, 20);
}

TEST(DecodeDifferential, AgreesOnGeneratedEvents) {
  EventGenerator generator(1);
  for (int i = 0; i < 50'000; ++i) {
    const Octets event = generator.next();
    const OracleAnswer answer = ask_oracle(bytes_of(event));
    ASSERT_EQ(answer.verdict, OracleVerdict::kEqual) << "event " << i << ": " << text(answer);
  }
}

TEST(DecodeDifferential, NeverDisagreesOnDamagedEvents) {
  EventGenerator generator(2);
  std::map<OracleVerdict, int> verdicts;
  std::map<std::string, int> reasons;  // of oracle_classes.hpp, one for each message judged apart
  for (int i = 0; i < 50'000; ++i) {
    const Octets event = generator.damage(generator.next());
    const OracleAnswer answer = ask_oracle(bytes_of(event));
    ASSERT_NE(answer.verdict, OracleVerdict::kDifferent) << "event " << i << ": " << text(answer);
    ++verdicts[answer.verdict];
    if (answer.verdict == OracleVerdict::kOnlyOurs ||
        answer.verdict == OracleVerdict::kOnlyTheirs) {
      ++reasons[answer.differences.front()];
    }
  }
  // Enough of each kind that the comparison means something.
  EXPECT_GT(verdicts[OracleVerdict::kEqual], 1000);
  EXPECT_GT(verdicts[OracleVerdict::kNeither], 100);
  EXPECT_GT(verdicts[OracleVerdict::kOnlyTheirs], 1000);
  for (const char* reason :
       {"incomplete tuple", "lying length", "time out of range", "too long", "not read by us"}) {
    EXPECT_GT(reasons[reason], 10) << reason;
  }
}

}  // namespace
}  // namespace ctflow
