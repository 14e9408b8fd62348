// SPDX-License-Identifier: GPL-2.0-or-later
#include "doctor/offload_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

using testing::HasSubstr;

Capabilities counting(MeasurementOrigin origin) {
  Capabilities measured;
  measured.origin = origin;
  measured.counters = true;
  return measured;
}

/// As /proc/modules has them.
Findings with_modules(const std::string& lines, const Capabilities& measured = {}) {
  const test::TemporaryFile file(lines);
  return check_accelerators(measured, file.name());
}

TEST(CheckOffload, IsSilentWhereNoHardwareForwards) {
  const Findings found = check_offload({{"inet f soft", true, false}, {"inet f bad", false, false}},
                                       counting(MeasurementOrigin::kFentry));
  EXPECT_TRUE(found.wrong.empty());
  EXPECT_TRUE(found.notes.empty());
}

TEST(CheckOffload, LeavesOneWithoutCounterToTheRuleset) {
  const Findings found = check_offload({{"inet f hard", false, true}}, {});
  EXPECT_TRUE(found.wrong.empty());
  EXPECT_TRUE(found.notes.empty());
}

TEST(CheckOffload, SaysWhenTheCountersArrive) {
  for (const Capabilities& measured : {Capabilities{}, counting(MeasurementOrigin::kNetfilter),
                                       counting(MeasurementOrigin::kKernelPatch)}) {
    const Findings found = check_offload({{"inet f hard", true, true}}, measured);
    EXPECT_TRUE(found.wrong.empty());
    ASSERT_EQ(found.notes.size(), 1U);
    EXPECT_EQ(found.notes[0].name, "hardware_offload");
    EXPECT_THAT(found.notes[0].impact, HasSubstr("flowtable inet f hard"));
    EXPECT_THAT(found.notes[0].impact, HasSubstr("every few seconds"));
    EXPECT_THAT(found.notes[0].fix, HasSubstr("flags offload"));
  }
}

TEST(CheckOffload, IsWrongWhereProgramsCountInsteadOfConntrack) {
  const std::vector<Flowtable> flowtables{{"inet f hard", true, true}};
  const Findings found = check_offload(flowtables, counting(MeasurementOrigin::kFentry));
  EXPECT_TRUE(found.notes.empty());
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_EQ(found.wrong[0].name, "hardware_uncounted");
  EXPECT_THAT(found.wrong[0].fix, HasSubstr("source.wire_counters: false"));
  Capabilities mended = counting(MeasurementOrigin::kFentry);
  mended.counters = false;  // what wire_counters: false makes of it
  EXPECT_TRUE(check_offload(flowtables, mended).wrong.empty());
}

TEST(CheckAccelerators, KnowsModulesByTheirNames) {
  const Findings none = with_modules(
      "nf_flow_table 45056 1 nf_flow_table_inet, Live 0x0\n"
      "ecmascript 1 0 - Live 0x0\n"
      "qcaspi 1 1 shortcut_fe, Live 0x0\n"
      "mtk_eth 1 0 - Live 0x0\n"
      "qca_nss_dp 1 0 - Live 0x0\n");
  EXPECT_TRUE(none.wrong.empty());
  EXPECT_TRUE(none.notes.empty());
  for (const char* module :
       {"qca_nss_drv", "qca_nss_pppoe", "ecm", "ecm_wifi_plugin", "shortcut_fe", "shortcut_fe_ipv6",
        "shortcut_fe_cm", "fast_classifier"}) {
    const Findings found = with_modules(std::string("loop 1 0 - Live 0x0\n") + module +
                                        " 98304 0 - Live 0x0000000000000000 (O)\n");
    EXPECT_TRUE(found.wrong.empty()) << module;
    ASSERT_EQ(found.notes.size(), 1U) << module;
    EXPECT_EQ(found.notes[0].name, "hardware_offload");
    EXPECT_THAT(found.notes[0].impact, HasSubstr(std::string("module ") + module + ")"));
    EXPECT_THAT(found.notes[0].impact, HasSubstr("conntrack's counters"));
    EXPECT_FALSE(found.notes[0].fix.empty());
  }
}

TEST(CheckAccelerators, DoesNotVouchForMediaTeks) {
  for (const char* module : {"mtkhnat", "mtk_hnat", "mtk_ppe"}) {
    const Findings found = with_modules(std::string(module) + " 1 0 - Live 0x0\n");
    ASSERT_EQ(found.wrong.size(), 1U) << module;
    EXPECT_EQ(found.wrong[0].name, "hardware_uncounted");
    EXPECT_THAT(found.wrong[0].impact, HasSubstr(module));
    EXPECT_TRUE(found.notes.empty());
  }
}

TEST(CheckAccelerators, NamesAllModulesOfOneTogether) {
  const Findings found = with_modules(
      "shortcut_fe_cm 1 0 - Live 0x0\nshortcut_fe 1 1 shortcut_fe_cm, Live 0x0\necm 1 0 - Live "
      "0\n");
  ASSERT_EQ(found.notes.size(), 2U);
  EXPECT_THAT(found.notes[0].impact, HasSubstr("(module shortcut_fe_cm, shortcut_fe)"));
  EXPECT_THAT(found.notes[1].impact, HasSubstr("(module ecm)"));
}

TEST(CheckAccelerators, IsWrongWhereCountersAreNotConntracks) {
  for (const auto origin : {MeasurementOrigin::kFentry, MeasurementOrigin::kNetfilter,
                            MeasurementOrigin::kKernelPatch}) {
    const Findings found = with_modules("ecm 1 0 - Live 0x0\n", counting(origin));
    EXPECT_TRUE(found.notes.empty());
    ASSERT_EQ(found.wrong.size(), 1U);
    EXPECT_THAT(found.wrong[0].impact, HasSubstr(name_of(origin)));
    EXPECT_THAT(found.wrong[0].fix, HasSubstr("source.wire_counters: false"));
  }
}

TEST(CheckAccelerators, NeedsNoListOfModules) {
  const Findings found = check_accelerators({}, "/nonexistent/modules");
  EXPECT_TRUE(found.wrong.empty());
  EXPECT_TRUE(found.notes.empty());
}

std::vector<UncountedForwarder> uncounted(const Flowtable& flowtable,
                                          const Capabilities& measured = {}) {
  return uncounted_forwarders({flowtable}, measured, "/nonexistent");
}

TEST(UncountedForwarders, AreFlowtablesInUseThatNothingCounts) {
  EXPECT_THAT(uncounted({"inet f fast", false, false}),
              testing::ElementsAre(UncountedForwarder{"flowtable_uncounted", "inet f fast"}));
  EXPECT_THAT(uncounted({"inet f fast", false, false, false}), testing::IsEmpty()) << "no rule";
  EXPECT_THAT(uncounted({"inet f fast", true, false}), testing::IsEmpty());
  EXPECT_THAT(uncounted({"inet f hard", true, true}), testing::IsEmpty()) << "the driver reports";
  Capabilities fentry = counting(MeasurementOrigin::kFentry);
  EXPECT_EQ(uncounted({"inet f fast", false, false}, fentry).size(), 1U);
  fentry.flowtables = true;
  EXPECT_THAT(uncounted({"inet f fast", false, false}, fentry), testing::IsEmpty());
  EXPECT_EQ(uncounted({"inet f hard", false, true}, fentry)[0].finding, "flowtable_uncounted");
  EXPECT_THAT(uncounted({"inet f hard", true, true}, fentry),
              testing::ElementsAre(UncountedForwarder{"hardware_uncounted", "inet f hard"}));
  fentry.counters = false;  // source.wire_counters: false
  EXPECT_EQ(uncounted({"inet f fast", false, false}, fentry).size(), 1U);
  EXPECT_THAT(uncounted({"inet f hard", true, true}, fentry), testing::IsEmpty());
  Capabilities patch = counting(MeasurementOrigin::kKernelPatch);
  patch.flowtables = true;
  EXPECT_THAT(uncounted({"inet f hard", false, true}, patch), testing::IsEmpty());
}

TEST(UncountedForwarders, AreAcceleratorsThatAddToNoCounter) {
  const test::TemporaryFile file("mtkhnat 1 0 - Live 0x0\necm 1 0 - Live 0x0\n");
  const auto found = uncounted_forwarders({}, {}, file.name());
  EXPECT_THAT(found,
              testing::ElementsAre(UncountedForwarder{"hardware_uncounted", "MediaTek's HNAT"}));
  EXPECT_EQ(uncounted_forwarders({}, counting(MeasurementOrigin::kNetfilter), file.name()).size(),
            2U);
}

}  // namespace
}  // namespace ctflow
