// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/tracking_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/log.hpp"
#include "support/settings_directory.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

TEST(CheckTracking, PutsSettingsAndTableTogether) {
  const test::SettingsDirectory settings;
  settings.set("nf_conntrack_acct", "0\n");
  settings.set("nf_conntrack_max", "10\n");
  settings.set("nf_conntrack_count", "10\n");
  std::vector<std::string> names;
  for (const Finding& one : check_tracking(SourceConfig(), settings.path()).wrong) {
    names.push_back(one.event);
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"accounting_off", "table_nearly_full"}));
}

TEST(LogFindings, WarnsOfWhatIsWrong) {
  log::configure(LogLevel::kInfo);
  testing::internal::CaptureStderr();
  log_findings({{{"bad", "it \"costs\"", "mend it"}}, {{"fine", "known", "nothing"}}, {"that"}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("warning bad impact=\"it \\\"costs\\\"\" fix=\"mend it\"\n"));
  EXPECT_THAT(text, HasSubstr("info fine impact=known fix=nothing\n"));
  EXPECT_THAT(text, HasSubstr("info unchecked what=that\n"));
}

}  // namespace
}  // namespace ctflow
