// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/users/user_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "support/temporary_directory.hpp"
#include "support/temporary_file.hpp"
#include "support/text_address.hpp"

namespace ctflow {
namespace {

constexpr std::uint64_t kAnnasMac = 0x02005e005301;
constexpr std::uint64_t kBensMac = 0x02005e005302;

/// Between two hosts, of which the second may be reached at another address.
Flow flow_between(const std::string& from, const std::string& to, const std::string& behind = "") {
  const test::TextAddress source = test::text_address(from);
  const test::TextAddress destination = test::text_address(to);
  const test::TextAddress host = test::text_address(behind.empty() ? to : behind);
  Flow flow;
  flow.original.family = source.family;
  flow.original.source = source.address;
  flow.original.destination = destination.address;
  flow.reply.family = host.family;
  flow.reply.source = host.address;
  flow.reply.destination = source.address;
  return flow;
}

std::string user_in(const std::string& lines, const Flow& flow) {
  const test::TemporaryFile file(lines);
  return std::string(UserNames(file.name()).find(flow));
}

/// What is wrong, without the name of the file.
std::string error_in(const std::string& lines) {
  const test::TemporaryFile file(lines);
  try {
    const UserNames names(file.name());
  } catch (const std::runtime_error& error) {
    const std::string what = error.what();
    EXPECT_EQ(what.substr(0, file.name().size() + 1), file.name() + ":");
    return what.substr(file.name().size() + 1);
  }
  return "";
}

TEST(UserNames, AreOfTheLongestPrefixOfEitherEnd) {
  const std::string lines =
      "0.0.0.0/0 everyone\n10.0.0.0/8 house\n10.1.0.0/16 office\n10.1.2.3 anna\n"
      "2001:db8::/32 six\n2001:db8::1/128 anna\n";
  EXPECT_EQ(user_in(lines, flow_between("10.1.2.3", "10.1.0.9")), "anna");
  EXPECT_EQ(user_in(lines, flow_between("10.1.0.9", "10.1.2.3")), "anna");
  EXPECT_EQ(user_in(lines, flow_between("10.1.0.9", "203.0.113.1")), "office");
  EXPECT_EQ(user_in(lines, flow_between("203.0.113.1", "10.2.0.1")), "house");
  EXPECT_EQ(user_in(lines, flow_between("203.0.113.1", "203.0.113.2")), "everyone");
  EXPECT_EQ(user_in(lines, flow_between("2001:db8::1", "2001:db8::2")), "anna");
  EXPECT_EQ(user_in(lines, flow_between("2001:db8::3", "2001:db9::2")), "six");
  EXPECT_EQ(user_in(lines, flow_between("fe80::1", "fe80::2")), "");
}

TEST(UserNames, OfPrefixesOfOneLengthAreTheInitiators) {
  const std::string lines = "10.1.0.0/16 anna\n10.2.0.0/16 ben\n";
  EXPECT_EQ(user_in(lines, flow_between("10.1.0.1", "10.2.0.1")), "anna");
  EXPECT_EQ(user_in(lines, flow_between("10.2.0.1", "10.1.0.1")), "ben");
}

TEST(UserNames, AreOfTheHostBehindTheTranslation) {
  const std::string lines = "10.1.2.3 anna\n203.0.113.1 public\n";
  EXPECT_EQ(user_in(lines, flow_between("198.51.100.1", "203.0.113.1", "10.1.2.3")), "anna");
  // NAT64: the network of the IPv4 host is no shorter for being IPv4.
  EXPECT_EQ(user_in("2001:db8::/32 six\n198.51.100.0/24 four\n",
                    flow_between("2001:db8::1", "64:ff9b::c633:6401", "198.51.100.1")),
            "four");
}

TEST(UserNames, OfMarksGoBeforeThoseOfMacAddressesAndThoseBeforeNetworks) {
  const std::string lines =
      "10.1.2.3 by-network\n02:00:5e:00:53:01 anna\n02-00-5E-00-53-02 ben\nmark=7 by-mark\n"
      "mark=4294967295 last\n";
  Flow flow = flow_between("10.1.2.3", "203.0.113.1");
  EXPECT_EQ(user_in(lines, flow), "by-network");
  flow.responder_mac = kBensMac;
  EXPECT_EQ(user_in(lines, flow), "ben");
  flow.initiator_mac = kAnnasMac;
  EXPECT_EQ(user_in(lines, flow), "anna");
  flow.mark = 7;
  EXPECT_EQ(user_in(lines, flow), "by-mark");
  flow.mark = 8;
  EXPECT_EQ(user_in(lines, flow), "anna");
  flow.mark = 4294967295;
  EXPECT_EQ(user_in(lines, flow), "last");
}

TEST(UserNames, MayHaveSpacesSeveralLinesAndComments) {
  const std::string lines =
      "# who is who\r\n\n  10.1.0.0/16 \t Anna B\u00e4r, 2nd floor  # since May\r\n"
      "mark=3 Anna B\u00e4r, 2nd floor";
  EXPECT_EQ(user_in(lines, flow_between("10.1.2.3", "203.0.113.1")), "Anna B\u00e4r, 2nd floor");
  Flow flow = flow_between("10.9.0.1", "203.0.113.1");
  flow.mark = 3;
  EXPECT_EQ(user_in(lines, flow), "Anna B\u00e4r, 2nd floor");
  const std::string longest(UserNames::kLongestName, 'x');
  EXPECT_EQ(user_in("10.0.0.0/8 " + longest + "\n", flow), longest);
}

TEST(UserNames, MayFollowAByteOrderMark) {
  const std::string lines =
      "\xef\xbb\xbf"
      "10.0.0.0/8 house\r\n";
  EXPECT_EQ(user_in(lines, flow_between("10.1.2.3", "203.0.113.1")), "house");
}

TEST(UserNames, OfAnEmptyFileAreNone) {
  EXPECT_EQ(user_in("", flow_between("10.1.2.3", "203.0.113.1")), "");
}

TEST(UserNames, SayTheLineThatIsWrongAndWhatWasExpected) {
  using testing::AllOf;
  using testing::HasSubstr;
  using testing::StartsWith;
  for (const std::string wrong : {"10.1.2.3/33 x", "10.1.2/24 x", "10.1.2.3/24 x", "10.1.2.0/ x",
                                  "10.1.2.0/024x x", "2001:db8::1/64 x", "2001:db8::/129 x",
                                  "host x", "/8 x", "02:00:5e:00:53 x", "Mark=1 x", "mark = 1 x"}) {
    EXPECT_THAT(error_in("10.0.0.0/8 good\n\n" + wrong + "\n"),
                AllOf(StartsWith("3: expected a network such as"), HasSubstr("mark=N"),
                      HasSubstr("got \"" + wrong.substr(0, wrong.find(' ')) + "\"")))
        << wrong;
  }
  for (const std::string wrong :
       {"mark= x", "mark=0 x", "mark=4294967296 x", "mark=0x1 x", "mark=-1 x", "mark=1/2 x"}) {
    EXPECT_THAT(error_in(wrong), StartsWith("1: expected mark=N with N from 1 to 4294967295, got"))
        << wrong;
  }
  for (const std::string wrong : {"00:00:00:00:00:00 x", "01:00:5e:00:00:01 x"}) {
    EXPECT_THAT(error_in(wrong), StartsWith("1: expected the MAC address of one device, got"));
  }
  for (const std::string& name : {std::string(), std::string(64, 'x'), std::string("a\x1b[2J"),
                                  std::string("\xff"), std::string("a\tb"), std::string("\xc3")}) {
    EXPECT_THAT(error_in("10.0.0.0/8 " + name), StartsWith("1: expected a name of 1 to 63 octets"))
        << name;
  }
  EXPECT_THAT(error_in("10.0.0.0/8\n"), StartsWith("1: expected a name"));
}

TEST(UserNames, HaveEachKeyOnce) {
  for (const auto& [one, other] :
       {std::pair("10.0.0.0/8", "10.0.0.0/8"), std::pair("10.0.0.1", "10.0.0.1/32"),
        std::pair("2001:db8:0::/48", "2001:db8::/48"),
        std::pair("02:00:5e:00:53:0a", "02-00-5E-00-53-0A"), std::pair("mark=7", "mark=007")}) {
    EXPECT_EQ(error_in(std::string(one) + " a\n# b\n" + other + " a\n"),
              "3: the same is in line 1: expected it once")
        << other;
  }
  EXPECT_EQ(error_in("0.0.0.0/0 a\n::/0 a\n10.0.0.0/8 a\n10.0.0.0/9 a\n"), "");
}

TEST(UserNames, AreBounded) {
  std::string lines;
  for (int i = 1; i <= 65536; ++i)
    lines += "mark=" + std::to_string(i) + " u" + std::to_string(i) + "\n";
  EXPECT_EQ(error_in(lines), "65536: expected at most 65535 different names");
  EXPECT_THAT(error_in(std::string((4U << 20) + 1, '\n')), testing::HasSubstr("at most 4 MiB"));
}

TEST(UserNames, AreOfARegularFileOnly) {
  const test::TemporaryDirectory directory;
  for (const std::string& file :
       {directory.path("none"), directory.path("."), std::string("/dev/zero")}) {
    EXPECT_THROW(UserNames{file}, std::runtime_error) << file;
  }
}

}  // namespace
}  // namespace ctflow
