// SPDX-License-Identifier: GPL-2.0-or-later
#include "nat_log/ruleset_maps.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "support/nat_log_flows.hpp"

namespace ctflow::nat {
namespace {

using test::map_entry;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// As nft 1.0.6 writes it.
constexpr const char* kProtocol =
    R"({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "protocol"}}, "right": 6}}, )";
constexpr const char* kSource = R"("key": {"payload": {"protocol": "ip", "field": "saddr"}})";

std::string ruleset_of_objects(const std::string& objects) {
  return R"({"nftables": [{"metainfo": {"version": "1.0.6"}}, )" + objects + "]}";
}

std::string rule(const std::string& conditions, const std::string& data,
                 const std::string& key = kSource) {
  return R"({"rule": {"family": "ip", "table": "nat", "chain": "post", "handle": 4, "expr": [)" +
         conditions + R"({"counter": null}, {"snat": {"family": "ip", "addr": {"map": {)" + key +
         R"(, "data": )" + data + "}}}}]}}";
}

std::string set(const std::string& elements) { return R"({"set": [)" + elements + "]}"; }

constexpr const char* kTwo =
    R"(["100.64.0.2", {"concat": ["203.0.113.7", {"range": [1024, 3071]}]}], )"
    R"([{"prefix": {"addr": "100.64.0.3", "len": 32}}, {"concat": ["203.0.113.7", 3072]}])";

StaticMaps read(const std::string& objects, const std::string& elements = "") {
  return read_static_maps(
      [&](const std::string& command, bool all) {
        if (!all) {
          EXPECT_EQ(command, R"({"nftables":[{"list":{"ruleset":null}}]})");
          return ruleset_of_objects(objects);
        }
        EXPECT_EQ(command,
                  R"({"nftables":[{"list":{"map":{"family":"ip","name":"one","table":"nat"}}}]})");
        return ruleset_of_objects(R"({"map": {"family": "ip", "name": "one", "table": "nat")" +
                                  (elements.empty() ? "" : R"(, "elem": [)" + elements + "]") +
                                  "}}");
      },
      {});
}

std::vector<MapEntry> entries(const StaticMaps& maps) {
  return {maps.entries().begin(), maps.entries().end()};
}

TEST(RulesetMaps, ReadsAMapThatStandsInARule) {
  const StaticMaps maps = read(rule(kProtocol, set(kTwo)));
  EXPECT_THAT(maps.left_out(), IsEmpty());
  EXPECT_THAT(entries(maps), ElementsAre(map_entry("100.64.0.2", "203.0.113.7", 1024, 3071),
                                         map_entry("100.64.0.3", "203.0.113.7", 3072, 3072)));
}

TEST(RulesetMaps, ReadsANamedMapForTheProtocolsOfItsRules) {
  const std::string named =
      R"({"map": {"family": "ip", "name": "one", "table": "nat", "type": "ipv4_addr", "flags": ["interval"]}}, )";
  const StaticMaps maps = read(
      named +
          rule(
              R"({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": [6, "udp"]}}}, )",
              "\"@one\""),
      kTwo);
  EXPECT_THAT(entries(maps), ElementsAre(map_entry("100.64.0.2", "203.0.113.7", 1024, 3071, 6),
                                         map_entry("100.64.0.3", "203.0.113.7", 3072, 3072, 6),
                                         map_entry("100.64.0.2", "203.0.113.7", 1024, 3071, 17),
                                         map_entry("100.64.0.3", "203.0.113.7", 3072, 3072, 17)));
  EXPECT_THAT(entries(read(named + rule(kProtocol, "\"@one\""))), IsEmpty());
}

TEST(RulesetMaps, WithoutAConditionItIsForAllProtocols) {
  for (const char* const condition :
       {"",
        R"({"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "eth0"}}, )"}) {
    const auto found = entries(read(rule(condition, set(kTwo))));
    ASSERT_THAT(found, SizeIs(2)) << condition;
    EXPECT_EQ(found[0].protocol, kAnyProtocol) << condition;
  }
  // nft does not list the protocol that a port implies.
  const auto found = entries(read(rule(
      R"({"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 53}}, )",
      set(kTwo))));
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].protocol, 17);
}

TEST(RulesetMaps, EachConditionLeavesOnlyTheProtocolsOfBoth) {
  const std::string tcp_or_udp =
      R"({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": [6, 17]}}}, )";
  const std::string udp =
      R"({"match": {"op": "!=", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 53}}, )";
  for (const std::string& conditions : {tcp_or_udp + udp, udp + tcp_or_udp}) {
    const auto found = entries(read(rule(conditions, set(kTwo))));
    ASSERT_THAT(found, SizeIs(2)) << conditions;
    EXPECT_EQ(found[0].protocol, 17) << conditions;
  }
  EXPECT_THAT(entries(read(rule(kProtocol + udp, set(kTwo)))), IsEmpty());
}

TEST(RulesetMaps, LeavesOutAMapWhereTheProtocolsAreNotListed) {
  for (
      const char* const condition :
      {R"({"match": {"op": "!=", "left": {"meta": {"key": "l4proto"}}, "right": 6}}, )",
       R"({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "@some"}}, )",
       R"({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"range": [6, 17]}}}, )"}) {
    const StaticMaps maps = read(rule(condition, set(kTwo)));
    EXPECT_THAT(maps.entries(), IsEmpty()) << condition;
    ASSERT_THAT(maps.left_out(), SizeIs(1)) << condition;
    EXPECT_THAT(maps.left_out()[0], HasSubstr("the protocols of its rule are not listed"));
  }
}

TEST(RulesetMaps, AsksForTheElementsOfAMapOnce) {
  const std::string udp =
      R"({"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": 17}}, )";
  std::string objects =
      R"({"map": {"family": "ip", "name": "one", "table": "nat", "type": "ipv4_addr"}})";
  for (int i = 0; i < 50; ++i) {
    objects += ", " + rule(kProtocol, "\"@one\"") + ", " + rule(udp, "\"@one\"");
  }
  int asked = 0;
  const StaticMaps maps = read_static_maps(
      [&](const std::string&, bool all) {
        if (!all) return ruleset_of_objects(objects);
        ++asked;
        return ruleset_of_objects(
            R"({"map": {"family": "ip", "name": "one", "table": "nat", "elem": [)" +
            std::string(kTwo) + "]}}");
      },
      {});
  EXPECT_EQ(asked, 1);
  EXPECT_THAT(maps.entries(), SizeIs(4));
}

TEST(RulesetMaps, SaysOnceWhyAMapIsLeftOut) {
  const std::string dynamic =
      R"({"map": {"family": "ip", "name": "one", "table": "nat", "flags": ["dynamic"]}})";
  const std::string use = rule(kProtocol, "\"@one\"");
  EXPECT_THAT(read(dynamic + ", " + use + ", " + use).left_out(), SizeIs(1));
}

TEST(RulesetMaps, LeavesOutMapsThatAreNotStaticAndSaysWhy) {
  const struct {
    std::string objects;
    const char* why;
  } cases[] = {
      {rule(
           "",
           set(R"([{"prefix": {"addr": "10.0.0.0", "len": 31}}, {"concat": ["203.0.113.9", 1]}])")),
       "expected one inside address"},
      {rule("", set(R"([{"range": ["10.0.0.1", "10.0.0.2"]}, {"concat": ["203.0.113.9", 1]}])")),
       "expected one inside address"},
      {rule("", set(R"(["10.0.0.1", {"concat": ["203.0.113.9", 70000]}])")),
       "expected one inside address"},
      {rule("", set(R"(["10.0.0.1", {"concat": ["2001:db8::1", 7]}])")),
       "expected one inside address"},
      {rule(
           "",
           set(R"([{"elem": {"val": "10.0.0.1", "timeout": 9}}, {"concat": ["203.0.113.9", 1]}])")),
       "expected one inside address"},
      {rule("", set(kTwo), R"("key": {"payload": {"protocol": "ip", "field": "daddr"}})"),
       "the map of a rule of ip nat post is not static: its key is not the source address alone"},
      {R"({"map": {"family": "ip", "name": "one", "table": "nat", "flags": ["dynamic"]}}, )" +
           rule("", "\"@one\""),
       "map ip nat one is not static: its entries come and go by themselves"},
      {rule("", "\"@gone\""), "map ip nat gone is not static: it is not listed"},
      {rule("", set(R"(["10.0.0.1", {"concat": ["203.0.113.9", 1]}], )"
                    R"(["10.0.0.2", {"concat": ["203.0.113.9", 1]}])")),
       "203.0.113.9:1 belongs to two inside addresses"},
  };
  for (const auto& one : cases) {
    const StaticMaps maps = read(one.objects);
    EXPECT_THAT(maps.entries(), IsEmpty()) << one.objects;
    ASSERT_THAT(maps.left_out(), SizeIs(1)) << one.objects;
    EXPECT_THAT(maps.left_out()[0], HasSubstr(one.why));
  }
}

TEST(RulesetMaps, OneElementWithACommentIsStillOne) {
  EXPECT_THAT(entries(read(rule(kProtocol, set(R"([{"elem": {"val": "10.0.0.1", "comment": "a"}}, )"
                                               R"({"concat": ["203.0.113.9", 1]}])")))),
              ElementsAre(map_entry("10.0.0.1", "203.0.113.9", 1, 1)));
}

TEST(RulesetMaps, AMapToAddressesAloneIsNone) {
  const StaticMaps maps =
      read(rule("", set(R"(["10.0.0.1", "203.0.113.9"], ["10.0.0.2", "203.0.113.9"])")));
  EXPECT_THAT(maps.entries(), IsEmpty());
  EXPECT_THAT(maps.left_out(), IsEmpty());
}

/// Asks for parts, and answers by what is asked for.
class ByParts {
 public:
  std::map<std::string, std::string> answers;  ///< the object → objects
  std::vector<std::string> asked;

  StaticMaps read(const std::vector<RulesetTable>& tables) {
    return read_static_maps(
        [&](const std::string& command, bool) {
          asked.push_back(command.substr(std::strlen(R"({"nftables":[{"list":)")));
          asked.back().resize(asked.back().size() - std::strlen("}]}"));
          const auto found = answers.find(asked.back());
          return ruleset_of_objects(found == answers.end() ? "{}" : found->second);
        },
        tables);
  }
};

TEST(RulesetMaps, ADormantTableHasNoneAndIsNotListed) {
  ByParts nft;
  nft.answers[R"({"ruleset":null})"] = rule(kProtocol, set(kTwo));
  nft.answers[R"({"table":{"family":"ip","name":"other"}})"] = "{}";
  EXPECT_THAT(nft.read({{"ip", "nat", true, true},
                        {"ip", "other", false, false},
                        {"", "netdev", false, true}})
                  .entries(),
              IsEmpty());
  // nft 1.0.6 writes freed memory where the one flag of a table belongs.
  EXPECT_THAT(nft.asked, ElementsAre(R"({"table":{"family":"ip","name":"other"}})"));
}

TEST(RulesetMaps, OfATableWithAnotherFlagChainsAreListed) {
  ByParts nft;
  nft.answers[R"({"chains":null})"] =
      R"({"chain": {"family": "ip", "table": "nat", "name": "post"}}, )"
      R"({"chain": {"family": "ip", "table": "other", "name": "post"}}, )"
      R"({"chain": {"family": "inet", "table": "nat", "name": "post"}})";
  nft.answers[R"({"chain":{"family":"ip","name":"post","table":"nat"}})"] =
      rule(kProtocol, set(kTwo));
  EXPECT_THAT(nft.read({{"ip", "nat", false, true}}).entries(), SizeIs(2));
  EXPECT_THAT(nft.asked, ElementsAre(R"({"maps":null})", R"({"chains":null})",
                                     R"({"chain":{"family":"ip","name":"post","table":"nat"}})"));
}

TEST(RulesetMaps, ReadsIpv6) {
  const std::string key = R"("key": {"payload": {"protocol": "ip6", "field": "saddr"}})";
  const auto found = entries(
      read(rule("", set(R"(["fd00::2", {"concat": ["2001:db8::7", {"range": [1, 9]}]}])"), key)));
  EXPECT_THAT(found, ElementsAre(map_entry("fd00::2", "2001:db8::7", 1, 9, kAnyProtocol)));
}

TEST(RulesetMaps, WhatIsNotAsExpectedIsAnError) {
  for (const char* const answer : {"", "{", "[]", R"({"nftables": 7})", "\xff"}) {
    const std::string text = answer;
    try {
      const StaticMaps maps = read_static_maps([&](const std::string&, bool) { return text; }, {});
      EXPECT_THAT(maps.entries(), IsEmpty()) << text;
    } catch (const RulesetError& error) {
      EXPECT_THAT(error.what(), HasSubstr("libnftables")) << text;
    }
  }
}

}  // namespace
}  // namespace ctflow::nat
