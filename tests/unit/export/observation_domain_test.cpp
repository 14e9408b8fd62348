// SPDX-License-Identifier: GPL-2.0-or-later
#include "export/observation_domain.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>

namespace ctflow {
namespace {

std::string temporary_file(const std::string& content) {
  std::string name = testing::TempDir() + "machine-id-XXXXXX";
  close(mkstemp(name.data()));
  std::ofstream(name) << content;
  return name;
}

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
  const std::string file = temporary_file("b08dfa6083e7567a1921a715000001fb\n");
  EXPECT_EQ(host_identity(file), "b08dfa6083e7567a1921a715000001fb");
  std::remove(file.c_str());
}

TEST(HostIdentity, FallsBackToTheHostName) {
  std::array<char, 256> name{};
  ASSERT_EQ(gethostname(name.data(), name.size() - 1), 0);
  EXPECT_EQ(host_identity("/nonexistent/machine-id"), name.data());
  const std::string empty = temporary_file("");
  EXPECT_EQ(host_identity(empty), name.data());
  std::remove(empty.c_str());
}

}  // namespace
}  // namespace ctflow
