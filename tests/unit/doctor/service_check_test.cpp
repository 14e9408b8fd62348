// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/service_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "support/source_directory.hpp"
#include "support/temporary_directory.hpp"
#include "version/built_parts.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kDropIns = "etc/systemd/system/ctflowd.service.d/";

std::string read(const std::string& name) {
  std::ifstream file(test::source_directory() + "/" + name);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A host of systemd with the unit as packages have it, and conntrack as a module.
class ServiceCheckTest : public testing::Test {
 protected:
  ServiceCheckTest() {
    measured_.origin = MeasurementOrigin::kFentry;
    fs::create_directories(root_ / "run/systemd/system");
    write("usr/lib/systemd/system/ctflowd.service", read("packaging/systemd/ctflowd.service.in"));
    write("sys/kernel/btf/nf_conntrack", "");
  }

  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  void write_shipped(const std::string& drop_in) const {
    write(kDropIns + drop_in, read("packaging/systemd/" + drop_in));
  }
  [[nodiscard]] Findings look() const { return check_service(config_, measured_, root_); }
  /// The impact of the only note; empty: there is none.
  [[nodiscard]] std::string note() const {
    const Findings found = look();
    EXPECT_TRUE(found.wrong.empty() && found.unchecked.empty());
    return found.notes.empty() ? "" : found.notes.front().impact;
  }

  const test::TemporaryDirectory directory_;
  const fs::path root_{directory_.path("")};
  Config config_;
  Capabilities measured_;
};

TEST_F(ServiceCheckTest, NamesAllThatTheUnitAloneHasNot) {
  EXPECT_THAT(note(), HasSubstr("fentry measures for the user who asks, but not for "
                                "ctflowd.service, without CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN "
                                "(nf_conntrack is a module), SystemCallFilter=bpf:"));
  measured_.origin = MeasurementOrigin::kNetfilter;
  EXPECT_THAT(note(), HasSubstr("without CAP_BPF, CAP_PERFMON, SystemCallFilter=bpf:"));
}

TEST_F(ServiceCheckTest, FindsNothingWithTheDropInAsShipped) {
  write_shipped("ebpf.conf");
  EXPECT_EQ(note(), "");
  measured_.origin = MeasurementOrigin::kNetfilter;
  EXPECT_EQ(note(), "");
}

TEST_F(ServiceCheckTest, KnowsThatTheDropInForNamespacesDoesNotAllowTheSystemCall) {
  write_shipped("namespaces.conf");
  EXPECT_THAT(note(), HasSubstr("without SystemCallFilter=bpf:"));
}

TEST_F(ServiceCheckTest, NeedsTheTypesOfAModuleForFentryOnly) {
  write("run/systemd/system/ctflowd.service.d/x.conf",
        "[Service]\nAmbientCapabilities=CAP_BPF CAP_PERFMON\nSystemCallFilter=bpf\n");
  EXPECT_THAT(note(), HasSubstr("without CAP_SYS_ADMIN (nf_conntrack is a module):"));
  fs::remove(root_ / "sys/kernel/btf/nf_conntrack");
  EXPECT_EQ(note(), "");
}

TEST_F(ServiceCheckTest, IsHiddenByADropInOfTheSameNameInEtc) {
  write("usr/lib/systemd/system/ctflowd.service.d/ebpf.conf", read("packaging/systemd/ebpf.conf"));
  EXPECT_EQ(note(), "");
  write(kDropIns + std::string("ebpf.conf"), "");
  EXPECT_NE(note(), "");
}

TEST_F(ServiceCheckTest, TakesBackWhatAnEmptyAssignmentTakesBack) {
  write_shipped("ebpf.conf");
  write(kDropIns + std::string("z.conf"), "[Service]\nAmbientCapabilities=\n");
  EXPECT_THAT(note(), HasSubstr("without CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN"));
}

TEST_F(ServiceCheckTest, IsNoMatterOfChoiceWhereTheOriginWasAskedFor) {
  config_.source.measure = Measure::kFentry;
  const Findings found = look();
  EXPECT_TRUE(found.notes.empty());
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_EQ(found.wrong.front().name, "service_may_not_measure");
  EXPECT_THAT(found.wrong.front().fix, HasSubstr("ebpf.conf"));
}

TEST_F(ServiceCheckTest, SaysNothingOfAServiceOfRootOrWithoutSystemdOrUnit) {
  write(kDropIns + std::string("root.conf"), "[Service]\nUser=\n");
  EXPECT_EQ(note(), "");
  fs::remove_all(root_ / kDropIns);
  EXPECT_NE(note(), "");
  fs::remove(root_ / "usr/lib/systemd/system/ctflowd.service");
  EXPECT_EQ(note(), "");
}

TEST_F(ServiceCheckTest, SaysNothingWhereNoProgramsMeasure) {
  for (const auto origin : {MeasurementOrigin::kNone, MeasurementOrigin::kKernelPatch}) {
    measured_.origin = origin;
    EXPECT_EQ(note(), "");
  }
}

TEST_F(ServiceCheckTest, KnowsWhatTheUserOfTheConfigurationKeeps) {
  fs::remove_all(root_ / "run/systemd");
  config_.user = "ctflowd";
  if (!built_parts().bpf) {  // nothing is kept for programs that are not there
    EXPECT_THAT(note(), HasSubstr("once it is ctflowd, without CAP_BPF, CAP_PERFMON, CAP_SYS"));
    return;
  }
  EXPECT_THAT(note(), HasSubstr("but not for ctflowd once it is ctflowd, without CAP_SYS_ADMIN"));
  measured_.origin = MeasurementOrigin::kNetfilter;
  EXPECT_EQ(note(), "");
  measured_.origin = MeasurementOrigin::kFentry;
  config_.source.measure = Measure::kFentry;
  EXPECT_EQ(note(), "");
}

}  // namespace
}  // namespace ctflow
