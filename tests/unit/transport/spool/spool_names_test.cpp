// SPDX-License-Identifier: GPL-2.0-or-later
#include "transport/spool/spool_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.hpp"
#include "transport/spool/spool_directory.hpp"

namespace ctflow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

CollectorConfig collector(const std::string& name, TransportKind transport,
                          const std::string& directory) {
  CollectorConfig config;
  config.name = name;
  config.transport = transport;
  config.spool.directory = directory;
  return config;
}

TEST(SpoolNames, TellTheCollectorOfEachFile) {
  const test::TemporaryDirectory directory;
  SpoolFiles files;
  SpoolDirectory own(directory.name(), "one-2", files);
  ASSERT_FALSE(own.lock());
  std::ofstream(own.path_of(0xab)) << "12345";
  std::ofstream(directory.path("one-xyz.spool")) << "no number";
  std::ofstream(directory.path("one-0000000000000007.damaged")) << "set aside";
  std::ofstream(directory.path("-0000000000000007.spool")) << "nobody's";
  const std::vector<SpoolFile> found = list_spool_files(directory.name());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].collector, "one-2");
  EXPECT_EQ(found[0].path, own.path_of(0xab));
  EXPECT_TRUE(found[0].messages);
  EXPECT_EQ(found[0].octets, 5U);
  EXPECT_EQ(found[1].collector, "one-2");
  EXPECT_EQ(found[1].path, directory.path("one-2.lock"));
  EXPECT_FALSE(found[1].messages);
  EXPECT_THAT(list_spool_files(directory.path("missing")), IsEmpty());
}

TEST(SpoolNames, TellWhetherACtflowdHasTheFiles) {
  const test::TemporaryDirectory directory;
  SpoolFiles files;
  SpoolDirectory own(directory.name(), "one", files);
  EXPECT_FALSE(spool_in_use(directory.name(), "one"));
  ASSERT_FALSE(own.lock());
  EXPECT_TRUE(spool_in_use(directory.name(), "one"));
  own.unlock();
  EXPECT_FALSE(spool_in_use(directory.name(), "one"));
  EXPECT_FALSE(own.lock()) << "asking takes nothing";
}

TEST(SpoolNames, KnowTheCollectorsOfTheConfiguration) {
  Config config;
  config.collectors = {collector("tcp", TransportKind::kTcp, "/spool"),
                       collector("tls", TransportKind::kTls, "/spool"),
                       collector("other", TransportKind::kTls, "/elsewhere"),
                       collector("memory", TransportKind::kTcp, ""),
                       collector("udp", TransportKind::kUdp, "/spool")};
  EXPECT_THAT(spool_directories(config), ElementsAre("/elsewhere", "/spool"));
  EXPECT_THAT(spool_owners(config, "/spool"), ElementsAre("tcp", "tls"));
  EXPECT_THAT(spool_owners(config, "/elsewhere"), ElementsAre("other"));
  config.log_connections.resize(3);
  for (ConnectionLogConfig& log : config.log_connections) log.spool.directory = "/elsewhere";
  config.log_connections[0].name = "reader";
  config.log_connections[0].to = LogDestination::kTcp;
  config.log_connections[1].name = "events";
  config.log_connections[1].to = LogDestination::kKafka;
  config.log_connections[2].to = LogDestination::kFile;
  EXPECT_THAT(spool_owners(config, "/elsewhere"),
              ElementsAre("other", "reader+lines", "events+topic"));
  EXPECT_EQ(spool_sizes(config, "/elsewhere"), 3 * SpoolConfig{}.size);
  config.log_connections.erase(config.log_connections.begin());
  config.namespaces.resize(2);
  config.namespaces[0].name = "red";
  config.namespaces[1].name = "blue";
  EXPECT_THAT(spool_owners(config, "/elsewhere"),
              ElementsAre("other@red", "other@blue", "events@red+topic", "events@blue+topic"));
}

}  // namespace
}  // namespace ctflow
