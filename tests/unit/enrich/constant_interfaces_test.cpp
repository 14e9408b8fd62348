// SPDX-License-Identifier: GPL-2.0-or-later
#include "enrich/constant_interfaces.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(ConstantInterfaces, GivesBothDirectionsTheConfiguredOnes) {
  Flow flow;
  ConstantInterfaces({4, 5}).enrich(flow);
  EXPECT_EQ(flow.forward_interfaces, (Interfaces{4, 5}));
  EXPECT_EQ(flow.backward_interfaces, (Interfaces{5, 4}));
}

TEST(ConstantInterfaces, LeavesAloneWhatTheKernelTold) {
  Flow flow;
  flow.extras.original.has_interfaces = true;
  flow.forward_interfaces = {7, 0};
  ConstantInterfaces({4, 5}).enrich(flow);
  EXPECT_EQ(flow.forward_interfaces, (Interfaces{7, 0}));
  EXPECT_EQ(flow.backward_interfaces, (Interfaces{5, 4}));
}

}  // namespace
}  // namespace ctflow
