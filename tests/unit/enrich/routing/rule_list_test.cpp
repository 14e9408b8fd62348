// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/routing/rule_list.hpp"

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
  Tables asked(RoutingTime time = kNow) {
    Tables tables;
    undecided_ = refused_ = false;
    query_.time = time;
    rules_.walk(query_, [&](const Rule& rule, RuleList::Fit fit) {
      fit_ = fit;
      if (fit == RuleList::Fit::kPossible) {
        undecided_ = true;
        return RuleList::Next::kRule;
      }
      if (rule.action == FR_ACT_TO_TBL) tables.push_back(rule.vrf ? query_.vrf_table : rule.table);
      refused_ = rule.action == FR_ACT_BLACKHOLE;
      return refused_ ? RuleList::Next::kStop : RuleList::Next::kRule;
    });
    return tables;
  }
  /// Whether a rule, before one that always fits, has its table asked.
  bool fits(const Rule& rule) {
    rules_ = {};
    rules_.add(rule);
    return asked() == Tables{rule.table};
  }

  RuleList rules_;
  RouteQuery query_;
  bool undecided_ = false;
  bool refused_ = false;
  RuleList::Fit fit_ = RuleList::Fit::kSure;
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

TEST_F(RuleListTest, EndsWhereItsVisitorStops) {
  rules_.add(with_action(10, FR_ACT_BLACKHOLE));
  rules_.add(to_table(20, 2));
  EXPECT_THAT(asked(), IsEmpty());
  EXPECT_TRUE(refused_);
}

TEST_F(RuleListTest, KeepsEqualRulesSideBySideAndRemovesOneAtATime) {
  Rule other = to_table(50, 1);
  other.fingerprint = 7;  // of another protocol
  rules_.add(to_table(50, 1));
  rules_.add(other);
  rules_.add(to_table(50, 2));
  rules_.add(to_table(50, 1));
  EXPECT_EQ(rules_.size(), 4U);
  EXPECT_TRUE(rules_.remove(other));
  EXPECT_THAT(asked(), ElementsAre(1, 2, 1));
  EXPECT_TRUE(rules_.remove(to_table(50, 1)));
  EXPECT_THAT(asked(), ElementsAre(2, 1));
  EXPECT_TRUE(rules_.remove(to_table(50, 1)));
  EXPECT_FALSE(rules_.remove(to_table(50, 1)));
  EXPECT_THAT(asked(), ElementsAre(2));
}

TEST_F(RuleListTest, KnowsTheRulesOfEarlier) {
  rules_.add(to_table(10, 1));
  rules_.add(to_table(20, 2), 100);
  rules_.remove(to_table(10, 1), 200);
  rules_.add(to_table(10, 1), 300);
  EXPECT_THAT(asked(99), ElementsAre(1));
  EXPECT_THAT(asked(100), ElementsAre(1, 2));
  EXPECT_THAT(asked(199), ElementsAre(1, 2));
  EXPECT_THAT(asked(200), ElementsAre(2));
  EXPECT_THAT(asked(300), ElementsAre(1, 2));
  EXPECT_THAT(asked(), ElementsAre(1, 2));
  EXPECT_EQ(rules_.size(), 2U);
  EXPECT_FALSE(rules_.forgot(99));
  rules_.add(to_table(30, 3), 200 + kRemembered);
  EXPECT_TRUE(rules_.forgot(199));
  EXPECT_FALSE(rules_.forgot(200));
  EXPECT_EQ(rules_.forgotten(), 0U) << "in its time";
}

TEST_F(RuleListTest, GoesToTheTargetAsItWasThen) {
  rules_.add(with_action(10, FR_ACT_GOTO, 30));
  rules_.add(to_table(20, 2));
  rules_.add(to_table(30, 3));
  rules_.remove(to_table(30, 3), 100);
  EXPECT_THAT(asked(99), ElementsAre(3));
  EXPECT_THAT(asked(100), ElementsAre(2));
}

TEST_F(RuleListTest, ForgetsTheOldestWhenThereAreTooMany) {
  constexpr std::size_t kMore = RuleList::kGone + 10;
  for (std::size_t i = 1; i <= kMore; ++i) {
    const auto time = static_cast<RoutingTime>(2 * i);
    rules_.add(to_table(10, 1), time);
    EXPECT_TRUE(rules_.remove(to_table(10, 1), time + 1));
  }
  EXPECT_EQ(rules_.size(), 0U);
  EXPECT_EQ(rules_.forgotten(), 10U);
  EXPECT_TRUE(rules_.forgot(20));
  EXPECT_FALSE(rules_.forgot(21));
}

TEST_F(RuleListTest, TakesOverWhatAnOlderOneRemembers) {
  RuleList older;
  older.add(to_table(10, 1));
  older.add(to_table(10, 1));
  older.add(to_table(20, 2));
  older.remove(to_table(20, 2), 100);
  older.add(to_table(30, 3), 100);
  rules_.add(to_table(10, 1));
  rules_.add(to_table(30, 3));
  rules_.add(to_table(40, 4));
  rules_.inherit(older, 200);
  EXPECT_THAT(asked(99), ElementsAre(1, 1, 2, 4));
  EXPECT_THAT(asked(150), ElementsAre(1, 1, 3, 4)) << "one of two equal ones is missing";
  EXPECT_THAT(asked(200), ElementsAre(1, 3, 4));
  EXPECT_EQ(rules_.size(), 3U);
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
  EXPECT_FALSE(undecided_) << "connections have marks of this kind";
  query_.mark = 0;
  EXPECT_FALSE(fits(rule));
}

TEST_F(RuleListTest, DoesNotKnowThePacketsMarkUntilAConnectionHasIt) {
  Rule rule = to_table(1, 1);
  rule.mark = 0x10;
  rule.mark_mask = 0xf0;
  query_.mark = 0x05;
  EXPECT_FALSE(fits(rule));
  EXPECT_TRUE(undecided_);
  query_.mark = 0x10;
  asked();
  query_.mark = 0;
  EXPECT_THAT(asked(), IsEmpty());
  EXPECT_FALSE(undecided_);
  rule.inverted = true;
  EXPECT_TRUE(fits(rule));
  EXPECT_EQ(fit_, RuleList::Fit::kPresumed);
  query_.mark = 0x10;
  EXPECT_THAT(asked(), IsEmpty());
  query_.mark = 0;
  EXPECT_EQ(asked(), Tables{1});
  EXPECT_EQ(fit_, RuleList::Fit::kSure);
}

TEST_F(RuleListTest, ReadsUnmarkedForWhatItIs) {
  Rule rule = to_table(1, 1);
  rule.mark_mask = 0xf0;
  EXPECT_TRUE(fits(rule));
  EXPECT_EQ(fit_, RuleList::Fit::kSure);
  query_.mark = 0x10;
  EXPECT_FALSE(fits(rule));
  EXPECT_FALSE(undecided_);
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

TEST_F(RuleListTest, KnowsWhetherAllRulesThatAreThereFitEveryPacket) {
  const std::vector<std::pair<const char*, void (*)(Rule&)>> selectors{
      {"from",
       [](Rule& rule) {
         rule.source = {test::key_of("10.0.0.0"), 8};
       }},
      {"to",
       [](Rule& rule) {
         rule.destination = {test::key_of("10.0.0.0"), 8};
       }},
      {"fwmark", [](Rule& rule) { rule.mark = rule.mark_mask = 1; }},
      {"fwmark 0", [](Rule& rule) { rule.mark_mask = 1; }},
      {"ipproto", [](Rule& rule) { rule.protocol = 6; }},
      {"sport",
       [](Rule& rule) {
         rule.source_port = {1, 2, 0};
       }},
      {"dport",
       [](Rule& rule) {
         rule.destination_port = {1, 2, 0};
       }},
      {"iif", [](Rule& rule) { rule.ingress = name("lan"); }},
      {"l3mdev", [](Rule& rule) { rule.vrf = true; }},
      {"not", [](Rule& rule) { rule.inverted = true; }},
      {"oif", [](Rule& rule) { rule.needs_egress = true; }},
      {"undecidable", [](Rule& rule) { rule.undecidable = true; }}};
  rules_.add(to_table(32766, 254));
  rules_.add(with_action(32767, FR_ACT_UNREACHABLE));
  for (const auto& [called, select] : selectors) {
    Rule rule = to_table(1, 1);
    select(rule);
    EXPECT_TRUE(rules_.fit_all()) << "before " << called;
    rules_.add(rule, 10);
    EXPECT_FALSE(rules_.fit_all()) << called;
    rules_.remove(rule, 20);
  }
  RuleList again;
  again.add(to_table(32766, 254));
  again.inherit(rules_, 30);
  EXPECT_TRUE(again.fit_all());
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
