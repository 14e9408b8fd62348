// SPDX-License-Identifier: GPL-2.0-or-later
#include "accounting/classify.hpp"

#include <gtest/gtest.h>

#include "support/accounting_flows.hpp"

namespace ctflow::accounting {
namespace {

using test::report_between;
using test::text_address;

class ClassifyTest : public testing::Test {
 protected:
  ClassifyTest() {
    config_.networks = {
        {"office", {{AddressFamily::kIpv4, text_address("10.1.0.0").address, 16}}},
        {"far", {{AddressFamily::kIpv4, text_address("198.51.100.0").address, 24}}}};
  }

  static Flow with_counters(Flow flow) {
    flow.original_counters = {3, 300};
    flow.reply_counters = {5, 500};
    flow.original_interfaces = {2, 7};
    return flow;
  }

  Classified classified(const Flow& flow) {
    RecentPlaces places;
    const Ends ends = places.of(*test::sample_surroundings(), flow);
    return classify(with_counters(flow), ends, Names(config_), neighbours_,
                    KeySelection({AccountingKey::kNetwork, AccountingKey::kRemoteNetwork,
                                  AccountingKey::kService, AccountingKey::kDevice}));
  }

  void expect(const Flow& flow, Direction direction, const std::string& host, bool answers) {
    const Classified found = classified(flow);
    EXPECT_EQ(found.direction, direction);
    EXPECT_EQ(found.key.host, text_address(host).address) << host;
    EXPECT_EQ(found.amounts, answers ? (Amounts{300, 500, 3, 5, 1}) : (Amounts{500, 300, 5, 3, 1}));
    EXPECT_EQ(found.key.interface, answers ? 7U : 2U);
    EXPECT_EQ(found.key.remote_interface, answers ? 2U : 7U);
  }

  AccountingConfig config_;
  Neighbours neighbours_;
};

TEST_F(ClassifyTest, CountsForTheHostInside) {
  expect(report_between("10.0.0.5", "198.51.100.1"), Direction::kOut, "10.0.0.5", false);
  expect(report_between("198.51.100.1", "10.0.0.5"), Direction::kIn, "10.0.0.5", true);
  expect(report_between("fd00::5", "2001:db8::1"), Direction::kOut, "fd00::5", false);
  expect(report_between("2001:db8::1", "fd00::5"), Direction::kIn, "fd00::5", true);
}

TEST_F(ClassifyTest, CountsForTheInitiatorWhereBothAreInsideOrOutside) {
  expect(report_between("10.0.0.5", "10.1.0.6"), Direction::kLocal, "10.0.0.5", false);
  expect(report_between("192.0.2.1", "198.51.100.1"), Direction::kThrough, "192.0.2.1", false);
  expect(report_between("10.0.0.5", "224.0.0.251"), Direction::kLocal, "10.0.0.5", false);
  expect(report_between("10.0.0.5", "255.255.255.255"), Direction::kLocal, "10.0.0.5", false);
  expect(report_between("fd00::5", "ff02::fb"), Direction::kLocal, "fd00::5", false);
}

TEST_F(ClassifyTest, CallsTheTrafficOfThisHostSelf) {
  expect(report_between("10.0.0.5", "10.0.0.1"), Direction::kSelf, "10.0.0.5", false);
  expect(report_between("10.0.0.1", "10.0.0.5"), Direction::kSelf, "10.0.0.1", false);
  expect(report_between("198.51.100.1", "203.0.113.7"), Direction::kSelf, "203.0.113.7", true);
  expect(report_between("203.0.113.7", "198.51.100.1"), Direction::kSelf, "203.0.113.7", false);
  expect(report_between("127.0.0.1", "127.0.0.53"), Direction::kSelf, "127.0.0.1", false);
}

TEST_F(ClassifyTest, TakesTheInsideAddressBehindNat) {
  Flow out = report_between("10.0.0.5", "198.51.100.1");
  out.reply.destination = text_address("203.0.113.7").address;  // source NAT to this host's address
  out.status = status::kSourceNat;
  expect(out, Direction::kOut, "10.0.0.5", false);

  Flow in = report_between("198.51.100.1", "203.0.113.7", 8080);
  in.reply.source = text_address("10.0.0.5").address;  // destination NAT
  in.reply.source_port = 80;
  in.status = status::kDestinationNat;
  expect(in, Direction::kIn, "10.0.0.5", true);
  EXPECT_EQ(Names(config_).service(classified(in).key.service), "http") << "the responder's port";

  Flow hairpin = report_between("10.0.0.5", "203.0.113.7", 8080);
  hairpin.reply.source = text_address("10.0.0.6").address;
  hairpin.reply.destination = text_address("10.0.0.1").address;
  expect(hairpin, Direction::kLocal, "10.0.0.5", false);
}

TEST_F(ClassifyTest, NamesNetworksAndServices) {
  const Names names(config_);
  const Classified found = classified(report_between("10.1.0.5", "198.51.100.1", 22));
  EXPECT_EQ(names.network(found.key.network), "office");
  EXPECT_EQ(names.network(found.key.remote_network), "far");
  EXPECT_EQ(names.service(found.key.service), "ssh");
  const Classified answering = classified(report_between("198.51.100.1", "10.1.0.5", 4711));
  EXPECT_EQ(names.network(answering.key.network), "office");
  EXPECT_EQ(names.network(answering.key.remote_network), "far");
  EXPECT_EQ(names.service(answering.key.service), "other");
  EXPECT_EQ(names.network(classified(report_between("10.0.0.5", "192.0.2.1")).key.network),
            "other");
  Flow ping = report_between("10.1.0.5", "198.51.100.1", 22);
  ping.original.protocol = ping.reply.protocol = 1;
  EXPECT_EQ(classified(ping).key.service, 0) << "ICMP has no ports";
}

TEST_F(ClassifyTest, NamesServicesByTheSettingsThenByTheFile) {
  const auto name_of = [&](std::uint16_t port) {
    const Names names(config_);
    return names.service(names.service_of(6, port));
  };
  config_.services_file = "/etc/ctflowd/services";
  config_.services_in_file = {{"web", {{6, 80}, {6, 8080}}}, {"shell", {{6, 22}}}};
  EXPECT_EQ(name_of(80), "web");
  EXPECT_EQ(name_of(443), "other") << "the usual ones are not in the file";
  config_.services = {{"site", {{6, 80}}}};
  EXPECT_EQ(name_of(80), "site");
  EXPECT_EQ(name_of(8080), "web");
  EXPECT_EQ(name_of(22), "shell");
  config_.services.clear();
  config_.services_in_file.clear();  // it has comments only
  EXPECT_EQ(name_of(22), "other");
  config_.services_file.clear();
  EXPECT_EQ(name_of(22), "ssh");
}

TEST_F(ClassifyTest, TakesTheOriginOfTheOtherEnd) {
  const NetworkOrigin initiator{64496, {'D', 'E'}};
  const NetworkOrigin responder{64497, {'N', 'Z'}};
  const auto remote = [&](Flow flow) {
    flow.initiator_origin = initiator;
    flow.responder_origin = responder;
    const Key key = classified(flow).key;
    return NetworkOrigin{key.asn, key.country};
  };
  EXPECT_EQ(remote(report_between("10.0.0.5", "198.51.100.1")), responder);
  EXPECT_EQ(remote(report_between("198.51.100.1", "10.0.0.5")), initiator);
  EXPECT_EQ(remote(report_between("192.0.2.1", "198.51.100.1")), responder);
  EXPECT_EQ(remote(report_between("198.51.100.1", "203.0.113.7")), initiator) << "to this host";
}

TEST_F(ClassifyTest, TakesAllAddressesOfADeviceForOne) {
  constexpr std::uint64_t kWired = 0x02005e005301;
  constexpr std::uint64_t kWireless = 0x02005e005302;
  config_.devices = {{"laptop", {kWired, kWireless}}};
  const auto seen = [&](const std::string& address, std::uint64_t mac) {
    const test::TextAddress one = text_address(address);
    neighbours_.apply({one.family, one.address, 2, mac}, TimePoint());
  };
  seen("10.0.0.5", kWired);
  seen("fd00::5", kWireless);
  seen("10.0.0.6", 0x02005e005303);
  EXPECT_EQ(classified(report_between("10.0.0.5", "198.51.100.1")).key.device, kWired);
  EXPECT_EQ(classified(report_between("fd00::5", "2001:db8::1")).key.device, kWired);
  EXPECT_EQ(classified(report_between("10.0.0.6", "198.51.100.1")).key.device, 0x02005e005303U);
  EXPECT_EQ(classified(report_between("10.0.0.7", "198.51.100.1")).key.device, 0U);
  const KeySelection devices({AccountingKey::kDevice});
  const Key known = classified(report_between("10.0.0.5", "198.51.100.1")).key;
  EXPECT_EQ(devices.of(known).host, IpAddress{}) << "its addresses are not told apart";
  const Key unknown = classified(report_between("10.0.0.7", "198.51.100.1")).key;
  EXPECT_EQ(devices.of(unknown).host, text_address("10.0.0.7").address);
}

TEST_F(ClassifyTest, CountsAConnectionWithItsFirstReport) {
  Flow later = report_between("10.0.0.5", "198.51.100.1");
  later.earlier.original_counters = {1, 40};
  EXPECT_EQ(classified(later).amounts.connections, 0U);
}

TEST_F(ClassifyTest, CountsAConnectionWhoseFirstReportDidNotWaitForItsEnd) {
  Flow first = report_between("10.0.0.5", "198.51.100.1");
  first.start = TimePoint(std::chrono::hours(500'000));
  first.end = first.start + std::chrono::minutes(2);
  first.earlier.start = first.start;  // as ReportedConnections leaves it
  EXPECT_EQ(classified(first).amounts.connections, 1U);
  Flow zeroed = first;  // another program has set its counters to zero meanwhile
  zeroed.start = first.end;
  EXPECT_EQ(classified(zeroed).amounts.connections, 0U);
}

TEST(KeySelection, LeavesOutWhatAnAggregateDoesNotTellApart) {
  Key all;
  all.host = text_address("10.0.0.5").address;
  all.family = 1;
  all.device = 0x02005e005301;
  all.mark = 1;
  all.zone = 2;
  all.protocol = 6;
  all.service = 4;
  all.network = 3;
  all.remote_network = 5;
  all.asn = 64496;
  all.country = {'D', 'E'};
  all.interface = 8;
  all.remote_interface = 9;
  Key expected;
  expected.zone = 2;
  expected.service = 4;
  EXPECT_EQ(KeySelection({AccountingKey::kZone, AccountingKey::kService}).of(all), expected);
  EXPECT_EQ(KeySelection({AccountingKey::kDirection}).of(all), Key{});
  EXPECT_EQ(KeySelection({AccountingKey::kHost, AccountingKey::kNetwork, AccountingKey::kInterface,
                          AccountingKey::kRemoteInterface, AccountingKey::kZone,
                          AccountingKey::kMark, AccountingKey::kProtocol, AccountingKey::kService,
                          AccountingKey::kRemoteNetwork, AccountingKey::kDevice,
                          AccountingKey::kAsn, AccountingKey::kCountry})
                .of(all),
            all);
}

TEST(KeySelection, KeepsOfAKeyWhatTheAggregateHasAndNothingElse) {
  Key all;
  all.host = test::text_address("10.0.0.5").address;
  all.device = 0x02005e005301;
  all.mark = 1;
  all.interface = 2;
  all.remote_interface = 3;
  all.asn = 4;
  all.country = {'D', 'E'};
  all.zone = 5;
  all.network = 6;
  all.remote_network = 7;
  all.service = 8;
  all.family = 9;
  all.protocol = 10;
  const auto of = [&](AccountingKey one) { return KeySelection({one}).of(all); };
  const auto with = [](auto member, auto value) {
    Key key;
    key.*member = value;
    return key;
  };
  EXPECT_EQ(of(AccountingKey::kDevice), with(&Key::device, all.device));
  EXPECT_EQ(of(AccountingKey::kMark), with(&Key::mark, 1U));
  EXPECT_EQ(of(AccountingKey::kInterface), with(&Key::interface, 2U));
  EXPECT_EQ(of(AccountingKey::kRemoteInterface), with(&Key::remote_interface, 3U));
  EXPECT_EQ(of(AccountingKey::kAsn), with(&Key::asn, 4U));
  EXPECT_EQ(of(AccountingKey::kCountry), with(&Key::country, all.country));
  EXPECT_EQ(of(AccountingKey::kZone), with(&Key::zone, std::uint16_t{5}));
  EXPECT_EQ(of(AccountingKey::kNetwork), with(&Key::network, std::uint16_t{6}));
  EXPECT_EQ(of(AccountingKey::kRemoteNetwork), with(&Key::remote_network, std::uint16_t{7}));
  EXPECT_EQ(of(AccountingKey::kService), with(&Key::service, std::uint16_t{8}));
  EXPECT_EQ(of(AccountingKey::kProtocol), with(&Key::protocol, std::uint16_t{10}));
  EXPECT_EQ(of(AccountingKey::kDirection), Key{});
  Key address;
  address.host = all.host;
  address.family = all.family;
  EXPECT_EQ(of(AccountingKey::kHost), address);
  all.device = 0;
  EXPECT_EQ(of(AccountingKey::kDevice), address) << "no more is known";
  all.device = 0x02005e005301;
  KeySelection both({AccountingKey::kMark});
  both.add(KeySelection({AccountingKey::kZone}));
  Key expected = with(&Key::mark, 1U);
  expected.zone = 5;
  EXPECT_EQ(both.of(all), expected);
}

}  // namespace
}  // namespace ctflow::accounting
