// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/suggestion.hpp"

#include <gtest/gtest.h>

namespace ctflow::config {
namespace {

const std::vector<std::string> kWords{"name", "port", "protocol", "template_interval",
                                      "template_messages"};

TEST(NearestWord, ForgivesEachKindOfMistake) {
  EXPECT_EQ(nearest_word("prt", kWords), "port");
  EXPECT_EQ(nearest_word("porrt", kWords), "port");
  EXPECT_EQ(nearest_word("part", kWords), "port");
  EXPECT_EQ(nearest_word("prot", kWords), "port");
  EXPECT_EQ(nearest_word("Port", kWords), "port");
}

TEST(NearestWord, TakesTheNearest) {
  EXPECT_EQ(nearest_word("template_intervals", kWords), "template_interval");
  EXPECT_EQ(nearest_word("template_message", kWords), "template_messages");
}

TEST(NearestWord, IsSilentWhenNothingIsNear) {
  EXPECT_EQ(nearest_word("", kWords), std::nullopt);
  EXPECT_EQ(nearest_word("sort_of", kWords), std::nullopt);
  EXPECT_EQ(nearest_word("po", kWords), std::nullopt);
  EXPECT_EQ(nearest_word(std::string(100'000, 'p'), kWords), std::nullopt);
  EXPECT_EQ(nearest_word("port", {}), std::nullopt);
}

}  // namespace
}  // namespace ctflow::config
