// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctflow/config.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "support/rounds.hpp"
#include "support/source_directory.hpp"
#include "version/built_parts.hpp"

namespace ctflow {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// The smallest useful file. It stays valid for ever: do not change it.
constexpr const char* kSmallest = R"(collectors:
  - name: main
    address: 192.0.2.10
    port: 4739
    protocol: ipfix        # or netflow9
)";

std::string error_of(const std::string& text) {
  try {
    parse_config(text, "FILE");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

std::string load_error_of(const std::string& file) {
  try {
    load_config(file);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

std::string contents(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  EXPECT_TRUE(stream) << file;
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Files that are right only where ctflowd is built with SQLite.
bool needs_sqlite(const fs::path& file) {
  const std::string text = '\n' + contents(file);
  return text.find("\naccounting:") != std::string::npos ||
         text.find("\nnat_log:") != std::string::npos;
}

/// … with Kafka.
bool needs_kafka(const fs::path& file) {
  return contents(file).find("to: kafka") != std::string::npos;
}

/// … with libmaxminddb.
bool needs_maxmind(const fs::path& file) {
  return contents(file).find("_database: ") != std::string::npos;
}

/// A file that is right, in a build without what it asks for.
void expect_missing_part(const fs::path& file) {
  EXPECT_THAT(load_error_of(file.string()),
              testing::AllOf(testing::HasSubstr("built without"), testing::HasSubstr("=ON")));
}

/// Files that say something else, but are still refused, when ctflowd is built without TLS.
bool needs_tls(const fs::path& file) { return file.filename().string().rfind("tls", 0) == 0; }

bool lacks_a_part_for(const fs::path& file) {
  const BuiltParts& parts = built_parts();
  return (!parts.tls && needs_tls(file)) || (!parts.sqlite && needs_sqlite(file)) ||
         (!parts.kafka && needs_kafka(file)) || (!parts.maxmind && needs_maxmind(file));
}

std::set<fs::path> files_in(const std::string& folder, const std::string& extension) {
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(test::source_directory()) / folder)) {
    if (entry.path().extension() == extension) files.insert(entry.path());
  }
  return files;
}

TEST(ParseConfig, TakesTheSmallestUsefulFile) {
  Config expected;
  CollectorConfig& collector = expected.collectors.emplace_back();
  collector.name = "main";
  collector.address = "192.0.2.10";
  collector.port = 4739;
  collector.protocol = Protocol::kIpfix;
  EXPECT_EQ(parse_config(kSmallest, "FILE"), expected);
}

TEST(ParseConfig, TakesEverySetting) {
  const std::string listen = built_parts().status ? "[::1]:9995" : "off";
  const Config config = parse_config(R"(
collectors:
  - name: edge_1.a-b
    address: "[2001:db8::10]"
    port: 2055
    protocol: netflow9
    source_address: "[2001:db8::1]"
    bind_device: vrf-mgmt
    dscp: 46
    observation_domain: 4294967295
    max_message_size: 8900
    flush_after: 250ms
    template_interval: 2m
    template_messages: 1000
    sampling_options: false
    options_interval: 1h
    resolve_interval: 30s
    profile: minimal
    next_hop: true
    zones: true
    interface_names: true
  - name: stream
    address: collector.example
    port: 4740
    protocol: ipfix
    transport: tcp
    spool: {memory: 1MiB, directory: /spool, size: 2MiB, max_age: 1h, rate: 128KiB}
  - name: files
    protocol: ipfix
    transport: file
    file: {directory: /files, name: "%s.ipfix", size: 1MiB, interval: 1m}
source: {receive_buffer: 8MB, batch_delay: 10ms}
interfaces:
  lookup: constant
  ingress: 3
  egress: 4
  by_zone: [{zone: 7, vrf: red}, {zone: 8, ingress: 5, egress: 6}]
  by_mark: [{mark: 16, mask: 240, vrf: blue, ingress: 1, egress: 2}, {mark: 4294967295}]
log: {level: debug}
user: nobody
status: {socket: off, listen: ")" + listen +
                                         "\"}\n",
                                     "FILE");
  Config expected;
  CollectorConfig& collector = expected.collectors.emplace_back();
  collector.name = "edge_1.a-b";
  collector.address = "2001:db8::10";
  collector.port = 2055;
  collector.protocol = Protocol::kNetflow9;
  collector.source_address = "2001:db8::1";
  collector.bind_device = "vrf-mgmt";
  collector.dscp = 46;
  collector.observation_domain = 4294967295U;
  collector.max_message_size = 8900;
  collector.flush_after = milliseconds(250);
  collector.template_interval = milliseconds(120'000);
  collector.template_messages = 1000;
  collector.sampling_options = false;
  collector.options_interval = milliseconds(3'600'000);
  collector.resolve_interval = milliseconds(30'000);
  collector.profile = Profile::kMinimal;
  collector.next_hop = true;
  collector.zones = true;
  CollectorConfig stream;
  stream.name = "stream";
  stream.address = "collector.example";
  stream.port = 4740;
  stream.transport = TransportKind::kTcp;
  stream.spool = {1U << 20U, "/spool", 2U << 20U, std::chrono::hours(1), 131'072};
  CollectorConfig files;
  files.name = "files";
  files.transport = TransportKind::kFile;
  files.file = {"/files", "%s.ipfix", 1U << 20U, milliseconds(60'000)};
  expected.source.receive_buffer = 8'000'000;
  expected.source.batch_delay = milliseconds(10);
  expected.collectors[0].interface_names = true;
  expected.interfaces = {3,
                         4,
                         InterfaceLookup::kConstant,
                         {{7, "red"}, {8, "", 5, 6}},
                         {{16, 240, "blue", 1, 2}, {4294967295U}}};
  expected.status = {"", built_parts().status ? listen : ""};
  expected.log = {LogLevel::kDebug};
  expected.user = "nobody";
  expected.collectors.push_back(stream);
  expected.collectors.push_back(files);
  EXPECT_EQ(config, expected);
}

TEST(ParseConfig, TakesTlsWhereItIsBuilt) {
  const std::string text =
      std::string(kSmallest) + "    transport: tls\n    tls: {server_name: other.example}\n";
  if (built_parts().tls) {
    const Config config = parse_config(text, "FILE");
    EXPECT_EQ(config.collectors.at(0).transport, TransportKind::kTls);
    EXPECT_EQ(config.collectors.at(0).tls.server_name, "other.example");
  } else {
    EXPECT_THAT(
        error_of(text),
        testing::AllOf(testing::StartsWith("FILE:6:16: collectors[0].transport: this ctflowd "
                                           "was built without TLS: "),
                       testing::HasSubstr("-DCTFLOWD_TLS=ON")));
  }
}

TEST(ParseConfig, TakesAutoForAnObservationDomainToBeDerived) {
  const Config config = parse_config(std::string(kSmallest) + "    observation_domain: auto\n", "");
  EXPECT_EQ(config.collectors.at(0).observation_domain, std::nullopt);
}

TEST(ParseConfig, KeepsTheOrderOfCollectors) {
  const Config config = parse_config(std::string(kSmallest) +
                                         "  - {name: b, address: b.example, port: 1, "
                                         "protocol: netflow9}\n",
                                     "FILE");
  ASSERT_EQ(config.collectors.size(), 2U);
  EXPECT_EQ(config.collectors[0].name, "main");
  EXPECT_EQ(config.collectors[1].address, "b.example");
}

TEST(ParseConfig, RefusesAByteMoreThanItsLimit) {
  std::string text = kSmallest;
  text.resize(std::size_t{1} << 20, '#');
  EXPECT_EQ(error_of(text), "no error");
  text += '#';
  EXPECT_EQ(error_of(text), "FILE:1:1: expected at most 1 MiB of text, got more");
}

TEST(ParseConfig, TakesLongListsOfNetworks) {
  if (!built_parts().sqlite) GTEST_SKIP() << "accounting needs SQLite";
  std::string networks;
  constexpr int kNetworks = 20000;
  for (int i = kNetworks; i > 0; --i) {
    networks += fmt::format("10.{}.{}.{}, ", i / 65536, i / 256 % 256, i % 256);
  }
  const auto text = [&](const std::string& inside, const std::string& named) {
    return std::string(kSmallest) +
           "\naccounting: {aggregates: [{name: a, by: [network]}], inside: [" + networks + inside +
           "], networks: [{name: x, networks: [" + networks + "10.9.0.1]}, {name: y, networks: [" +
           named + "]}]}\n";
  };
  EXPECT_EQ(error_of(text("10.9.0.1", "10.9.0.2")), "no error");
  EXPECT_THAT(error_of(text("10.0.0.1", "10.9.0.2")),
              testing::HasSubstr("accounting.inside[20000]: given twice, first at "
                                 "accounting.inside[19999]"));
  EXPECT_THAT(error_of(text("10.9.0.1", "10.0.0.1")),
              testing::HasSubstr("the same entry is in x and in y"));
}

TEST(ParseConfig, EscapesTheNameOfTheFile) {
  try {
    parse_config("", "a\nb\x1b[31m");
    FAIL() << "an empty file was taken";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::StartsWith("a\\nb\\x1b[31m:1:1: "));
  }
}

TEST(ParseConfig, RefusesEveryPrefixOfAFileInOneLineOrTakesIt) {
  const std::string text = contents(fs::path(test::source_directory()) / "config/ctflowd.yaml");
  const std::size_t step = text.size() / static_cast<std::size_t>(test::rounds(1000));
  for (std::size_t length = 0; length < text.size(); length += step) {
    const std::string error = error_of(text.substr(0, length));
    EXPECT_EQ(error.find('\n'), std::string::npos) << length;
    if (error != "no error") {
      EXPECT_THAT(error, testing::StartsWith("FILE:")) << length;
    }
  }
}

TEST(LoadConfig, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(load_error_of("/nonexistent/ctflowd.yaml"),
            "/nonexistent/ctflowd.yaml: cannot be read: No such file or directory");
  EXPECT_EQ(load_error_of(test::source_directory()),
            test::source_directory() + ": cannot be read: Is a directory");
  EXPECT_EQ(load_error_of("/dev/zero"),
            "/dev/zero: cannot be read: expected a file, got a pipe, socket or device");
}

TEST(LoadConfig, DoesNotWaitForAPipe) {
  const std::string pipe = testing::TempDir() + "/ctflowd-config-pipe";
  unlink(pipe.c_str());
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(load_error_of(pipe),
            pipe + ": cannot be read: expected a file, got a pipe, socket or device");
  unlink(pipe.c_str());
}

TEST(LoadConfig, StopsReadingALargeFile) {
  const std::string name = testing::TempDir() + "/ctflowd-config-large";
  std::ofstream(name).close();
  fs::resize_file(name, std::uintmax_t{1} << 30);  // all of it a hole
  EXPECT_EQ(load_error_of(name), name + ":1:1: expected at most 1 MiB of text, got more");
  unlink(name.c_str());
}

TEST(BadFiles, AreRefusedWithTheExpectedMessage) {
  const std::set<fs::path> files = files_in("tests/config/bad", ".yaml");
  EXPECT_GE(files.size(), 40U);
  for (const fs::path& file : files) {
    const fs::path expectation = fs::path(file).replace_extension(".expected");
    ASSERT_TRUE(fs::exists(expectation)) << file << " has no .expected file beside it";
    std::string message = load_error_of(file.string());
    const std::string name = file.string();
    if (message.compare(0, name.size(), name) == 0) message.replace(0, name.size(), "FILE");
    if ((!built_parts().tls && needs_tls(file)) || (!built_parts().kafka && needs_kafka(file))) {
      EXPECT_NE(message, "no error") << file;
      continue;
    }
    if (!built_parts().sqlite && needs_sqlite(file) &&
        message.find("without SQLite") != std::string::npos) {
      continue;  // refused by what is checked after the section
    }
    EXPECT_EQ(message + '\n', contents(expectation)) << file;
  }
}

TEST(BadFiles, HaveNoExpectationLeftOver) {
  for (const fs::path& file : files_in("tests/config/bad", ".expected")) {
    EXPECT_TRUE(fs::exists(fs::path(file).replace_extension(".yaml"))) << file;
  }
}

TEST(GoodFiles, AreTaken) {
  const std::set<fs::path> files = files_in("tests/config/good", ".yaml");
  EXPECT_GE(files.size(), 10U);
  for (const fs::path& file : files) {
    SCOPED_TRACE(file);
    if (lacks_a_part_for(file)) {
      expect_missing_part(file);
      continue;
    }
    EXPECT_EQ(load_error_of(file.string()), "no error");
  }
}

TEST(Examples, AreTaken) {
  const std::set<fs::path> files = files_in("config/examples", ".yaml");
  EXPECT_GE(files.size(), 3U);
  for (const fs::path& file : files) {
    SCOPED_TRACE(file);
    if (lacks_a_part_for(file)) {
      expect_missing_part(file);
      continue;
    }
    EXPECT_EQ(load_error_of(file.string()), "no error");
  }
}

}  // namespace
}  // namespace ctflow
