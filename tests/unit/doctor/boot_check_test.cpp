// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/boot_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A host whose three settings are on, by a kernel that has nf_conntrack as a module.
class BootCheckTest : public testing::Test {
 protected:
  BootCheckTest() {
    std::string name = testing::TempDir() + "root-XXXXXX";
    root_ = mkdtemp(name.data());
    namespaces("net:[1]", "net:[1]");
    for (const char* one : {"acct", "timestamp", "events"}) setting(one, "1");
    write("proc/modules", "nf_nat 65536 1 - Live 0x0\nnf_conntrack 196608 2 - Live 0x0\n");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  void setting(const std::string& name, const std::string& value) const {
    write("proc/sys/net/netfilter/nf_conntrack_" + name, value + "\n");
  }
  void namespaces(const std::string& own, const std::string& first) const {
    for (const auto& [process, target] : {std::pair{"self", own}, std::pair{"1", first}}) {
      const fs::path directory = root_ / "proc" / process / "ns";
      fs::create_directories(directory);
      fs::remove(directory / "net");
      fs::create_symlink(target, directory / "net");
    }
  }
  void keep_settings(const std::string& file = "etc/sysctl.d/90-x.conf") const {
    write(file,
          "# for flows\nnet.netfilter.nf_conntrack_acct = 1\n"
          "net.netfilter.nf_conntrack_timestamp=1\n-net/netfilter/nf_conntrack_events = 1\n");
  }

  /// The impact of what is found; empty: nothing.
  [[nodiscard]] std::string impact(const std::string& release = "6.1.0-9-amd64") const {
    const Findings found = check_boot(root_, release);
    EXPECT_TRUE(found.notes.empty() && found.unchecked.empty());
    if (found.wrong.empty()) return "";
    EXPECT_EQ(found.wrong.front().name, "settings_lost_at_boot");
    EXPECT_THAT(found.wrong.front().fix, HasSubstr("ctflowd-enable"));
    return found.wrong.front().impact;
  }

  fs::path root_;
};

TEST_F(BootCheckTest, FindsSettingsThatNoFileHas) {
  EXPECT_THAT(impact(),
              HasSubstr("nf_conntrack_acct, nf_conntrack_timestamp, nf_conntrack_events are "
                        "in no file"));
  write("etc/sysctl.d/90-x.conf", "net.netfilter.nf_conntrack_acct = 1\n");
  EXPECT_THAT(impact(),
              AllOf(HasSubstr("nf_conntrack_timestamp, nf_conntrack_events are in no file"),
                    Not(HasSubstr("acct"))));
}

TEST_F(BootCheckTest, FindsNothingWhenFilesHaveSettingsAndModule) {
  keep_settings();
  EXPECT_THAT(impact(), HasSubstr("only once nf_conntrack is loaded"));
  write("etc/modules-load.d/x.conf", "# nf_conntrack\n");
  EXPECT_THAT(impact(), HasSubstr("only once nf_conntrack is loaded"));
  write("etc/modules-load.d/x.conf", "nf_conntrack\n");
  EXPECT_EQ(impact(), "");
}

TEST_F(BootCheckTest, NeedsNoModuleWhereItIsAPartOfTheKernel) {
  keep_settings();
  write("proc/modules", "nf_conntrack_netlink 1 0 - Live 0x0\n");
  EXPECT_EQ(impact(), "");
}

TEST_F(BootCheckTest, CountsSysctlConfWhereAnInitScriptReadsIt) {
  write("etc/modules", "nf_conntrack\n");
  keep_settings("etc/sysctl.conf");
  EXPECT_THAT(impact(), HasSubstr("nothing reads /etc/sysctl.conf there"));
  for (const char* const script : {"etc/init.d/procps", "etc/init.d/sysctl"}) {
    write(script, "#!/bin/sh\n");
    EXPECT_EQ(impact(), "") << script;
    fs::remove(root_ / script);
    EXPECT_NE(impact(), "") << script;
  }
}

// Debian 13 has procps' script beside systemd, which does not start it.
TEST_F(BootCheckTest, CountsSysctlConfUnderSystemdByALinkOnly) {
  write("etc/modules", "nf_conntrack\n");
  write("etc/init.d/procps", "#!/bin/sh\n");
  keep_settings("etc/sysctl.conf");
  EXPECT_EQ(impact(), "");
  fs::create_directories(root_ / "run/systemd/system");
  EXPECT_THAT(impact(), HasSubstr("nothing reads /etc/sysctl.conf there"));
  fs::create_directories(root_ / "etc/sysctl.d");
  fs::create_symlink("../sysctl.conf", root_ / "etc/sysctl.d/99-sysctl.conf");
  EXPECT_EQ(impact(), "");
  write("etc/sysctl.d/99-z.conf", "net.netfilter.nf_conntrack_acct = 0\n");
  EXPECT_THAT(impact(), HasSubstr("nf_conntrack_acct is in no file")) << "it is read in its place";
}

TEST_F(BootCheckTest, SpeaksOfSysctlConfOnlyWhereItHasSuchASetting) {
  write("etc/sysctl.conf", "net.ipv4.ip_forward = 1\n");
  EXPECT_THAT(impact(), AllOf(HasSubstr("are in no file"), Not(HasSubstr("sysctl.conf"))));
}

TEST_F(BootCheckTest, TakesTheLastFileThatApplies) {
  write("etc/modules", "nf_conntrack\n");
  keep_settings("usr/lib/sysctl.d/50-x.conf");
  EXPECT_EQ(impact(), "");
  write("etc/sysctl.d/60-y.conf", "net.netfilter.nf_conntrack_acct = 0\n");
  EXPECT_THAT(impact(), HasSubstr("nf_conntrack_acct is in no file"));
  fs::remove(root_ / "etc/sysctl.d/60-y.conf");
  write("etc/sysctl.d/50-x.conf", "");  // hides the other of the same name
  EXPECT_THAT(impact(), HasSubstr("nf_conntrack_acct, nf_conntrack_timestamp"));
}

TEST_F(BootCheckTest, ReadsNoFileOfAnotherName) {
  keep_settings("etc/sysctl.d/90-x.conf.dpkg-old");
  EXPECT_THAT(impact(), HasSubstr("nf_conntrack_acct, nf_conntrack_timestamp"));
}

TEST_F(BootCheckTest, TakesAParameterOfTheModuleForTheCounters) {
  write("etc/modprobe.d/x.conf", "options nf_conntrack hashsize=65536 acct=1\n");
  EXPECT_THAT(impact(), Not(HasSubstr("acct")));
  write("etc/modprobe.d/x.conf", "options nf_conntrack acct=0\n");
  EXPECT_THAT(impact(), HasSubstr("acct"));
  write("proc/cmdline", "quiet nf_conntrack.acct=1 ro\n");
  EXPECT_THAT(impact(), Not(HasSubstr("acct")));
}

TEST_F(BootCheckTest, KnowsWhatTheKernelDoesByItself) {
  EXPECT_THAT(impact("5.19.0"), HasSubstr("events"));
  EXPECT_THAT(impact("5.18.19"), Not(HasSubstr("events")));
  setting("acct", "0");
  setting("timestamp", "0");
  setting("events", "2");
  EXPECT_EQ(impact(), "");
}

TEST_F(BootCheckTest, LooksAtNoOtherNamespaceAndNoContainer) {
  namespaces("net:[2]", "net:[1]");
  EXPECT_EQ(impact(), "");
  namespaces("net:[1]", "net:[1]");
  EXPECT_NE(impact(), "");
  write(".dockerenv", "");
  EXPECT_EQ(impact(), "");
}

}  // namespace
}  // namespace ctflow
