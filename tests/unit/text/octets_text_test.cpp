// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/octets_text.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(OctetsText, HasTheUnitsOfTheConfiguration) {
  EXPECT_EQ(octets_text(0), "0 B");
  EXPECT_EQ(octets_text(1023), "1023 B");
  EXPECT_EQ(octets_text(1024), "1 KiB");
  EXPECT_EQ(octets_text(std::uint64_t{4} << 20), "4 MiB");
  EXPECT_EQ(octets_text(std::uint64_t{3} << 29), "1.5 GiB");
  EXPECT_EQ(octets_text(std::uint64_t{1} << 40), "1024 GiB");
}

}  // namespace
}  // namespace ctflow
