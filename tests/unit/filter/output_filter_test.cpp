// SPDX-License-Identifier: GPL-2.0-or-later
#include "filter/output_filter.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

constexpr std::uint8_t kTcp = 6;

IpAddress address(std::initializer_list<std::uint8_t> octets) {
  IpAddress result;
  std::copy(octets.begin(), octets.end(), result.octets.begin());
  return result;
}

const IpAddress kInside = address({10, 0, 0, 7});
const IpAddress kPublic = address({198, 51, 100, 1});
const IpAddress kServer = address({192, 0, 2, 80});

Network host(const IpAddress& which) { return {AddressFamily::kIpv4, which, 32}; }

/// An inside host asks a server, behind the public address of this router.
Flow masqueraded() {
  Flow flow;
  flow.original.family = flow.reply.family = AddressFamily::kIpv4;
  flow.original.protocol = flow.reply.protocol = kTcp;
  flow.original.source = kInside;
  flow.original.destination = flow.reply.source = kServer;
  flow.reply.destination = kPublic;
  flow.original.source_port = 40'000;
  flow.original.destination_port = flow.reply.source_port = 443;
  flow.reply.destination_port = 50'000;
  flow.original_interfaces = {3, 2};
  flow.reply_interfaces = {2, 3};
  flow.mark = 0x1f;
  flow.status = status::kSourceNat;
  return flow;
}

class OutputFilterTest : public testing::Test {
 protected:
  FilterRule& rule(FilterAction action) {
    rules_.emplace_back().action = action;
    return rules_.back();
  }
  /// Whether a filter with one rule that includes matches.
  bool matches(const FilterRule& one) {
    OutputFilter filter({one}, context_);
    return filter.leaves_out(flow_) == nullptr;
  }
  std::string left_out_by() {
    OutputFilter filter(rules_, context_);
    FilteredAmount* const counts = filter.leaves_out(flow_);
    if (counts == nullptr) return "";
    ++counts->flows;
    for (const FilteredByRule& one : filter.filtered()) {
      if (one.amount.flows == 1) return one.rule;
    }
    return "?";
  }

  std::shared_ptr<OutputContext> context_ = std::make_shared<OutputContext>();
  std::vector<FilterRule> rules_;
  Flow flow_ = masqueraded();
};

TEST_F(OutputFilterTest, ComparesAddressesBeforeNat) {
  FilterRule networks;
  networks.networks = {host(kInside)};
  EXPECT_TRUE(matches(networks));
  networks.networks = {host(kServer)};
  EXPECT_TRUE(matches(networks));
  networks.networks = {host(kPublic)};
  EXPECT_FALSE(matches(networks));

  FilterRule source;
  source.sources = {host(kInside)};
  EXPECT_TRUE(matches(source));
  source.sources = {host(kServer)};
  EXPECT_FALSE(matches(source));

  FilterRule destination;
  destination.destinations = {host(kServer)};
  EXPECT_TRUE(matches(destination));
  destination.destinations = {host(kInside)};
  EXPECT_FALSE(matches(destination));
}

TEST_F(OutputFilterTest, ComparesAddressesAfterNat) {
  FilterRule networks;
  networks.post_nat_networks = {host(kPublic)};
  EXPECT_TRUE(matches(networks));
  networks.post_nat_networks = {host(kServer)};
  EXPECT_TRUE(matches(networks));
  networks.post_nat_networks = {host(kInside)};
  EXPECT_FALSE(matches(networks));

  FilterRule source;
  source.post_nat_sources = {host(kPublic)};
  EXPECT_TRUE(matches(source));
  source.post_nat_sources = {host(kServer)};
  EXPECT_FALSE(matches(source));

  FilterRule destination;
  destination.post_nat_destinations = {host(kServer)};
  EXPECT_TRUE(matches(destination));
  destination.post_nat_destinations = {host(kPublic)};
  EXPECT_FALSE(matches(destination));
}

TEST_F(OutputFilterTest, ComparesTheFamilyAfterNatByItself) {
  flow_.original.family = AddressFamily::kIpv6;  // NAT64
  FilterRule after;
  after.post_nat_networks = {{AddressFamily::kIpv4, {}, 0}};
  EXPECT_TRUE(matches(after));
  FilterRule before;
  before.networks = {{AddressFamily::kIpv4, {}, 0}};
  EXPECT_FALSE(matches(before));
}

TEST_F(OutputFilterTest, ComparesProtocolsAndMarks) {
  FilterRule protocol;
  protocol.protocols = {17, kTcp};
  EXPECT_TRUE(matches(protocol));
  protocol.protocols = {17};
  EXPECT_FALSE(matches(protocol));
  FilterRule mark;
  mark.marks = {{16, 240}};
  EXPECT_TRUE(matches(mark));
  mark.marks = {{16, 0xffff'ffff}};
  EXPECT_FALSE(matches(mark));
}

TEST_F(OutputFilterTest, ComparesPortsBeforeNat) {
  FilterRule either;
  either.ports = {{440, 443}};
  EXPECT_TRUE(matches(either));
  either.ports = {{40'000, 40'000}};
  EXPECT_TRUE(matches(either));
  either.ports = {{50'000, 50'000}};
  EXPECT_FALSE(matches(either)) << "after NAT";

  FilterRule one;
  one.destination_ports = {{443, 443}};
  EXPECT_TRUE(matches(one));
  one.destination_ports = {{40'000, 40'000}};
  EXPECT_FALSE(matches(one));
  one = {};
  one.source_ports = {{40'000, 65'535}};
  EXPECT_TRUE(matches(one));
  one.source_ports = {{0, 39'999}};
  EXPECT_FALSE(matches(one));
}

TEST_F(OutputFilterTest, FindsNoPortsWhereThereAreNone) {
  flow_.original.protocol = 47;  // GRE: its key stands in the place of a port
  FilterRule any;
  any.ports = {{0, 65'535}};
  EXPECT_FALSE(matches(any));
}

TEST_F(OutputFilterTest, ComparesZonesOfEitherDirection) {
  flow_.original.zone = 4;
  flow_.reply.zone = 5;
  FilterRule zone;
  for (const std::uint64_t which : {4U, 5U}) {
    zone.zones = {which};
    EXPECT_TRUE(matches(zone)) << which;
  }
  zone.zones = {0};
  EXPECT_FALSE(matches(zone));
}

TEST_F(OutputFilterTest, ComparesInterfacesByIndex) {
  FilterRule one;
  one.ingress_interfaces = {{"", 3}};
  EXPECT_TRUE(matches(one));
  one.ingress_interfaces = {{"", 2}};
  EXPECT_FALSE(matches(one));
  one = {};
  one.egress_interfaces = {{"", 2}};
  EXPECT_TRUE(matches(one));
  one = {};
  one.interfaces = {{"", 7}, {"", 3}};
  EXPECT_TRUE(matches(one));
  flow_.original_interfaces = {};
  EXPECT_TRUE(matches(one)) << "of the reply direction";
  flow_.reply_interfaces = {};
  EXPECT_FALSE(matches(one));
}

TEST_F(OutputFilterTest, ComparesInterfacesByTheNamesOfTheMoment) {
  FilterRule one;
  one.egress_interfaces = {{"ppp0", 0}};
  EXPECT_FALSE(matches(one)) << "no names are known";
  InterfaceNames names;
  context_->set_interface_names(names);
  EXPECT_FALSE(matches(one));
  names.set(2, "ppp0");
  EXPECT_TRUE(matches(one));
  names.set(2, "ppp1");
  EXPECT_FALSE(matches(one));
  names.set(9, "ppp0");
  flow_.original_interfaces.egress = 9;
  EXPECT_TRUE(matches(one));
}

TEST_F(OutputFilterTest, MatchesWhereEveryConditionDoes) {
  FilterRule all;
  all.protocols = {kTcp};
  all.destination_ports = {{443, 443}};
  all.marks = {{0x1f, 0xff}};
  EXPECT_TRUE(matches(all));
  all.marks = {{0x2f, 0xff}};
  EXPECT_FALSE(matches(all));
}

TEST_F(OutputFilterTest, TheFirstRuleThatMatchesDecides) {
  rule(FilterAction::kExclude).protocols = {17};
  rule(FilterAction::kInclude).marks = {{0x1f, 0xff}};
  rule(FilterAction::kExclude).protocols = {kTcp};
  EXPECT_EQ(left_out_by(), "");
  std::swap(rules_[1], rules_[2]);
  EXPECT_EQ(left_out_by(), "2");
  rules_[1].name = "web";
  EXPECT_EQ(left_out_by(), "web");
}

TEST_F(OutputFilterTest, WhatNoRuleMatchesIsLeftOutWhereOneIncludes) {
  rule(FilterAction::kExclude).protocols = {17};
  EXPECT_EQ(left_out_by(), "");
  rule(FilterAction::kInclude).protocols = {1};
  EXPECT_EQ(left_out_by(), "unmatched");
  rule(FilterAction::kInclude);
  EXPECT_EQ(left_out_by(), "") << "a rule without conditions matches everything";
}

TEST_F(OutputFilterTest, LeavesNothingOutWithoutRules) {
  EXPECT_EQ(left_out_by(), "");
  EXPECT_TRUE(OutputFilter(rules_, context_).filtered().empty());
}

TEST_F(OutputFilterTest, GoesOnWithTheCountsOfRulesThatAreStillThere) {
  rule(FilterAction::kExclude).protocols = {17};
  rule(FilterAction::kInclude).protocols = {1};
  OutputFilter filter(rules_, context_);
  filter.continue_from({{"1", {1, 10, 100}}, {"old", {2, 20, 200}}, {"unmatched", {4, 40, 400}}});
  const auto counts = filter.filtered();
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_EQ(counts[0].rule, "1");
  EXPECT_EQ(counts[0].amount.octets, 100U);
  EXPECT_EQ(counts[1].rule, "unmatched");
  EXPECT_EQ(counts[1].amount.packets, 40U);
  EXPECT_EQ(counts[2].rule, "earlier");
  EXPECT_EQ(counts[2].amount.flows, 2U);
}

}  // namespace
}  // namespace ctflow
