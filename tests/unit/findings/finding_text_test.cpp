// SPDX-License-Identifier: GPL-2.0-or-later
#include "findings/finding_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "log/log.hpp"

namespace ctflow {
namespace {

const Finding kFinding{"collector_refused", "closed\n", "start it", "main"};

TEST(FindingText, HasSubjectImpactAndFix) {
  EXPECT_EQ(finding_text(kFinding), "collector_refused main: closed\\n\n  fix: start it\n");
  EXPECT_EQ(finding_text({"a", "b", "c"}), "a: b\n  fix: c\n");
}

TEST(FindingText, SurvivesJson) {
  const nlohmann::json json = finding_json(kFinding);
  EXPECT_EQ(json.at("subject"), "main");
  EXPECT_EQ(finding_from(json), kFinding);
  EXPECT_THROW(finding_from(nlohmann::json::object()), nlohmann::json::exception);
  EXPECT_EQ(findings_json({kFinding, kFinding}).size(), 2U);
}

TEST(FindingText, BreaksWhatATerminalIsTooNarrowForButNotCommands) {
  EXPECT_EQ(
      findings_for_terminal("routes: 14 in 4 interfaces, chosen by 5 rules\n"
                            "not_tracking: no rule uses conntrack, nothing will come\n"
                            "  fix: nft 'table inet t { chain track { type filter hook; }; }'\n"
                            "no problems found\n",
                            30),
      "routes: 14 in 4 interfaces,\n"
      "  chosen by 5 rules\n"
      "not_tracking: no rule uses\n"
      "  conntrack, nothing will come\n"
      "  fix: nft 'table inet t { chain track { type filter hook; }; }'\n"
      "no problems found\n");
}

TEST(FindingText, LeavesWhatFits) {
  EXPECT_EQ(findings_for_terminal("kernel: stock\n", 13), "kernel: stock\n");
  EXPECT_EQ(findings_for_terminal("", 80), "");
}

TEST(FindingText, IsALogLine) {
  log::configure(LogLevel::kInfo);
  testing::internal::CaptureStderr();
  log_findings({{kFinding}, {{"note", "b c", "d"}}, {"rules"}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text,
              testing::HasSubstr("warning collector_refused subject=main impact=\"closed\\n\" "
                                 "fix=\"start it\"\n"));
  EXPECT_THAT(text, testing::HasSubstr("info note impact=\"b c\" fix=d\n"));
  EXPECT_THAT(text, testing::HasSubstr("info unchecked what=rules\n"));
}

}  // namespace
}  // namespace ctflow
