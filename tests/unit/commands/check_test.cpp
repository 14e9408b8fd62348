// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/check.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(CheckSummary, CountsWhatThereIs) {
  Config config;
  config.collectors.resize(2);
  EXPECT_EQ(check_summary(config, 0), "OK: 2 collectors");
  config.log_connections.resize(1);
  config.nat_log.retention = std::chrono::days(1);
  EXPECT_EQ(check_summary(config, 3), "OK: 2 collectors, 1 connection log, 1 NAT log, 3 warnings");
}

TEST(CheckSummary, NamesAccountingAlone) {
  Config config;
  config.accounting.aggregates.resize(2);
  EXPECT_EQ(check_summary(config, 0), "OK: accounting");
  EXPECT_EQ(check_summary(config, 1), "OK: accounting, 1 warning");
  config.collectors.resize(1);
  config.namespaces.resize(2);
  EXPECT_EQ(check_summary(config, 0), "OK: 1 collector, accounting, 2 namespaces");
}

}  // namespace
}  // namespace ctflow
