// SPDX-License-Identifier: GPL-2.0-or-later
// The machinery, on a language of its own.
#include "config/schema.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctflow/config_error.hpp"

namespace ctflow::config {
namespace {

struct Pet {
  std::string name;
  std::uint8_t age = 3;

  friend bool operator==(const Pet&, const Pet&) = default;
};
struct House {
  std::vector<Pet> pets;
  Pet guard;
};

Section<Pet> pet() {
  return {{value("name", Requirement::kRequired, identifier(), &Pet::name),
           value("age", Requirement::kOptional, integer(0, 200), &Pet::age)},
          [](const Pet& read) -> std::optional<Complaint> {
            if (read.name == "old" && read.age < 10) return Complaint{"age", "expected more"};
            return std::nullopt;
          }};
}

Section<House> house() {
  return {{list("pets", Requirement::kRequired, pet(), &House::pets, "name", &Pet::name),
           section("guard", Requirement::kOptional, pet(), &House::guard)},
          {}};
}

House read(const std::string& text) {
  const SourceText source(text, "F");
  House result;
  read_section({source, ""}, read_yaml(source), house(), result);
  return result;
}

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ReadSection, SetsTheMembersAndLeavesTheDefaults) {
  const House result = read("pets:\n  - name: a\n  - {name: b, age: 200}\nguard: {name: c}\n");
  ASSERT_EQ(result.pets.size(), 2U);
  EXPECT_EQ(result.pets[0].name, "a");
  EXPECT_EQ(result.pets[0].age, 3);
  EXPECT_EQ(result.pets[1].age, 200);
  EXPECT_EQ(result.guard.name, "c");
}

TEST(ReadSection, NamesTheKnownSettingsForAnUnknownKey) {
  EXPECT_EQ(error_of("cars: 1\n"), "F:1:1: cars: unknown setting, expected one of pets, guard");
  EXPECT_EQ(error_of("pets:\n  - nmae: a\n"),
            "F:2:5: pets[0].nmae: unknown setting, did you mean \"name\"?");
}

TEST(ReadSection, CountsTheSettingsThatItDoesNotName) {
  const auto error_with = [](std::size_t settings) {
    Section<Pet> section{{}, {}};
    for (std::size_t i = 0; i < settings; ++i) {
      section.settings.push_back(
          value("setting" + std::to_string(i), Requirement::kOptional, identifier(), &Pet::name));
    }
    const SourceText source("cars: 1\n", "F");
    Pet result;
    try {
      read_section({source, ""}, read_yaml(source), section, result);
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(error_with(6), testing::EndsWith(" or 1 other (ctflowd.yaml(5))"));
  EXPECT_THAT(error_with(7), testing::EndsWith(" or 2 others (ctflowd.yaml(5))"));
}

TEST(ReadSection, PlacesAMissingSettingAtItsMapping) {
  EXPECT_EQ(error_of("guard: {name: a}\n"),
            "F:1:1: pets: missing: expected a list of at least one mapping of settings");
  EXPECT_THAT(error_of("pets:\n  - name: a\n  - age: 1\n"),
              testing::StartsWith("F:3:5: pets[1].name: missing: expected a name"));
}

TEST(ReadSection, PlacesAComplaintAtItsSettingOrAtTheMapping) {
  EXPECT_EQ(error_of("pets: [{name: old, age: 9}]\n"), "F:1:25: pets[0].age: expected more");
  EXPECT_EQ(error_of("pets: [{name: old}]\n"), "F:1:8: pets[0].age: expected more");
  EXPECT_EQ(error_of("pets: [{name: old, age: 10}]\n"), "no error");
}

TEST(ReadSection, RefusesEachWrongKind) {
  EXPECT_EQ(error_of("pets: {name: a}\n"),
            "F:1:7: pets: expected a list of at least one mapping of settings, got a mapping: put "
            "\"- \" before name");
  EXPECT_EQ(error_of("pets: {}\n"),
            "F:1:7: pets: expected a list of at least one mapping of settings, got a mapping");
  EXPECT_EQ(error_of("pets: []\n"),
            "F:1:7: pets: expected a list of at least one mapping of settings, got an empty list");
  EXPECT_EQ(error_of("pets: [x]\n"), "F:1:8: pets[0]: expected a mapping of settings, got \"x\"");
  EXPECT_EQ(error_of("pets: [{name: a, age: [1]}]\n"),
            "F:1:23: pets[0].age: expected an integer from 0 to 200, got a list");
}

TEST(List, RefusesTwoItemsWithTheSameName) {
  EXPECT_EQ(error_of("pets:\n  - name: a\n  - name: b\n  - name: a\n"),
            "F:4:11: pets[2].name: expected a name of its own, got that of pets[0]");
}

/// Counts how often values are compared.
struct Compared {
  std::uint64_t number = 0;

  friend bool operator==(const Compared& left, const Compared& right) {
    ++comparisons();
    return left.number == right.number;
  }
  static std::size_t& comparisons() {
    static std::size_t count = 0;
    return count;
  }
};
struct Numbers {
  std::vector<Compared> all;
};

Numbers read_numbers(const std::string& text, std::size_t& shown) {
  ValueFormat<Compared> format{"a number", [](std::string_view word) -> Parsed<Compared> {
                                 const auto number = integer(0, kMax32).parse(word).value;
                                 if (!number) return {std::nullopt, ""};
                                 return {Compared{*number}, ""};
                               }};
  format.show = [&shown](const Compared& one) {
    ++shown;
    return std::to_string(one.number);
  };
  const Section<Numbers> section{
      {words("all", Requirement::kRequired, "numbers", format, &Numbers::all)}, {}};
  const SourceText source(text, "F");
  Numbers result;
  read_section({source, ""}, read_yaml(source), section, result);
  return result;
}

TEST(Words, AreLookedAtOnce) {
  constexpr std::size_t kCount = 2000;
  std::string text = "all: [";
  for (std::size_t i = 0; i < kCount; ++i) text += std::to_string(i) + ", ";
  std::size_t shown = 0;
  Compared::comparisons() = 0;
  EXPECT_EQ(read_numbers(text + "4000]", shown).all.size(), kCount + 1);
  EXPECT_LE(shown + Compared::comparisons(), 2 * (kCount + 1));
  try {
    read_numbers(text + "7]", shown);
    FAIL() << "taken twice";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("all[2000]: given twice, first at all[7]"));
  }
}

TEST(ShowSection, IsReadAsTheSame) {
  const House result = read("pets:\n  - name: a\n  - {name: b, age: 200}\nguard: {name: c}\n");
  EXPECT_EQ(show_section(house(), result, ""),
            "pets:\n  - name: a\n    age: 3\n  - name: b\n    age: 200\n"
            "guard:\n  name: c\n  age: 3\n");
}

TEST(ShowSection, LeavesOutASectionThatLacksWhatIsRequired) {
  House result = read("pets: [{name: a}]\n");
  EXPECT_EQ(show_section(house(), result, ""), "pets:\n  - name: a\n    age: 3\n");
  result.pets.clear();
  EXPECT_EQ(show_section(house(), result, ""), "") << "pets are required";
}

TEST(Paths, GoThroughListsAndSections) {
  EXPECT_THAT(paths(house()), testing::ElementsAre("pets", "pets[].name", "pets[].age", "guard",
                                                   "guard.name", "guard.age"));
}

}  // namespace
}  // namespace ctflow::config
