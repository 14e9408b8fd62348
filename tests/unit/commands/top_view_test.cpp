// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/top_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>

#include "observe/usage_json.hpp"

namespace ctflow {
namespace {

using namespace std::chrono_literals;

class TopViewTest : public testing::Test {
 protected:
  TopViewTest() {
    all_.resize(1);
    all_[0].reported_every = 60s;
    all_[0].usage.emplace().by = AccountingKey::kDevice;
  }

  void count(const std::string& key, const std::string& name, std::uint64_t down, std::uint64_t up,
             const std::string& direction = "out") {
    for (UsageSeries& one : all_[0].usage->series) {
      if (one.key != key || one.direction != direction) continue;
      one.down_octets += down;
      one.up_octets += up;
      ++one.connections;
      return;
    }
    all_[0].usage->series.push_back({key, name, direction, down, up, 0, 0, 1});
  }

  [[nodiscard]] TopSample sample(std::chrono::seconds at, const TopQuestion& question = {}) const {
    return read_top(usage_json(all_, std::chrono::steady_clock::time_point(at)), question);
  }

  std::vector<NamespaceUsage> all_;
  TopRates rates_;
};

TEST_F(TopViewTest, HasRatesOfTheTimeBetweenTwoAnswers) {
  count("02:00:5e:00:53:01", "tv", 5000, 5000);  // before the first
  rates_.add(sample(100s), 60s);
  EXPECT_FALSE(rates_.ready());
  count("02:00:5e:00:53:01", "tv", 75'000'000, 750'000);
  count("10.0.0.6", "", 7'500, 0);
  count("10.0.0.6", "", 1'000'000'000, 0, "local");
  rates_.add(sample(160s), 60s);
  ASSERT_TRUE(rates_.ready());
  EXPECT_EQ(rates_.text(20, "internet only"),
            "Rates of the last 60 s, by device, internet only\n"
            "device                                           down           up     conns/s\n"
            "tv                                        10.0 Mbit/s   100 kbit/s         0.0\n"
            "10.0.0.6                                   1.0 kbit/s      0 bit/s         0.0\n"
            "total                                     10.0 Mbit/s   100 kbit/s         0.0\n");
}

TEST_F(TopViewTest, FitsIn80Columns) {
  rates_.add(sample(100s), 60s);
  for (int i = 0; i < 30; ++i)
    count("2001:db8:aaaa:bbbb:cccc:dddd:eeee:" + std::to_string(i), "", 99'900'000'000U,
          99'900'000'000U);
  rates_.add(sample(160s), 60s);
  const std::string text = rates_.text(5, "internet only");
  EXPECT_THAT(text, testing::HasSubstr("other (25)"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(TopViewTest, SaysWhatAShortTimeCannotHave) {
  rates_.add(sample(100s), 10s);
  rates_.add(sample(110s), 10s);
  EXPECT_THAT(rates_.text(5, ""), testing::HasSubstr("counted every 60 s"));
  all_[0].reported_every = 0s;
  rates_.add(sample(120s), 10s);
  EXPECT_THAT(rates_.text(5, ""), testing::HasSubstr("source.active_timeout"));
}

TEST_F(TopViewTest, KeepsAsManyAnswersAsRatesNeed) {
  for (int i = 0; i <= 30; ++i) {
    count("10.0.0.5", "", 1'250'000, 0);
    rates_.add(sample(100s + i * 10s), 10s);
  }
  EXPECT_THAT(rates_.text(5, ""), testing::HasSubstr("last 60 s"));
  EXPECT_THAT(rates_.text(5, ""), testing::HasSubstr("1.0 Mbit/s"));
}

TEST_F(TopViewTest, BeginsAnewWhenCtflowdWasStartedAgain) {
  count("10.0.0.5", "", 1000, 0);
  rates_.add(sample(100s), 10s);
  all_[0].usage->series.clear();
  rates_.add(sample(110s), 10s);
  EXPECT_FALSE(rates_.ready());
}

TEST_F(TopViewTest, AsksOneNamespaceAndDirection) {
  all_[0].name = "red";
  count("10.0.0.5", "", 1, 0);
  count("10.0.0.5", "", 10, 0, "in");
  count("10.0.0.5", "", 100, 0, "self");
  EXPECT_EQ(sample(1s, {"red", "internet"}).counts.at("10.0.0.5").down_octets, 11U);
  EXPECT_EQ(sample(1s, {"red", "self"}).counts.at("10.0.0.5").down_octets, 100U);
  EXPECT_EQ(sample(1s, {"red", "all"}).counts.at("10.0.0.5").down_octets, 111U);
  EXPECT_THROW((void)sample(1s), std::runtime_error);
  all_[0].usage.reset();
  EXPECT_THROW((void)sample(1s, {"red", "all"}), std::runtime_error);
}

TEST_F(TopViewTest, SaysByWhichKeyNothingIsCounted) {
  all_[0].usage.reset();
  for (const char* const by : {"device", "asn", "country"}) {
    try {
      static_cast<void>(sample(1s, {"", "internet", by}));
      FAIL() << by;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(std::string("no aggregate has the key ") + by));
    }
  }
  try {
    static_cast<void>(sample(1s));
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("accounting is off"));
  }
}

TEST_F(TopViewTest, KnowsTheAnswerOfAnotherProgram) {
  for (const char* const answer :
       {"", "HTTP", "[]", "{}", R"({"seconds": "1", "namespaces": []})"}) {
    try {
      static_cast<void>(read_top(answer, {}));
      FAIL() << answer;
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::StartsWith("this is not the answer of a ctflowd: "));
    }
  }
}

TEST_F(TopViewTest, DoesNotTakeADeviceForTheTotal) {
  rates_.add(sample(100s), 10s);
  count("02:00:5e:00:53:01", "total", 1000, 0);
  rates_.add(sample(110s), 10s);
  EXPECT_THAT(rates_.text(5, ""), testing::HasSubstr("\ntotal (02:00:5e:00:53:01) "));
}

TEST_F(TopViewTest, EscapesNames) {
  rates_.add(sample(100s), 10s);
  count("02:00:5e:00:53:01", "\x1b[2J<script>", 1000, 0);
  rates_.add(sample(110s), 10s);
  EXPECT_THAT(rates_.text(5, ""), testing::HasSubstr("\\x1b[2J<script>"));
}

}  // namespace
}  // namespace ctflow
