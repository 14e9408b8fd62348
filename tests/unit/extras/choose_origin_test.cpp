// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/choose_origin.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

/// Origins that fail with these words, or are used; and which of them were tried.
struct Tried {
  std::string patch = "not patched";
  std::string fentry = "no BTF";
  std::string netfilter = "Linux 6.1";
  std::string order{};

  Origins origins() {
    return {[this] { return order += "p", patch; }, [this] { return order += "f", fentry; },
            [this] { return order += "n", netfilter; }};
  }
};

TEST(ChooseOrigin, TakesTheBestThatWorks) {
  Tried tried;
  tried.fentry = "";
  const OriginChoice choice = choose_origin(Measure::kAuto, tried.origins());
  EXPECT_EQ(choice.origin, MeasurementOrigin::kFentry);
  EXPECT_EQ(choice.obstacle, "kernel_patch: not patched");
  EXPECT_EQ(tried.order, "pf") << "no program is attached in vain";
}

TEST(ChooseOrigin, SaysOfEachWhyItDoesNotWork) {
  Tried tried;
  const OriginChoice choice = choose_origin(Measure::kAuto, tried.origins());
  EXPECT_EQ(choice.origin, MeasurementOrigin::kNone);
  EXPECT_EQ(choice.obstacle, "kernel_patch: not patched; fentry: no BTF; netfilter: Linux 6.1");
}

TEST(ChooseOrigin, TriesOnlyWhatIsAskedFor) {
  Tried tried;
  tried.patch = "";
  EXPECT_EQ(choose_origin(Measure::kNetfilter, tried.origins()).obstacle, "netfilter: Linux 6.1");
  EXPECT_EQ(tried.order, "n");
  EXPECT_EQ(choose_origin(Measure::kPatch, tried.origins()).origin,
            MeasurementOrigin::kKernelPatch);
  EXPECT_EQ(choose_origin(Measure::kOff, tried.origins()).origin, MeasurementOrigin::kNone);
  EXPECT_EQ(tried.order, "np");
}

}  // namespace
}  // namespace ctflow
