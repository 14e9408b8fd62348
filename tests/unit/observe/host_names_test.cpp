// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe/host_names.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

using namespace std::string_view_literals;

TEST(HostNames, HasAddressesAndLocalhost) {
  const HostNames names({});
  for (const char* const host :
       {"127.0.0.1", "192.0.2.1:9995", "[::1]", "[2001:db8::1]:9995", "[::ffff:192.0.2.1]:80",
        "localhost", "LOCALHOST:9995", "localhost.", "localhost.:9995", "localhost:"}) {
    EXPECT_TRUE(names.has(host)) << host;
  }
}

TEST(HostNames, HasTheNamesOfTheConfiguration) {
  const HostNames names({"Router.example.", "gw"});
  for (const char* const host :
       {"router.example", "ROUTER.EXAMPLE:9995", "router.example.", "gw", "gw:80", "localhost"}) {
    EXPECT_TRUE(names.has(host)) << host;
  }
}

TEST(HostNames, HasNamesThatNoSiteCanHave) {
  const HostNames names({});
  for (const char* const host : {"router", "Router:9995", "fw-1.", "router.local", "router.LAN:80",
                                 "a.b.internal", "gw.home.arpa."}) {
    EXPECT_TRUE(names.has(host)) << host;
  }
}

TEST(HostNames, HasNoOther) {
  const HostNames names({"router.example"});
  for (const std::string_view host : {""sv,
                                      ":"sv,
                                      ":9995"sv,
                                      "."sv,
                                      "evil.example"sv,
                                      "evil.example:9995"sv,
                                      "evil.router.example"sv,
                                      "router.example.evil"sv,
                                      ".local"sv,
                                      "router.local.evil"sv,
                                      "evil-local.example"sv,
                                      "router.arpa"sv,
                                      "0x7f"sv,
                                      "-router"sv,
                                      "r\xc3\xb6uter"sv,
                                      "router x"sv,
                                      "router.example.."sv,
                                      "router.example:9995:1"sv,
                                      "router.example:http"sv,
                                      "router.example:9995 x"sv,
                                      "user@127.0.0.1"sv,
                                      "127.0.0.1.evil.example"sv,
                                      "127.0.0.1:x"sv,
                                      "127.0.0.1@evil"sv,
                                      "127.1"sv,
                                      "2130706433"sv,
                                      "0x7f000001"sv,
                                      "::1"sv,
                                      "[::1"sv,
                                      "[]"sv,
                                      "[127.0.0.1]"sv,
                                      "[evil.example]"sv,
                                      "[::1]x"sv,
                                      "[::1]:x"sv,
                                      "localhost\0.evil"sv,
                                      "127.0.0.1\0x"sv,
                                      "[::1\0x]"sv,
                                      "localhost.evil"sv}) {
    EXPECT_FALSE(names.has(host)) << host;
  }
}

}  // namespace
}  // namespace ctflow
