// SPDX-License-Identifier: GPL-2.0-or-later
#include "log/line_fields.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/log.hpp"

namespace ctflow::log {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LineFields, AreTheEventAndItsKeys) {
  const auto found = fields_of("started version=0.1.0 kernel=6.1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->event, "started");
  EXPECT_THAT(found->fields,
              ElementsAre(LineField{"version", "0.1.0"}, LineField{"kernel", "6.1"}));
  EXPECT_THAT(fields_of("stopping")->fields, IsEmpty());
  EXPECT_THAT(fields_of("a b= c=")->fields, ElementsAre(LineField{"b", ""}, LineField{"c", ""}));
}

TEST(LineFields, AreWhatWasQuoted) {
  for (const char* value : {"", "two words", "a=b", "say \"hi\"", "back\\slash", "line\nfeed",
                            "Köln", "\\n", "ends with \\", "\" x=\"1"}) {
    const auto found = fields_of(fmt::format("event key={} next=1", quoted(value)));
    ASSERT_TRUE(found) << value;
    EXPECT_THAT(found->fields, ElementsAre(LineField{"key", value}, LineField{"next", "1"}));
  }
}

TEST(LineFields, AreNoneInOtherText) {
  for (const char* line :
       {"", " ", "Event a=1", "two words", "event =1", "event a=\"open", "event a=\"1\"b=2",
        "event  a=1", "event a=1 ", "event a", "event A=1"}) {
    EXPECT_FALSE(fields_of(line)) << line;
  }
}

}  // namespace
}  // namespace ctflow::log
