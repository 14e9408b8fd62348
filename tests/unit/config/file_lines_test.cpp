// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/file_lines.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctflow/config_error.hpp"

namespace ctflow::config {
namespace {

TEST(FileLines, HaveWordsAndWhereTheyStand) {
  const SourceText source("a  b\t# c\n\n # d\n\te#f\r\ng", "FILE");
  std::vector<std::vector<std::string>> lines;
  for_each_line(source, [&](const std::vector<FileWord>& words) {
    auto& line = lines.emplace_back();
    for (const FileWord& one : words) {
      line.emplace_back(one.text);
      EXPECT_EQ(source.text().substr(one.offset, one.text.size()), one.text);
    }
  });
  using Line = std::vector<std::string>;
  EXPECT_THAT(lines, testing::ElementsAre(Line{"a", "b"}, Line{"e"}, Line{"g"}));
}

TEST(FileLines, HaveNamesButOther) {
  const SourceText source("anna other", "FILE");
  EXPECT_EQ(name_of_entries(source, {0, "anna"}), "anna");
  EXPECT_THROW(name_of_entries(source, {5, "other"}), ConfigError);
  EXPECT_THROW(name_of_entries(source, {0, "a/b"}), ConfigError);
}

}  // namespace
}  // namespace ctflow::config
