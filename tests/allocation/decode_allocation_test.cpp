// SPDX-License-Identifier: GPL-2.0-or-later
// decode() runs once for every connection of the network: it must not allocate.
#include <gtest/gtest.h>

#include "allocations.hpp"
#include "conntrack/flow/decode.hpp"
#include "support/event_builder.hpp"

namespace ctflow {
namespace {

std::size_t allocations_of(const test::Octets& event, DecodeResult expected) {
  Flow flow;
  const Bytes bytes = std::as_bytes(std::span(event));
  const std::size_t before = test::allocations();
  const DecodeResult result = decode(bytes, flow);
  const std::size_t allocations = test::allocations() - before;
  EXPECT_EQ(result, expected);
  return allocations;
}

TEST(DecodeAllocation, IsCountedHere) {
  const std::size_t before = test::allocations();
  ::operator delete(::operator new(1));  // unlike an expression with new, never left out
  EXPECT_GT(test::allocations(), before);
}

TEST(DecodeAllocation, IsNotDoneForAnEvent) {
  EXPECT_EQ(allocations_of(test::nat_tcp_event(), DecodeResult::kFlow), 0U);
}

TEST(DecodeAllocation, IsNotDoneForAnyDamagedEvent) {
  const test::Octets whole = test::nat_tcp_event();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_EQ(allocations_of(test::cut(whole, length), DecodeResult::kMalformed), 0U) << length;
  }
}

}  // namespace
}  // namespace ctflow
