// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/refusal.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include <cerrno>
#include <fstream>

#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

constexpr std::uint64_t kTracing = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;
constexpr const char* kAll = "000001ffffffffff";
constexpr const char* kOpen = "[none] integrity confidentiality\n";
constexpr const char* kLocked = "none integrity [confidentiality]\n";
constexpr const char* kNoReading =
    "verifier: program of this type cannot use helper bpf_probe_read_kernel#113";

class RefusalTest : public testing::Test {
 protected:
  std::string explain(int error, const std::string& words, const std::string& held,
                      const std::string& lockdown = kOpen) {
    std::ofstream(files_.status) << "Name:\tx\nCapPrm:\t" << kAll << "\nCapEff:\t" << held << "\n";
    std::ofstream(files_.lockdown) << lockdown;
    return explain_refusal(error, words, needed_, files_);
  }

  std::uint64_t needed_ = kTracing;
  test::TemporaryDirectory directory_;
  PermissionFiles files_{directory_.path("status"), directory_.path("lockdown")};
};

TEST_F(RefusalTest, NamesTheCapabilitiesThatAreMissing) {
  EXPECT_EQ(explain(EPERM, "x", "0000000000001000"),
            "not permitted: CAP_BPF and CAP_PERFMON are missing");
  EXPECT_EQ(explain(EPERM, "x", "0000008000000000"), "not permitted: CAP_PERFMON is missing");
  EXPECT_EQ(explain(EACCES, "x", "0000004000000000"), "not permitted: CAP_BPF is missing");
}

TEST_F(RefusalTest, AModulesTypesNeedTheAdministrators) {
  needed_ |= 1ULL << CAP_SYS_ADMIN;
  EXPECT_EQ(explain(EINVAL, "x", "000000c000000000"),
            "not permitted: CAP_SYS_ADMIN (nf_conntrack is a module) is missing");
  EXPECT_EQ(explain(EINVAL, "x", "0000008000000000"),
            "not permitted: CAP_PERFMON and CAP_SYS_ADMIN (nf_conntrack is a module) are missing");
  EXPECT_EQ(explain(EINVAL, "x", "0000000000200000"), "x");
}

TEST_F(RefusalTest, OnlyThoseThatAreNeeded) {
  EXPECT_EQ(explain(EACCES, "x", "000000c000000000"), "x");
}

TEST_F(RefusalTest, TheAdministratorsCapabilityIsAllOfThem) {
  EXPECT_EQ(explain(EACCES, "x", "0000000000200000"), "x");
}

TEST_F(RefusalTest, TheVerifiersWordsAreTheReasonOfOtherErrors) {
  EXPECT_EQ(explain(EINVAL, "x", "0"), "x");
}

TEST_F(RefusalTest, KnowsALockedDownKernel) {
  const std::string locked = "the kernel is locked down (lockdown=confidentiality): ";
  EXPECT_EQ(explain(EINVAL, kNoReading, kAll, kLocked), locked + kNoReading);
  EXPECT_EQ(explain(EINVAL, "verifier: unknown func bpf_probe_read#4", kAll, kLocked),
            locked + "verifier: unknown func bpf_probe_read#4");
  EXPECT_EQ(explain(EPERM, "x", kAll, kLocked), locked + "x");
  EXPECT_EQ(explain(EACCES, "R9 !read_ok", kAll, kLocked), "R9 !read_ok");
  EXPECT_EQ(explain(EINVAL, kNoReading, kAll, "none [integrity] confidentiality\n"), kNoReading);
}

TEST_F(RefusalTest, SaysThatNothingIsMissing) {
  EXPECT_EQ(explain(EPERM, "x", kAll),
            "not permitted: x (this kernel forbids such programs, or a container)");
}

TEST_F(RefusalTest, NeedsNoFiles) {
  EXPECT_EQ(explain_refusal(EINVAL, kNoReading, kTracing,
                            {directory_.path("no"), directory_.path("none")}),
            kNoReading);
}

}  // namespace
}  // namespace ctflow
