// SPDX-License-Identifier: GPL-2.0-or-later
// Events recorded from the kernel (tests/golden/events), and the exact flow that each is.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "conntrack/flow/decode.hpp"
#include "support/golden.hpp"
#include "support/oracle.hpp"
#include "support/source_directory.hpp"

namespace ctflow {
namespace {

constexpr std::array<std::uint8_t, 4> kClient = {10, 0, 1, 2};
constexpr std::array<std::uint8_t, 4> kServer = {10, 0, 2, 2};
constexpr std::array<std::uint8_t, 16> kClient6 = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0,
                                                   0,    0, 0,    0,    0, 0, 0, 1};
constexpr std::array<std::uint8_t, 16> kServer6 = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0,
                                                   0,    0, 0,    0,    0, 0, 0, 2};

TimePoint at(std::int64_t nanoseconds) { return TimePoint(std::chrono::nanoseconds(nanoseconds)); }

template <std::size_t kLength>
IpAddress address(const std::array<std::uint8_t, kLength>& octets) {
  IpAddress result;
  std::copy(octets.begin(), octets.end(), result.octets.begin());
  return result;
}

/// Sets both tuples of a connection that was not translated.
template <std::size_t kLength>
void between(Flow& flow, const std::array<std::uint8_t, kLength>& client,
             const std::array<std::uint8_t, kLength>& server, std::uint8_t protocol,
             std::uint16_t client_port = 0, std::uint16_t server_port = 0) {
  flow.original.family = flow.reply.family =
      kLength == 4 ? AddressFamily::kIpv4 : AddressFamily::kIpv6;
  flow.original.source = flow.reply.destination = address(client);
  flow.original.destination = flow.reply.source = address(server);
  flow.original.protocol = flow.reply.protocol = protocol;
  flow.original.source_port = flow.reply.destination_port = client_port;
  flow.original.destination_port = flow.reply.source_port = server_port;
}

void echo(Flow& flow, std::uint16_t id, std::uint8_t request, std::uint8_t reply) {
  flow.original.icmp_id = flow.reply.icmp_id = id;
  flow.original.icmp_type = request;
  flow.reply.icmp_type = reply;
  flow.present.no_ports = true;
}

void measured(Flow& flow, Counters original_counters, Counters reply_counters, std::int64_t start,
              std::int64_t stop) {
  flow.original_counters = original_counters;
  flow.reply_counters = reply_counters;
  flow.start = at(start);
  flow.end = at(stop);
  flow.present.counters = flow.present.start = flow.present.stop = true;
}

void identified(Flow& flow, std::uint32_t id, std::uint32_t status) {
  flow.id = id;
  flow.status = status;
}

void in_state(Flow& flow, std::uint8_t state) {
  flow.state = state;
  flow.present.state = true;
}

void time_left(Flow& flow, std::uint32_t left) {
  flow.timeout = left;
  flow.present.timeout = true;
}

struct Recorded {
  const char* name;
  void (*fill)(Flow&);
};

const Recorded kRecorded[] = {
    {"gre",
     [](Flow& flow) {
       between(flow, kClient, kServer, 47);
       measured(flow, {1, 64}, {0, 0}, 1795416919240969329, 1795416920242009436);
       identified(flow, 0xa635454c, 0x388);
     }},
    {"icmp",
     [](Flow& flow) {
       between(flow, kClient, kServer, 1);
       echo(flow, 28256, 8, 0);
       measured(flow, {2, 168}, {2, 168}, 1795416913097858879, 1795416914303322401);
       identified(flow, 0x3dc3868f, 0x38a);
     }},
    {"icmp6",
     [](Flow& flow) {
       between(flow, kClient6, kServer6, 58);
       echo(flow, 28575, 128, 129);
       measured(flow, {1, 104}, {1, 104}, 1795416916282586812, 1795416917282370021);
       identified(flow, 0xb2291107, 0x38a);
     }},
    {"protocol_89",
     [](Flow& flow) {
       between(flow, kClient, kServer, 89);
       flow.present.no_ports = true;
       measured(flow, {1, 64}, {0, 0}, 1795416922209965668, 1795416923210032995);
       identified(flow, 0x9ce1b5cd, 0x388);
     }},
    {"sctp_not_answered",
     [](Flow& flow) {
       between(flow, kClient, kServer, 132, 6000, 6001);
       measured(flow, {1, 52}, {0, 0}, 1795416925160676650, 1795416926162328867);
       identified(flow, 0x45541bf0, 0x388);
       in_state(flow, 1);
     }},
    {"tcp_nat_expired",
     [](Flow& flow) {
       between(flow, kClient, {192, 0, 2, 80}, 6, 40000, 443);
       flow.reply.source = address(kServer);
       flow.reply.source_port = 8443;
       flow.reply.destination = address<4>({198, 51, 100, 1});
       measured(flow, {6, 1320}, {5, 5268}, 1795416897786504502, 1795416898886437512);
       identified(flow, 0xe13b266f, 0x3be);
       in_state(flow, 7);
       flow.mark = 42;
     }},
    {"tcp_refused",
     [](Flow& flow) {
       between(flow, kClient, kServer, 6, 40001, 81);
       measured(flow, {1, 60}, {1, 40}, 1795416900849769550, 1795416900849806015);
       identified(flow, 0x64cc28e1, 0x388);
       in_state(flow, 8);
       time_left(flow, 120);
     }},
    {"udp6_assured",
     [](Flow& flow) {
       between(flow, kClient6, kServer6, 17, 5001, 53);
       measured(flow, {5, 750}, {5, 1740}, 1795416904150677085, 1795416908560141489);
       identified(flow, 0xa7485d82, 0x38e);
     }},
    {"udp_expired",
     [](Flow& flow) {
       between(flow, kClient, kServer, 17, 5000, 53);
       measured(flow, {1, 128}, {1, 328}, 1795416901151222643, 1795416903149501992);
       identified(flow, 0x87bf5e3a, 0x38a);
     }},
    {"udp_removed_by_request",
     [](Flow& flow) {
       between(flow, kClient, kServer, 17, 5006, 53);
       measured(flow, {1, 128}, {1, 328}, 1795416934040212400, 1795416935363054841);
       identified(flow, 0x818a627a, 0x38a);
       time_left(flow, 28);
       flow.port_id = 4101973664;
     }},
    {"udp_without_accounting",
     [](Flow& flow) {
       between(flow, kClient, kServer, 17, 5007, 53);
       identified(flow, 0xd7113d0e, 0x38a);
     }},
    {"udp_zone",
     [](Flow& flow) {
       between(flow, kClient, kServer, 17, 5003, 7001);
       measured(flow, {1, 128}, {1, 328}, 1795416928114319006, 1795416930114605635);
       identified(flow, 0x776c2a63, 0x38a);
       flow.zone = flow.original.zone = flow.reply.zone = 7;
     }},
    {"udp_zone_of_original",
     [](Flow& flow) {
       between(flow, kClient, kServer, 17, 5004, 7002);
       measured(flow, {1, 128}, {0, 0}, 1795416931086092794, 1795416933083491857);
       identified(flow, 0xa0b506f1, 0x388);
       flow.original.zone = 9;
     }},
    {"udplite",
     [](Flow& flow) {
       between(flow, kClient, kServer, 136, 5002, 5354);
       measured(flow, {1, 128}, {1, 328}, 1795416910126958136, 1795416912127061378);
       identified(flow, 0x6730e235, 0x38a);
     }},
};

class DecodeRecorded : public testing::TestWithParam<Recorded> {};

TEST_P(DecodeRecorded, IsTheConnectionThatWasMade) {
  const test::Golden golden = test::load_golden(std::string("events/") + GetParam().name);
  Flow expected;
  GetParam().fill(expected);
  Flow flow;
  ASSERT_EQ(decode(golden.octets, flow), DecodeResult::kFlow);
  EXPECT_EQ(flow.original, expected.original);
  EXPECT_EQ(flow.reply, expected.reply);
  EXPECT_EQ(flow.original_counters, expected.original_counters);
  EXPECT_EQ(flow.reply_counters, expected.reply_counters);
  EXPECT_EQ(flow.start, expected.start);
  EXPECT_EQ(flow.end, expected.end);
  EXPECT_EQ(flow.event_time, expected.event_time);
  EXPECT_EQ(flow.id, expected.id);
  EXPECT_EQ(flow.status, expected.status);
  EXPECT_EQ(flow.mark, expected.mark);
  EXPECT_EQ(flow.timeout, expected.timeout);
  EXPECT_EQ(flow.port_id, expected.port_id);
  EXPECT_EQ(flow.original_interfaces, expected.original_interfaces);
  EXPECT_EQ(flow.reply_interfaces, expected.reply_interfaces);
  EXPECT_EQ(flow.zone, expected.zone);
  EXPECT_EQ(flow.state, expected.state);
  EXPECT_EQ(flow.end_reason, expected.end_reason);
  EXPECT_EQ(flow.present, expected.present);
  EXPECT_EQ(flow.extras, expected.extras);
}

TEST_P(DecodeRecorded, IsTheSameToTheOracle) {
  const test::Golden golden = test::load_golden(std::string("events/") + GetParam().name);
  const test::OracleAnswer answer = test::ask_oracle(golden.octets);
  EXPECT_EQ(answer.verdict, test::OracleVerdict::kEqual);
  for (const std::string& difference : answer.differences) ADD_FAILURE() << difference;
}

INSTANTIATE_TEST_SUITE_P(Events, DecodeRecorded, testing::ValuesIn(kRecorded),
                         [](const auto& given) { return std::string(given.param.name); });

TEST(DecodeRecordedFiles, AreAllTested) {
  std::set<std::string> tested;
  for (const Recorded& recorded : kRecorded) tested.insert(std::string(recorded.name) + ".hex");
  std::set<std::string> found;
  for (const auto& entry :
       std::filesystem::directory_iterator(test::source_directory() + "/tests/golden/events")) {
    found.insert(entry.path().filename());
  }
  EXPECT_EQ(found, tested);
}

}  // namespace
}  // namespace ctflow
