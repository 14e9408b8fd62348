// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/fragment_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class FragmentCheckTest : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& content) const {
    std::ofstream(directory_.path(file)) << content;
  }
  [[nodiscard]] Findings look() const { return check_fragments(read_fragments(directory_.name())); }

  test::TemporaryDirectory directory_;
};

TEST_F(FragmentCheckTest, FindsNothingWhereNoneCame) {
  write("snmp",
        "Ip: Forwarding InReceives ReasmReqds FragCreates\nIp: 1 900 0 0\n"
        "Icmp: InMsgs\nIcmp: 3\n");
  write("snmp6", "Ip6InReceives 5\nIp6ReasmReqds 0\nIp6FragCreates 0\n");
  EXPECT_THAT(look().notes, IsEmpty());
  EXPECT_THAT(look().unchecked, IsEmpty());
}

TEST_F(FragmentCheckTest, TellsHowManyCameByTheNameOfTheColumn) {
  // The kernel's own text: the columns differ between versions, and one has a negative number.
  write("snmp",
        "Ip: Forwarding DefaultTTL Odd InReceives ReasmReqds ReasmOKs FragCreates\n"
        "Ip: 1 64 -1 1000 600 100 599\n");
  write("snmp6", "Ip6InReceives \t70\nIp6ReasmReqds \t0\nIp6FragCreates \t30\n");
  const Findings found = look();
  ASSERT_EQ(found.notes.size(), 2U);
  EXPECT_THAT(found.wrong, IsEmpty()) << "it is nobody's mistake";
  EXPECT_EQ(found.notes[0].name, "packets_reassembled");
  EXPECT_THAT(found.notes[0].impact,
              HasSubstr("600 fragments of IPv4 were received or sent (of 1 000 packets"));
  EXPECT_THAT(found.notes[1].impact,
              HasSubstr("30 fragments of IPv6 were received or sent (of 70 packets"));
}

TEST_F(FragmentCheckTest, SpeaksOfOne) {
  write("snmp", "Ip: InReceives ReasmReqds FragCreates\nIp: 1 1 0\n");
  write("snmp6", "Ip6InReceives 5\nIp6ReasmReqds 0\nIp6FragCreates 0\n");
  const Findings found = look();
  ASSERT_EQ(found.notes.size(), 1U);
  EXPECT_THAT(found.notes[0].impact,
              HasSubstr("1 fragment of IPv4 was received or sent (of 1 packet received)"));
}

TEST_F(FragmentCheckTest, SaysWhenTheKernelDoesNotTell) {
  EXPECT_EQ(look().unchecked.size(), 1U) << "of IPv4; IPv6 is not in every kernel";
  write("snmp", "Ip: Forwarding\nIp: 1\n");
  EXPECT_EQ(look().unchecked.size(), 1U);
}

TEST_F(FragmentCheckTest, ReadsThisKernel) {
  const FragmentCounts counts = read_fragments();
  EXPECT_TRUE(counts.received4);
  EXPECT_TRUE(counts.fragments4);
}

}  // namespace
}  // namespace ctflow
