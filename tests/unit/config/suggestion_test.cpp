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

TEST(NearestWords, BeginWithTheNearest) {
  EXPECT_EQ(nearest_words("colour", {"name", "color", "dscp"}, 2),
            (std::vector<std::string>{"color", "name"}));
  EXPECT_EQ(nearest_words("x", {"a", "b"}, 5).size(), 2U);
}

TEST(UsualWord, IsWhatOthersCallASetting) {
  EXPECT_EQ(usual_word("host", {"name", "address"}), "address");
  EXPECT_EQ(usual_word("host", {"name"}), std::nullopt) << "there is no such setting here";
  EXPECT_EQ(usual_word("colour", {"address"}), std::nullopt);
}

}  // namespace
}  // namespace ctflow::config
