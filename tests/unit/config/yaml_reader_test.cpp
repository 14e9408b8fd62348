// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/yaml_reader.hpp"

#include <gtest/gtest.h>

#include <string>

#include "ctflow/config_error.hpp"

namespace ctflow::config {
namespace {

using Kind = YamlNode::Kind;

std::string reading_error_of(const std::string& text) {
  try {
    read_yaml(SourceText(text, "F"));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ReadYaml, KeepsOrderKindsAndTexts) {
  const YamlNode root = read_yaml(SourceText("b: [1, 'two']\na: {}\nc:\n", "F"));
  ASSERT_EQ(root.kind, Kind::kMapping);
  ASSERT_EQ(root.children.size(), 3U);
  EXPECT_EQ(root.children[0].key, "b");
  ASSERT_EQ(root.children[0].kind, Kind::kSequence);
  ASSERT_EQ(root.children[0].children.size(), 2U);
  EXPECT_EQ(root.children[0].children[0].text, "1");
  EXPECT_EQ(root.children[0].children[1].text, "two");
  EXPECT_EQ(root.children[1].kind, Kind::kMapping);
  EXPECT_EQ(root.children[2].kind, Kind::kNull);
}

TEST(ReadYaml, KnowsWhereKeysAndValuesBegin) {
  const SourceText source("top:\r\n  - \"é\": 'x'\r\n", "F");
  const YamlNode root = read_yaml(source);
  const YamlNode& value = root.children.at(0).children.at(0).children.at(0);
  EXPECT_EQ(source.position(root.children[0].key_offset), (Position{1, 1}));
  EXPECT_EQ(source.position(value.key_offset), (Position{2, 5}));
  EXPECT_EQ(source.position(value.offset), (Position{2, 10}));
}

TEST(ReadYaml, PlacesAnEmptyValueAtItsKeyOrItsDash) {
  const SourceText source("a:\n\nb:\n  -\n  - x\nc: ~\nd: null\n", "F");
  const YamlNode root = read_yaml(source);
  EXPECT_EQ(source.position(root.children.at(0).offset), (Position{1, 1}));
  EXPECT_EQ(source.position(root.children.at(2).offset), (Position{6, 4}));
  EXPECT_EQ(source.position(root.children.at(3).offset), (Position{7, 4}));
}

TEST(ReadYaml, TakesDepthUpToTheLimitAndNoMore) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']') + "\n";
  };
  EXPECT_EQ(reading_error_of(nested(kMaxDepth)), "no error");
  EXPECT_NE(reading_error_of(nested(kMaxDepth + 1)).find("expected at most 16 levels"),
            std::string::npos);
  EXPECT_NE(reading_error_of(std::string(100'000, '[')).find("expected at most 16 levels"),
            std::string::npos);
}

TEST(ReadYaml, TakesQuotesThatAreClosed) {
  for (const char* text : {"a: 'it''s'\n", "a: \"x\\\"y\"\n", "a: ''\n", "a: \"\\\\\"\n",
                           "a: 'x\n  y'\n", "'a': \"b\""}) {
    EXPECT_EQ(reading_error_of(text), "no error") << text;
  }
}

TEST(ReadYaml, RefusesQuotesThatAreNot) {
  EXPECT_EQ(reading_error_of("a: 'it''s\n"),
            "F:1:4: a: not valid YAML: the quote (') is never closed");
  EXPECT_EQ(reading_error_of("a: \"x\\\"\n"),
            "F:1:4: a: not valid YAML: the quote (\") is never closed");
}

TEST(ReadYaml, RefusesADuplicateKeyAtEveryLevel) {
  EXPECT_EQ(reading_error_of("a: 1\na: 2\n"),
            "F:2:1: a: given twice, the first time in line 1: keep one");
  EXPECT_EQ(reading_error_of("a:\n  - b: {c: 1, 'c': 2}\n"),
            "F:2:15: a[0].b.c: given twice, the first time in line 2: keep one");
  EXPECT_EQ(reading_error_of("a: {x: 1}\nb: {x: 1}\n"), "no error");
}

TEST(MemberPath, QuotesKeysThatAreNoWords) {
  EXPECT_EQ(member_path("", "a"), "a");
  EXPECT_EQ(member_path("a", "b_c"), "a.b_c");
  EXPECT_EQ(member_path("a", "b c\n"), "a.\"b c\\n\"");
}

TEST(ItemPath, CountsFromZero) { EXPECT_EQ(item_path("a", 0), "a[0]"); }

}  // namespace
}  // namespace ctflow::config
