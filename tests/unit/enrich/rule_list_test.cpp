// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/rule_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/routing_messages.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Tables = std::vector<std::uint32_t>;

InterfaceName name(const std::string& text) {
  InterfaceName made{};
  std::copy(text.begin(), text.end(), made.begin());
  return made;
}

Rule to_table(std::uint32_t priority, std::uint32_t table) {
  Rule rule;
  rule.family = AddressFamily::kIpv4;
  rule.priority = priority;
  rule.table = table;
  rule.action = FR_ACT_TO_TBL;
  return rule;
}

Rule with_action(std::uint32_t priority, std::uint8_t action, std::uint32_t target = 0) {
  Rule rule = to_table(priority, 0);
  rule.action = action;
  rule.target = target;
  return rule;
}

class RuleListTest : public testing::Test {
 protected:
  /// The tables asked, in order, when none knows the destination.
  Tables asked() {
    Tables tables;
    undecided_ = false;
    outcome_ = rules_.evaluate(
        query_, undecided_,
        [&](std::uint32_t table) {
          tables.push_back(table);
          return RuleList::Outcome::kContinue;
        },
        [](const Rule&) { return false; });
    return tables;
  }
  /// Whether a rule, before one that always fits, has its table asked.
  bool fits(const Rule& rule) {
    rules_.clear();
    rules_.add(rule);
    return asked() == Tables{rule.table};
  }

  RuleList rules_;
  RouteQuery query_;
  bool undecided_ = false;
  RuleList::Outcome outcome_ = RuleList::Outcome::kContinue;
};

TEST_F(RuleListTest, AsksTablesByPriorityAndEqualsAsTheyCame) {
  rules_.add(to_table(32766, 254));
  rules_.add(to_table(0, 255));
  rules_.add(to_table(100, 1));
  rules_.add(to_table(100, 2));
  EXPECT_THAT(asked(), ElementsAre(255, 1, 2, 254));
  EXPECT_TRUE(rules_.remove(to_table(100, 1)));
  EXPECT_FALSE(rules_.remove(to_table(100, 1)));
  EXPECT_THAT(asked(), ElementsAre(255, 2, 254));
}

TEST_F(RuleListTest, StopsAtWhatWasFoundUnlessItIsSuppressed) {
  rules_.add(to_table(1, 1));
  rules_.add(to_table(2, 2));
  Tables tables;
  const auto outcome = rules_.evaluate(
      query_, undecided_,
      [&](std::uint32_t table) {
        tables.push_back(table);
        return RuleList::Outcome::kFound;
      },
      [](const Rule& rule) { return rule.table == 1; });
  EXPECT_EQ(outcome, RuleList::Outcome::kFound);
  EXPECT_THAT(tables, ElementsAre(1, 2));
}

TEST_F(RuleListTest, GoesToTheTargetAndPastOneThatIsMissing) {
  rules_.add(with_action(10, FR_ACT_GOTO, 30));
  rules_.add(to_table(20, 2));
  rules_.add(to_table(30, 3));
  rules_.add(with_action(40, FR_ACT_GOTO, 99));
  rules_.add(with_action(45, FR_ACT_GOTO, 5));  // backwards: never from a kernel
  rules_.add(with_action(46, FR_ACT_NOP));
  rules_.add(to_table(50, 5));
  EXPECT_THAT(asked(), ElementsAre(3, 5));
}

TEST_F(RuleListTest, EndsWhereARuleRefuses) {
  for (const std::uint8_t action : {FR_ACT_BLACKHOLE, FR_ACT_UNREACHABLE, FR_ACT_PROHIBIT}) {
    rules_.clear();
    rules_.add(with_action(10, action));
    rules_.add(to_table(20, 2));
    EXPECT_THAT(asked(), IsEmpty());
    EXPECT_EQ(outcome_, RuleList::Outcome::kRefused);
  }
}

TEST_F(RuleListTest, MatchesAddresses) {
  query_.source = test::key_of("10.1.2.3");
  query_.destination = test::key_of("192.0.2.1");
  Rule rule = to_table(1, 1);
  rule.source = {test::key_of("10.0.0.0"), 8};
  EXPECT_TRUE(fits(rule));
  rule.destination = {test::key_of("192.0.3.0"), 24};
  EXPECT_FALSE(fits(rule));
  rule.inverted = true;
  EXPECT_TRUE(fits(rule));
}

TEST_F(RuleListTest, MatchesTheMarkWithinItsMask) {
  Rule rule = to_table(1, 1);
  rule.mark = 0x10;
  rule.mark_mask = 0xf0;
  query_.mark = 0x1f;
  EXPECT_TRUE(fits(rule));
  query_.mark = 0x2f;
  EXPECT_FALSE(fits(rule));
  query_.mark = 0;
  EXPECT_FALSE(fits(rule));
}

TEST_F(RuleListTest, MatchesProtocolAndPorts) {
  Rule rule = to_table(1, 1);
  rule.protocol = 6;
  rule.destination_port = {80, 90, 0};
  query_.protocol = 6;
  query_.destination_port = 90;
  EXPECT_TRUE(fits(rule));
  query_.destination_port = 91;
  EXPECT_FALSE(fits(rule));
  query_.destination_port = 80;
  query_.protocol = 17;
  EXPECT_FALSE(fits(rule));
  rule = to_table(1, 1);
  rule.source_port = {0x1230, 0x1230, 0xfff0};
  query_.source_port = 0x1234;
  EXPECT_TRUE(fits(rule));
  query_.source_port = 0x1244;
  EXPECT_FALSE(fits(rule));
}

TEST_F(RuleListTest, MatchesTheIngressAndItsVrf) {
  const InterfaceName lan = name("lan");
  const InterfaceName red = name("red");
  Rule rule = to_table(1, 1);
  rule.ingress = lan;
  EXPECT_FALSE(fits(rule));
  EXPECT_TRUE(undecided_);
  query_.ingress = &red;
  EXPECT_FALSE(fits(rule));
  EXPECT_FALSE(undecided_);
  query_.ingress = &lan;
  EXPECT_TRUE(fits(rule));
  rule.ingress = red;
  EXPECT_FALSE(fits(rule));
  query_.ingress_vrf = &red;
  EXPECT_TRUE(fits(rule));
  EXPECT_TRUE(rules_.asks_for_ingress());
}

TEST_F(RuleListTest, TakesTheVrfRuleForPacketsOfAVrfOnly) {
  Rule rule = to_table(1, 0);
  rule.vrf = true;
  rules_.add(rule);
  EXPECT_THAT(asked(), IsEmpty());
  query_.vrf_table = 1000;
  EXPECT_THAT(asked(), ElementsAre(1000));
}

TEST_F(RuleListTest, TakesNoRuleForSocketsBoundToADevice) {
  Rule rule = to_table(1, 1);
  rule.needs_egress = true;
  EXPECT_FALSE(fits(rule));
  EXPECT_FALSE(undecided_);
}

TEST_F(RuleListTest, PassesOverWhatItCannotDecideUnlessItCannotFitAnyway) {
  Rule rule = to_table(1, 1);
  rule.undecidable = true;
  EXPECT_FALSE(fits(rule));
  EXPECT_TRUE(undecided_);
  EXPECT_EQ(rules_.undecidable(), 1U);
  rule.inverted = true;
  EXPECT_FALSE(fits(rule));
  EXPECT_TRUE(undecided_);
  rule.protocol = 6;
  query_.protocol = 17;
  EXPECT_TRUE(fits(rule)) << "of another protocol, which is what it asks for";
  EXPECT_FALSE(undecided_);
  rule.inverted = false;
  EXPECT_FALSE(fits(rule));
  EXPECT_FALSE(undecided_);
}

}  // namespace
}  // namespace ctflow
