// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/totals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

#include "log/log.hpp"
#include "observe/counter_names.hpp"
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

/// Counters whose values are 1000, 1001, …, none of them the same.
template <typename Counters>
Counters numbered() {
  std::array<std::uint64_t, sizeof(Counters) / sizeof(std::uint64_t)> numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = 1000 + i;
  Counters counters;
  static_assert(std::is_trivially_copyable_v<Counters>);
  std::memcpy(static_cast<void*>(&counters), numbers.data(), sizeof counters);
  return counters;
}

/// The numbers from 1000 on of all the `key=number` that were logged.
std::set<std::uint64_t> logged(const std::function<void()>& log) {
  testing::internal::CaptureStderr();
  log();
  std::istringstream words(testing::internal::GetCapturedStderr());
  std::set<std::uint64_t> numbers;
  for (std::string word; words >> word;) {
    const std::string value = word.substr(word.find('=') + 1);
    if (value.size() == 4 && std::all_of(value.begin(), value.end(), isdigit)) {
      numbers.insert(std::stoull(value));
    }
  }
  return numbers;
}

template <typename Counters>
std::set<std::uint64_t> numbers_of() {
  std::set<std::uint64_t> all;
  for (std::size_t i = 0; i < sizeof(Counters) / sizeof(std::uint64_t); ++i) all.insert(1000 + i);
  return all;
}

// Each struct is filled and compared as a whole, not by the tables that the lines are made from: a
// counter that is in no line is found whatever leaves it out.
TEST_F(TotalsTest, HaveEveryCounter) {
  EXPECT_EQ(logged([] { log_source_totals("red", numbered<SourceCounters>(), {}); }),
            numbers_of<SourceCounters>());
  EXPECT_EQ(logged([] { log_source_totals("", {}, numbered<PipelineCounters>()); }),
            numbers_of<PipelineCounters>());
  EXPECT_EQ(logged([] { log_interface_totals("", numbered<InterfaceCounters>(), {}); }),
            numbers_of<InterfaceCounters>());
  EXPECT_EQ(logged([] { log_interface_totals("", {}, numbered<RoutingCounters>()); }),
            numbers_of<RoutingCounters>());
  OutputStatus output;
  output.counters = numbered<ExporterCounters>();
  EXPECT_EQ(logged([&] { log_output_totals(output); }), numbers_of<ExporterCounters>());
}

TEST_F(TotalsTest, HaveWhatWasKeptOnlyWhereThereWasSome) {
  OutputStatus output;
  output.kind = "collector";
  output.name = "main";
  testing::internal::CaptureStderr();
  log_output_totals(output);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::Not(testing::HasSubstr("kept_totals")));
  output.counters.waiting = {1, 2, 3, 4, 5};
  testing::internal::CaptureStderr();
  log_output_totals(output);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("kept_totals collector=main what=waiting messages=1 flows=2 "
                                 "records=3 packets=4 octets=5\n"));
}

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
  const OutputDetails collector =
      std::exchange(home_.outputs[0].details, OutputDetails(ConnectionLogStatus()));
  EXPECT_THAT(complaint(), testing::HasSubstr("log_connections cannot be written"));
  home_.outputs[0].details = collector;
  home_.outputs[0].counters = {};
  home_.pipeline.exported = 0;
  home_.source.malformed = 12;
  EXPECT_THAT(complaint(), testing::HasSubstr("none of the messages could be decoded"));
  home_.source.malformed = 0;
  home_.source.filtered = 12;
  EXPECT_THAT(complaint(),
              testing::HasSubstr("filtered=12 unrepresentable=0 impact=\"source.filter"));
  home_.source.filtered = 0;
  home_.pipeline.exported = 3;
  home_.outputs[0].counters.unrepresentable = 3;
  EXPECT_THAT(complaint(), testing::HasSubstr("NetFlow v5 cannot express IPv6"));
  home_.outputs[0].counters.filtered = 3;
  EXPECT_THAT(complaint(), testing::HasSubstr("the filters of the collectors left"));
  home_.outputs.clear();
  EXPECT_THAT(complaint(), testing::HasSubstr("neither collectors nor log_connections"));
}

}  // namespace
}  // namespace ctflow
