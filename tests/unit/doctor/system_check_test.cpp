// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/system_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using std::chrono::system_clock;
using testing::HasSubstr;

/// "wrong:NAME", "note:NAME" or "unchecked", of what should be at most one.
std::string outcome(const Findings& found) {
  std::string text;
  for (const Finding& one : found.wrong) text += "wrong:" + one.name;
  for (const Finding& one : found.notes) text += "note:" + one.name;
  for (std::size_t i = 0; i < found.unchecked.size(); ++i) text += "unchecked";
  return text;
}

class SystemCheckTest : public testing::Test {
 protected:
  SystemCheckTest() {
    std::string name = testing::TempDir() + "proc-XXXXXX";
    proc_ = mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(proc_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(proc_ / name) << text;
  }
  void link(const std::string& process, const std::string& target) const {
    fs::create_directories(proc_ / process / "ns");
    fs::create_symlink(target, proc_ / process / "ns/net");
  }

  fs::path proc_;
};

TEST_F(SystemCheckTest, FindsAMissingCapability) {
  const std::string file = proc_ / "status";
  EXPECT_EQ(outcome(check_capabilities(file)), "unchecked");
  write("status", "Name:\tx\nCapPrm:\t0000000000001000\nCapEff:\t0000000000001000\n");
  EXPECT_EQ(outcome(check_capabilities(file)), "");
  write("status", "CapPrm:\t0000000000001000\nCapEff:\t0000000000000fff\n");
  EXPECT_EQ(outcome(check_capabilities(file)), "wrong:capability_missing");
  write("status", "CapEff:\tjunk\n");
  EXPECT_EQ(outcome(check_capabilities(file)), "unchecked");
}

TEST_F(SystemCheckTest, FindsABufferThatIsSmallerThanConfigured) {
  SourceConfig config;
  config.receive_buffer = 1000;
  config.receive_buffer_limit = 2000;
  EXPECT_EQ(outcome(check_receive_buffer(config, 0)), "unchecked");
  EXPECT_EQ(outcome(check_receive_buffer(config, 999)), "wrong:receive_buffer_small");
  EXPECT_EQ(outcome(check_receive_buffer(config, 1000)), "note:receive_buffer_limited");
  EXPECT_EQ(outcome(check_receive_buffer(config, 2000)), "");
  EXPECT_THAT(check_receive_buffer(config, 1).wrong[0].fix, HasSubstr("rmem_max=1000,"));
  EXPECT_THAT(check_receive_buffer(config, 999).wrong[0].impact,
              HasSubstr("grants 999 octets of source.receive_buffer 1 000:"));
  EXPECT_THAT(check_receive_buffer(config, 1000).notes[0].impact,
              HasSubstr("grow to 1 000 octets only, not to source.receive_buffer_limit 2 000"));
}

TEST_F(SystemCheckTest, AsksTheKernelForABuffer) {
  EXPECT_EQ(granted_receive_buffer(65536), 65536U);
}

TEST_F(SystemCheckTest, FindsAClockThatCannotBeRight) {
  const system_clock::time_point now{seconds(2'000'000'000)};
  EXPECT_EQ(outcome(check_clock({now, true, true})), "");
  EXPECT_EQ(outcome(check_clock({now, false, true})), "note:clock_unsynchronised");
  EXPECT_EQ(outcome(check_clock({now, false, false})), "");
  EXPECT_EQ(outcome(check_clock({system_clock::time_point(seconds(1)), true, true})),
            "wrong:clock_wrong");
}

TEST_F(SystemCheckTest, NamesInterfacesThatMergePackets) {
  EXPECT_EQ(outcome(check_merging({})), "");
  const Findings found = check_merging({"eth0", "eth1"});
  EXPECT_EQ(outcome(found), "note:packets_merged");
  EXPECT_THAT(found.notes[0].impact, HasSubstr("eth0, eth1 merge "));
  EXPECT_THAT(found.notes[0].fix, HasSubstr("for i in eth0 eth1; do ethtool -K $i gro off; done"));
  const Findings one = check_merging({"eth0"});
  EXPECT_THAT(one.notes[0].impact, HasSubstr("eth0 merges "));
  EXPECT_THAT(one.notes[0].fix, HasSubstr("ethtool -K eth0 gro off"));
}

TEST_F(SystemCheckTest, KnowsWhetherProcessOneIsElsewhere) {
  EXPECT_EQ(outcome(check_namespace(proc_)), "unchecked");
  link("self", "net:[1]");
  EXPECT_EQ(outcome(check_namespace(proc_)), "note:namespace_unknown");
  link("1", "net:[1]");
  EXPECT_EQ(outcome(check_namespace(proc_)), "");
  fs::remove(proc_ / "1/ns/net");
  link("1", "net:[2]");
  EXPECT_EQ(outcome(check_namespace(proc_)), "note:other_namespace");
}

}  // namespace
}  // namespace ctflow
