// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/counter_names.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string_view>

namespace ctflow {
namespace {

bool is_loss(std::string_view name) { return name.substr(0, 5) == "lost_"; }

/// The same losses in other terms, for any reason.
bool is_sum(std::string_view name) {
  return name == "lost_messages" || name == "lost_records" || name == "lost_packets" ||
         name == "lost_octets";
}

TEST(CounterNames, HaveEveryReasonOfWhatIsLost) {
  ExporterCounters counters;
  std::uint64_t next = 1;
  std::uint64_t all = 0;
  const auto put = [&](std::uint64_t& counter) {
    counter = next;
    all += next;
    next *= 2;
  };
  for (const auto& one : kExporterCounters) {
    if (is_loss(one.name) && !is_sum(one.name)) put(counters.*one.member);
  }
  for (const AmountName& one : kExporterAmounts) {
    if (is_loss(one.name)) put((counters.*one.member).flows);
  }
  EXPECT_EQ(counters.lost(), all) << "of the bits, one for each reason";
}

}  // namespace
}  // namespace ctflow
