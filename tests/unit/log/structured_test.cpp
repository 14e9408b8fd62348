// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/structured.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace ctflow::log {
namespace {

using Json = nlohmann::ordered_json;

TEST(JsonLine, HasTheFieldsAsStringsInTheirOrder) {
  EXPECT_EQ(json_line("T", "warning", "send_failed collector=1 error=\"no \\\"route\\\"\" lost=5"),
            "{\"time\":\"T\",\"level\":\"warning\",\"event\":\"send_failed\",\"collector\":\"1\","
            "\"error\":\"no \\\"route\\\"\",\"lost\":\"5\"}\n");
}

TEST(JsonLine, IsOneLineOfValidTextInAnyCase) {
  const std::string line = json_line("T", "error", "Some \xff text\nof two lines");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const Json json = Json::parse(line);
  EXPECT_EQ(json.at("message"), "Some \xef\xbf\xbd text\nof two lines");
  EXPECT_FALSE(json.contains("event"));
}

TEST(JournalMessage, HasEachFieldUnderANameOfOurs) {
  EXPECT_EQ(journal_message(4, "send_failed collector=main lost_octets=5"),
            "PRIORITY=4\nSYSLOG_IDENTIFIER=ctflowd\nMESSAGE=send_failed collector=main "
            "lost_octets=5\nCTFLOWD_EVENT=send_failed\nCTFLOWD_COLLECTOR=main\n"
            "CTFLOWD_LOST_OCTETS=5\n");
}

TEST(JournalMessage, GivesTheLengthOfAValueWithALineFeed) {
  using std::string_literals::operator""s;
  EXPECT_EQ(journal_message(6, "event key=\"a\\nb\""),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=ctflowd\nMESSAGE=event key=\"a\\nb\"\n"
            "CTFLOWD_EVENT=event\nCTFLOWD_KEY\n\x03\0\0\0\0\0\0\0a\nb\n"s);
  EXPECT_EQ(journal_message(6, "x\n=y"),
            "PRIORITY=6\nSYSLOG_IDENTIFIER=ctflowd\nMESSAGE\n\x04\0\0\0\0\0\0\0x\n=y\n"s)
      << "no field can be made up by a value";
}

}  // namespace
}  // namespace ctflow::log
