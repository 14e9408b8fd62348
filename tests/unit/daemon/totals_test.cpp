// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/totals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/log.hpp"
#include "support/sample_status.hpp"

namespace ctflow {
namespace {

class TotalsTest : public testing::Test {
 protected:
  TotalsTest() {
    log::configure(LogLevel::kInfo);
    home_.source.messages = 12;
    home_.outputs[0].counters = {};
  }

  /// What is logged where nothing was exported.
  [[nodiscard]] std::string complaint() const {
    testing::internal::CaptureStderr();
    const bool exported = log_whether_exported(status_);
    std::string text = testing::internal::GetCapturedStderr();
    EXPECT_EQ(exported, text.empty()) << text;
    return text;
  }

  Status status_ = test::sample_status();
  NamespaceStatus& home_ = status_.namespaces[0];
};

TEST_F(TotalsTest, TakeNothingReadForNothingToExport) {
  home_.source.messages = 0;
  EXPECT_EQ(complaint(), "");
  home_.source.malformed = 1;  // a datagram without a whole message
  EXPECT_NE(complaint(), "");
}

TEST_F(TotalsTest, TakeWhatWaitsOnDiskForExported) {
  EXPECT_NE(complaint(), "");
  home_.outputs[0].counters.waiting.flows = 1;
  EXPECT_EQ(complaint(), "");
  home_.outputs[0].counters = {};
  home_.outputs[0].counters.flows = 1;
  EXPECT_EQ(complaint(), "");
}

TEST_F(TotalsTest, SayWhyNothingWasExported) {
  EXPECT_THAT(complaint(), testing::HasSubstr("profiles have no records"));
  home_.outputs[0].counters.lost_stopped.flows = 12;
  EXPECT_THAT(complaint(), testing::HasSubstr("no collector could be reached"));
  home_.outputs[0].counters = {};
  home_.pipeline.exported = 0;
  home_.source.malformed = 12;
  EXPECT_THAT(complaint(), testing::HasSubstr("none of the messages could be decoded"));
}

}  // namespace
}  // namespace ctflow
