// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/mac_text.hpp"

#include <gtest/gtest.h>

namespace ctflow::text {
namespace {

TEST(MacText, ReadsWhatItWrites) {
  for (const std::uint64_t address : {0x02005e005301ULL, 1ULL, 0xffffffffffffULL, 0ULL}) {
    EXPECT_EQ(parse_mac(mac_text(address)), address);
  }
  EXPECT_EQ(mac_text(0x02005e0053abULL), "02:00:5e:00:53:ab");
  EXPECT_EQ(parse_mac("02-00-5E-00-53-AB"), 0x02005e0053abULL);
}

TEST(MacText, RefusesEverythingElse) {
  for (const char* text :
       {"", "02:00:5e:00:53", "02:00:5e:00:53:0", "02:00:5e:00:53:011", "02:00:5e:00:53:0g",
        "02.00.5e.00.53.01", "020:0:5e:00:53:01", " 02:00:5e:00:53:1", "02005e005301"}) {
    EXPECT_FALSE(parse_mac(text)) << text;
  }
}

}  // namespace
}  // namespace ctflow::text
