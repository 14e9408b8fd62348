// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/template_ids.hpp"

#include <gtest/gtest.h>

namespace ctflow::template_ids {
namespace {

TEST(TemplateIds, MoveWithTheChoicesThatChangeALayout) {
  EXPECT_EQ(first_id(kDefault, {}), 1280);
  EXPECT_EQ(first_id(kDefault, {.zones = true}), 1344);
  EXPECT_EQ(first_id(kDefault, {.extras = true}), 1296);
  EXPECT_EQ(first_id(kDefault, {.extras = true, .packet_properties = true}), 1424);
  EXPECT_EQ(first_id(kBiflow, {.next_hop = true}), 1536 + 2048);
}

TEST(TemplateIds, StayWhereAChoiceChangesNothing) {
  EXPECT_EQ(first_id(kDefault, {.packet_properties = true}), 1280);
  EXPECT_EQ(first_id(kMinimal, {.extras = true, .packet_properties = true}), 768);
  EXPECT_EQ(first_id(kNatEvents, {.next_hop = true}), 1024);
}

// The proof itself must be able to fail.
TEST(TemplateIds, AreRefusedWhereTwoLayoutsShareOne) {
  proof::Marks marks;
  EXPECT_TRUE(marks.mark(kDefault));
  EXPECT_FALSE(marks.mark(Block{1280 + 64 + 9, 1, {}})) << "the last with zones";
  EXPECT_TRUE(marks.mark(Block{1290, 6, {}})) << "between two blocks";
  EXPECT_FALSE(marks.mark(255, 1)) << "Set IDs, RFC 7011 section 3.3.2";
  EXPECT_FALSE(marks.mark(kElements, 1)) << "those of elements:";
}

}  // namespace
}  // namespace ctflow::template_ids
