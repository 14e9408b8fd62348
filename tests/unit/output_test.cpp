// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/output.hpp"

#include <gtest/gtest.h>

namespace ctflow {
namespace {

TEST(OutputContext, AnswersAfterTheNamespaceIsClosed) {
  OutputContext context;
  EXPECT_EQ(context.losses().flows, 0U);
  EXPECT_EQ(context.interface_names(), nullptr);
  UpstreamLosses losses{3, 30, 300};
  InterfaceNames names;
  context.answer_losses([&] { return losses; });
  context.set_interface_names(names);
  losses.flows = 4;
  EXPECT_EQ(context.losses().flows, 4U);
  EXPECT_EQ(context.interface_names(), &names);
  context.close();
  losses.flows = 5;
  EXPECT_EQ(context.losses().flows, 4U);
  EXPECT_EQ(context.losses().ignored_octets, 300U);
  EXPECT_EQ(context.interface_names(), nullptr);
}

}  // namespace
}  // namespace ctflow
