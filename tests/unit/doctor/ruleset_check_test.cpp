// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/ruleset_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include "support/attribute_bytes.hpp"

namespace ctflow {
namespace {

using test::attribute;
using test::AttributeBytes;
using test::integer_attribute;
using test::text_attribute;
// NOLINTNEXTLINE(misc-unused-using-decls): clang-tidy does not see operators in use.
using test::operator+;
using testing::ElementsAre;
using testing::IsEmpty;

/// A rule of one expression.
AttributeBytes rule(std::string_view expression, const AttributeBytes& data = {}) {
  return text_attribute(NFTA_RULE_TABLE, "t") +
         attribute(NFTA_RULE_EXPRESSIONS,
                   attribute(NFTA_LIST_ELEM, text_attribute(NFTA_EXPR_NAME, "counter")) +
                       attribute(NFTA_LIST_ELEM, text_attribute(NFTA_EXPR_NAME, expression) +
                                                     attribute(NFTA_EXPR_DATA, data)));
}

std::vector<std::string> events(const Ruleset& ruleset) {
  std::vector<std::string> names;
  for (const Finding& one : check_ruleset(ruleset).wrong) {
    EXPECT_FALSE(one.impact.empty());
    EXPECT_FALSE(one.fix.empty());
    names.push_back(one.name);
  }
  return names;
}

TEST(NeedsConntrack, IsTrueOfStatesAndTranslation) {
  for (const char* name : {"ct", "nat", "masq", "redir", "flow_offload"}) {
    EXPECT_TRUE(needs_conntrack(rule(name))) << name;
  }
  for (const char* name : {"cmp", "meta", "notrack", "limit", "match", "target", ""}) {
    EXPECT_FALSE(needs_conntrack(rule(name))) << name;
  }
}

TEST(NeedsConntrack, LooksIntoWhatCameFromIptables) {
  EXPECT_TRUE(needs_conntrack(rule("match", text_attribute(NFTA_MATCH_NAME, "conntrack"))));
  EXPECT_TRUE(needs_conntrack(rule("target", text_attribute(NFTA_TARGET_NAME, "MASQUERADE"))));
  EXPECT_FALSE(needs_conntrack(rule("match", text_attribute(NFTA_MATCH_NAME, "tcp"))));
  EXPECT_FALSE(needs_conntrack(rule("target", text_attribute(NFTA_TARGET_NAME, "LOG"))));
}

TEST(NeedsConntrack, SurvivesEveryPrefixOfARule) {
  const AttributeBytes whole = rule("match", text_attribute(NFTA_MATCH_NAME, "conntrack"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const AttributeBytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_FALSE(needs_conntrack(part)) << length;
  }
}

TEST(ConntrackHook, IsKnownByItsFunction) {
  EXPECT_TRUE(is_conntrack_hook(text_attribute(4, "ipv4_conntrack_in")));
  EXPECT_TRUE(is_conntrack_hook(integer_attribute(2, 1) + text_attribute(4, "ipv6_conntrack_in")));
  EXPECT_FALSE(is_conntrack_hook(text_attribute(4, "nft_do_chain_inet")));
  EXPECT_FALSE(is_conntrack_hook(text_attribute(4, "ipv4_conntrack_defrag")));
  EXPECT_FALSE(is_conntrack_hook({}));
}

TEST(ReadFlowtable, TakesItsNameAndBothFlags) {
  const AttributeBytes names =
      text_attribute(NFTA_FLOWTABLE_TABLE, "filter") + text_attribute(NFTA_FLOWTABLE_NAME, "fast");
  const auto with_flags = [&](std::uint32_t flags) {
    return read_flowtable(NFPROTO_IPV4, names + integer_attribute(NFTA_FLOWTABLE_FLAGS, flags));
  };
  EXPECT_EQ(read_flowtable(NFPROTO_INET, names), (Flowtable{"inet filter fast", false, false}));
  EXPECT_EQ(with_flags(1), (Flowtable{"ip filter fast", false, true}));
  EXPECT_EQ(with_flags(2), (Flowtable{"ip filter fast", true, false}));
  EXPECT_EQ(with_flags(3), (Flowtable{"ip filter fast", true, true}));
  const auto with_uses = [&](std::uint32_t uses) {
    return read_flowtable(NFPROTO_INET, names + integer_attribute(NFTA_FLOWTABLE_USE, uses)).used;
  };
  EXPECT_FALSE(with_uses(0));
  EXPECT_TRUE(with_uses(2));
}

TEST(CheckRuleset, TrustsTheHooksFirst) {
  Ruleset ruleset;
  ruleset.hooked = true;
  EXPECT_THAT(events(ruleset), IsEmpty());
  ruleset.hooked = false;
  ruleset.entries = 5;  // of before
  EXPECT_THAT(events(ruleset), ElementsAre("not_tracking"));
}

TEST(CheckRuleset, TakesEntriesOrARuleForTrackingWhereHooksAreNotListed) {
  Ruleset ruleset;
  EXPECT_THAT(events(ruleset), ElementsAre("not_tracking"));
  ruleset.entries = 1;
  EXPECT_THAT(events(ruleset), IsEmpty());
  ruleset.entries = 0;
  ruleset.rule_needs_conntrack = true;
  EXPECT_THAT(events(ruleset), IsEmpty());
}

TEST(CheckRuleset, DoesNotJudgeWhatItCannotSee) {
  Ruleset legacy;
  legacy.legacy_tables = true;
  EXPECT_THAT(events(legacy), IsEmpty());
  EXPECT_EQ(check_ruleset(legacy).unchecked.size(), 1U);
  Ruleset forbidden;
  forbidden.error = "Operation not permitted";
  EXPECT_THAT(events(forbidden), IsEmpty());
  EXPECT_EQ(check_ruleset(forbidden).unchecked.size(), 2U);
}

TEST(CheckRuleset, NamesEachFlowtableThatDoesNotCount) {
  Ruleset ruleset;
  ruleset.hooked = true;
  ruleset.flowtables = {{"inet filter fast"}, {"ip f g", false, true}, {"ip f h", true, false}};
  EXPECT_THAT(events(ruleset), ElementsAre("flowtable_uncounted", "flowtable_uncounted"));
  const std::vector<Finding> wrong = check_ruleset(ruleset).wrong;
  EXPECT_THAT(wrong[0].impact, testing::Not(testing::HasSubstr("hardware")));
  EXPECT_THAT(wrong[1].impact, testing::HasSubstr("by network hardware"));
  EXPECT_THAT(wrong[1].fix, testing::HasSubstr("add flowtable ip f g {"));
}

}  // namespace
}  // namespace ctflow
