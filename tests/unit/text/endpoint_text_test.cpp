// SPDX-License-Identifier: GPL-2.0-or-later
#include "text/endpoint_text.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace ctflow::text {
namespace {

std::string parts(std::string_view text) {
  const auto found = split_endpoint(text);
  if (!found) return "no";
  const std::string host(found->host);
  return (found->in_brackets ? "[" + host + "]" : host) +
         (found->port ? fmt::format(" {}", *found->port) : "");
}

TEST(SplitEndpoint, TakesHostsWithAndWithoutPorts) {
  EXPECT_EQ(parts("192.0.2.1:4739"), "192.0.2.1 4739");
  EXPECT_EQ(parts("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(parts("collector.example:0"), "collector.example 0");
  EXPECT_EQ(parts("[2001:db8::7]:65535"), "[2001:db8::7] 65535");
  EXPECT_EQ(parts("[2001:db8::7]"), "[2001:db8::7]");
  EXPECT_EQ(parts("2001:db8::7"), "2001:db8::7");
  EXPECT_EQ(parts("::"), "::");
  EXPECT_EQ(parts("[fe80::1%lan]:80"), "[fe80::1%lan] 80");
  EXPECT_EQ(parts(""), "");
}

TEST(SplitEndpoint, TakesNothingElse) {
  for (const char* const text : {":", "a:", "a:65536", "a:+1", "a: 1", "a:1 ", "a:b", "[::1",
                                 "[::1]80", "[::1]:", "[::1]:x", "[::1] :80"}) {
    EXPECT_EQ(parts(text), "no") << text;
  }
}

TEST(EndpointText, IsReadAgain) {
  EXPECT_EQ(parts(endpoint_text("192.0.2.1", 80)), "192.0.2.1 80");
  EXPECT_EQ(parts(endpoint_text("2001:db8::7", 80)), "[2001:db8::7] 80");
}

}  // namespace
}  // namespace ctflow::text
