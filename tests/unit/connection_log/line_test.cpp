// SPDX-License-Identifier: GPL-2.0-or-later
#include "connection_log/line.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "connection_log/community_id.hpp"
#include "support/line_flows.hpp"
#include "support/sample_flows.hpp"
#include "support/source_directory.hpp"

namespace ctflow {
namespace {

using Json = nlohmann::json;
using test::line_flow::continued;
using test::line_flow::ended_before;
using test::line_flow::every_kind;
using test::line_flow::gre;
using test::line_flow::removed;
using test::line_flow::uncounted;

std::string line_of(const Flow& flow, const LineContext& context = {}) {
  std::string line;
  append_line(line, flow, context);
  return line;
}

Json read(const Flow& flow, const LineContext& context = {}) {
  return Json::parse(line_of(flow, context));
}

class LineTest : public testing::Test {
 protected:
  LineTest() {
    names_.set(7, "lan0");
    names_.set(0x00010002, "a\"\\\x01\xff");
  }

  InterfaceNames names_;
  LineContext context_{test::kSampleDomain, {}, &names_, true, true};
};

// tests/checks/connection_log holds this file, the schema and the documents together.
TEST_F(LineTest, OfEveryKindIsThatOfTheGoldenFile) {
  std::string lines;
  bool in_namespace = false;
  for (const Flow& flow : every_kind()) {
    LineContext context = context_;
    if (std::exchange(in_namespace, !in_namespace)) context.network_namespace = "red";
    append_line(lines, flow, context);
  }
  const std::string golden = test::source_directory() + "/tests/golden/connection_log.jsonl";
  std::ifstream stream(golden, std::ios::binary);
  EXPECT_EQ(lines, std::string(std::istreambuf_iterator<char>(stream), {})) << golden;
}

TEST_F(LineTest, IsOneObjectOnOneLine) {
  for (const Flow& flow : every_kind()) {
    const std::string line = line_of(flow, context_);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_LT(line.size(), kLongestLine);
    EXPECT_EQ(Json::parse(line)["v"], 1);
  }
}

TEST_F(LineTest, HasDeltasAndTotals) {
  const Json json = read(continued(test::sample::tcp()));
  EXPECT_EQ(json["initiator"]["packets"]["delta"], 0x0102030405U);
  EXPECT_EQ(json["initiator"]["packets"]["total"], 0x0102030405U + 7);
  EXPECT_EQ(json["initiator"]["octets"]["total"], 0x060708090A0BU + 700);
  EXPECT_EQ(json["responder"]["packets"]["total"], 0x1112131415U + 5);
  EXPECT_EQ(json["start"], "2023-11-14T22:12:20.123Z") << "of the connection";
  EXPECT_EQ(json["delta_start"], "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(json["end"], "2023-11-14T22:14:25.535Z");
}

TEST_F(LineTest, OfAnEndWithNothingNewHasTotalsAndNoDelta) {
  const Json json = read(ended_before(test::sample::tcp()));
  EXPECT_EQ(json["event"], "end");
  EXPECT_EQ(json["initiator"]["packets"]["delta"], 0);
  EXPECT_EQ(json["initiator"]["packets"]["total"], 0x0102030405U);
  EXPECT_EQ(json["delta_start"], json["end"]);
}

TEST_F(LineTest, WithoutCountersHasNone) {
  const Json json = read(uncounted(test::sample::tcp()));
  EXPECT_FALSE(json["initiator"].contains("packets"));
  EXPECT_FALSE(json["responder"].contains("octets"));
}

TEST_F(LineTest, NamesTheTranslatedSideOnly) {
  const Json source = read(test::sample::snat());
  EXPECT_EQ(source["initiator"]["nat"]["address"], "192.0.2.254");
  EXPECT_EQ(source["initiator"]["nat"]["port"], 0xF00D);
  EXPECT_FALSE(source["responder"].contains("nat"));
  const Json destination = read(test::sample::dnat());
  EXPECT_EQ(destination["responder"]["nat"]["address"], "10.9.8.7");
  EXPECT_EQ(destination["responder"]["address"], "192.0.2.254");
  EXPECT_FALSE(destination["initiator"].contains("nat"));
  EXPECT_NE(destination["nat_community_id"], destination["community_id"]);
}

TEST_F(LineTest, HasNamesOfInterfacesThatAreKnown) {
  const Json json = read(test::sample::snat(), context_);
  EXPECT_EQ(json["initiator"]["ingress"]["name"], "lan0");
  EXPECT_EQ(json["initiator"]["egress"]["name"], R"(a"\\x01\xff)");
  EXPECT_FALSE(read(test::sample::tcp(), context_)["initiator"]["ingress"].contains("name"));
  EXPECT_FALSE(read(test::sample::snat())["initiator"]["ingress"].contains("name"));
  EXPECT_FALSE(read(removed(test::sample::tcp()))["initiator"].contains("ingress"));
}

TEST_F(LineTest, HasMacAddressesThatAreKnownWhereTheyAreAskedFor) {
  Flow flow = test::line_flow::on_links(test::sample::dnat());
  Json json = read(flow, context_);
  EXPECT_EQ(json["initiator"]["mac"], "02:00:5e:00:53:f1");
  EXPECT_EQ(json["responder"]["mac"], "fe:dc:ba:98:76:54");
  EXPECT_FALSE(read(flow)["initiator"].contains("mac"));
  EXPECT_FALSE(read(flow)["responder"].contains("mac"));
  flow.initiator_mac = 0;
  json = read(flow, context_);
  EXPECT_FALSE(json["initiator"].contains("mac"));
  EXPECT_TRUE(json["responder"].contains("mac"));
}

TEST_F(LineTest, HasOriginsThatAreKnownWhereTheyAreAskedFor) {
  Flow flow = test::sample::dnat();
  flow.initiator_origin = {4'200'000'001, {'D', 'E'}};
  flow.responder_origin = {0, {'F', 'R'}};
  Json json = read(flow, context_);
  EXPECT_EQ(json["initiator"]["as"], 4'200'000'001);
  EXPECT_EQ(json["initiator"]["country"], "DE");
  EXPECT_FALSE(json["responder"].contains("as"));
  EXPECT_EQ(json["responder"]["country"], "FR");
  context_.network_origins = false;
  json = read(flow, context_);
  for (const char* side : {"initiator", "responder"}) {
    EXPECT_FALSE(json[side].contains("as"));
    EXPECT_FALSE(json[side].contains("country"));
  }
}

TEST_F(LineTest, HasPortsOnlyWhereTheProtocolHas) {
  EXPECT_FALSE(read(gre())["initiator"].contains("port"));
  const Json icmp = read(test::sample::icmp_nat());
  EXPECT_FALSE(icmp["initiator"].contains("port"));
  EXPECT_FALSE(icmp["initiator"]["nat"].contains("port"));
  EXPECT_EQ(icmp["icmp"]["id"], test::sample::icmp_nat().original.icmp_id);
  EXPECT_EQ(icmp["icmp"]["nat_id"], test::sample::icmp_nat().reply.icmp_id);
}

TEST_F(LineTest, HasACommunityIdThatIsFoundInIt) {
  for (const Flow& flow : {test::sample::tcp(), test::sample::snat(), test::sample::icmp_nat(),
                           test::sample::icmpv6_nat64()}) {
    std::string line;
    append_line(line, flow, {});
    EXPECT_EQ(community_id_of(line), CommunityId(flow.original).text());
  }
  InterfaceNames names;  // text of others cannot stand for it
  names.set(7, R"(","community_id":"1:x)");
  std::string line;
  append_line(line, test::sample::snat(), {0, "\",\"community_id\":\"1:y", &names});
  EXPECT_EQ(community_id_of(line), CommunityId(test::sample::snat().original).text());
  EXPECT_EQ(community_id_of("{}"), "");
}

TEST_F(LineTest, IsLongerThanWhatABatchIsDividedBy) {
  // Of a batch of 32 KiB kafka_sink.cpp has room for the amounts of 256 lines.
  Flow flow = test::sample::tcp();
  flow.present.counters = false;
  std::string line;
  append_line(line, flow, {});
  EXPECT_GT(line.size(), 32'768U / 256);
}

TEST_F(LineTest, DoesNotGrowTheBuffer) {
  std::string line;
  line.reserve(kLongestLine);
  const char* const data = line.data();
  append_line(line, test::sample::icmpv6_nat64(), context_);
  EXPECT_EQ(line.data(), data);
}

}  // namespace
}  // namespace ctflow
