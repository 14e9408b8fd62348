// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/observation_domain.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "support/temporary_file.hpp"

namespace ctflow {
namespace {

TEST(ObservationDomain, DiffersBetweenHostsAndStaysForOne) {
  const auto first = observation_domain_from("b08dfa6083e7567a1921a715000001fb");
  EXPECT_EQ(first, observation_domain_from("b08dfa6083e7567a1921a715000001fb"));
  EXPECT_NE(first, observation_domain_from("b08dfa6083e7567a1921a715000001fc"));
}

TEST(ObservationDomain, IsPinned) {
  // Another value after an upgrade would be another Observation Domain to every collector.
  EXPECT_EQ(observation_domain_from("b08dfa6083e7567a1921a715000001fb"), 2228410599U);
  EXPECT_EQ(observation_domain_from(""), 4244815930U);
}

TEST(HostIdentity, IsTheFirstLineOfTheMachineId) {
  const test::TemporaryFile file("b08dfa6083e7567a1921a715000001fb\n");
  EXPECT_EQ(host_identity(file.name()), "b08dfa6083e7567a1921a715000001fb");
}

TEST(HostIdentity, FallsBackToTheHostName) {
  std::array<char, 256> name{};
  ASSERT_EQ(gethostname(name.data(), name.size() - 1), 0);
  EXPECT_EQ(host_identity("/nonexistent/machine-id"), name.data());
  const test::TemporaryFile empty;
  EXPECT_EQ(host_identity(empty.name()), name.data());
}

}  // namespace
}  // namespace ctflow
