// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/daemon.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <future>
#include <set>
#include <thread>

#include "enrich/origin/origin_databases.hpp"
#include "support/fakes.hpp"
#include "support/notify_socket.hpp"
#include "support/rounds.hpp"
#include "support/stream_collector.hpp"
#include "support/temporary_directory.hpp"

namespace ctflow {
namespace {

using boost::asio::ip::udp;

/// Does what the test says when it is started and stopped.
class ScriptedSource : public FlowSource {
 public:
  void set_nat_events(bool on) override { nat_events = on; }
  [[nodiscard]] Capabilities capabilities() override { return measured; }
  [[nodiscard]] SourceStatus status() const override {
    SourceStatus status;
    status.capabilities = measured;
    return status;
  }
  void set_own_traffic(const std::vector<OwnConnection>& connections) override {
    own_traffic = connections;
  }
  void start(FlowSink& sink) override {
    sink_ = &sink;
    on_start(sink);
  }
  void stop() override {
    ++stops;
    on_stop(*sink_);
  }
  [[nodiscard]] const SourceCounters& counters() const override { return counters_; }

  std::function<void(FlowSink&)> on_start = [](FlowSink&) {};
  std::function<void(FlowSink&)> on_stop = [](FlowSink&) {};
  int stops = 0;
  bool nat_events = false;
  Capabilities measured;
  std::vector<OwnConnection> own_traffic;

 private:
  FlowSink* sink_ = nullptr;
  SourceCounters counters_;
};

/// The daemon owns its source; the test keeps the one that it scripts.
class BorrowedSource : public FlowSource {
 public:
  explicit BorrowedSource(FlowSource& source) : source_(source) {}
  void set_nat_events(bool on) override { source_.set_nat_events(on); }
  [[nodiscard]] Capabilities capabilities() override { return source_.capabilities(); }
  [[nodiscard]] SourceStatus status() const override { return source_.status(); }
  void set_own_traffic(const std::vector<OwnConnection>& connections) override {
    source_.set_own_traffic(connections);
  }
  void start(FlowSink& sink) override { source_.start(sink); }
  void stop() override { source_.stop(); }
  [[nodiscard]] const SourceCounters& counters() const override { return source_.counters(); }

 private:
  FlowSource& source_;
};

class DaemonTest : public testing::Test {
 protected:
  DaemonTest() : collector_(io_, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
    const timeval patience{5, 0};
    setsockopt(collector_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    CollectorConfig collector;
    collector.name = "test";
    collector.address = "127.0.0.1";
    collector.port = collector_.local_endpoint().port();
    config_.collectors.push_back(collector);
    config_.interfaces = {4, 5};
    config_.status = {"", ""};  // not where a daemon of this machine may be asked
  }

  static Flow flow() {
    Flow flow;
    flow.original.family = flow.reply.family = AddressFamily::kIpv4;
    flow.original_counters = {1, 40};
    flow.present.counters = true;
    return flow;
  }

  Daemon::Parts parts() {
    Daemon::Parts parts;
    parts.make_source = [this](boost::asio::io_context&, const Config&, const NetworkNamespace&) {
      return std::make_unique<BorrowedSource>(source_);
    };
    parts.check = [this](const SourceConfig&, const Capabilities&) { ++checks_; };
    parts.load = [this] { return load_(); };
    return parts;
  }

  /// Length of the next message that the collector gets, 0 if none comes.
  std::size_t receive() {
    std::array<std::byte, 2048> message{};
    const ssize_t length = recv(collector_.native_handle(), message.data(), message.size(), 0);
    return length > 0 ? static_cast<std::size_t>(length) : 0;
  }

  boost::asio::io_context io_;
  udp::socket collector_;
  Config config_;
  ScriptedSource source_;
  int checks_ = 0;
  std::function<Config()> load_ = [this] { return config_; };
};

TEST_F(DaemonTest, SendsTemplatesAtStartAndFlushesAtTheEndOfTheSource) {
  source_.on_start = [](FlowSink& sink) {
    Flow one = flow();
    sink.on_flow(one);
    EXPECT_EQ(one.original_interfaces.ingress, 4U);
    sink.on_source_end();
  };
  Daemon daemon(io_, config_, parts());
  EXPECT_EQ(daemon.run(), 0);
  EXPECT_GT(receive(), 0U) << "options";
  EXPECT_GT(receive(), 0U) << "templates";
  EXPECT_EQ(receive(), 16U + 4U + 62U) << "the flow";
  EXPECT_EQ(source_.stops, 1);
}

TEST_F(DaemonTest, ExportsWhatTheSourceDeliversWhileStopping) {
  source_.on_start = [](FlowSink&) { std::raise(SIGTERM); };
  source_.on_stop = [](FlowSink& sink) {
    Flow last = flow();
    sink.on_flow(last);
    sink.on_batch_end();
  };
  Daemon daemon(io_, config_, parts());
  EXPECT_EQ(daemon.run(), 0);
  receive();
  receive();
  EXPECT_EQ(receive(), 16U + 4U + 62U);
}

TEST_F(DaemonTest, SendsAPartlyFilledMessageWhenItsTimeHasCome) {
  config_.collectors[0].flush_after = std::chrono::milliseconds(10);
  config_.collectors[0].sampling_options = config_.collectors[0].statistics_options = false;
  source_.on_start = [](FlowSink& sink) {
    Flow one = flow();
    sink.on_flow(one);
    sink.on_batch_end();
  };
  Daemon daemon(io_, config_, parts());
  boost::asio::steady_timer end(io_, std::chrono::milliseconds(500));
  end.async_wait([&](const boost::system::error_code&) {
    EXPECT_GT(receive(), 0U) << "templates";
    EXPECT_EQ(receive(), 16U + 4U + 62U) << "sent before the daemon stops";
    io_.stop();
  });
  EXPECT_EQ(daemon.run(), 0);
}

TEST_F(DaemonTest, FailsWithStatusOneButStillFlushes) {
  source_.on_start = [this](FlowSink& sink) {
    Flow one = flow();
    sink.on_flow(one);
    boost::asio::post(io_, [] { throw std::runtime_error("the file is damaged"); });
  };
  Daemon daemon(io_, config_, parts());
  EXPECT_EQ(daemon.run(), 1);
  receive();
  receive();
  EXPECT_EQ(receive(), 16U + 4U + 62U);
}

TEST_F(DaemonTest, FlushesWhatASourceDeliveredBeforeItFailedToStart) {
  source_.on_start = [](FlowSink& sink) {
    Flow one = flow();
    sink.on_flow(one);
    throw std::runtime_error("the file is damaged");
  };
  Daemon daemon(io_, config_, parts());
  EXPECT_EQ(daemon.run(), 1);
  receive();
  receive();
  EXPECT_EQ(receive(), 16U + 4U + 62U);
}

TEST_F(DaemonTest, EveryCollectorHasItsOwnProtocolAndDomain) {
  CollectorConfig second = config_.collectors[0];
  second.protocol = Protocol::kNetflow9;
  config_.collectors.push_back(second);
  source_.on_start = [](FlowSink& sink) { sink.on_source_end(); };
  Daemon daemon(io_, config_, parts());
  EXPECT_EQ(daemon.run(), 0);
  // Options and templates of IPFIX, then of NetFlow v9, whose header is 4 octets longer.
  std::array<std::size_t, 4> lengths{};
  for (std::size_t& length : lengths) length = receive();
  constexpr std::size_t kStatistics = 26 + 22 + 26;  // their Options Templates
  EXPECT_EQ(lengths[0], 16U + 22U + 4U + 9U + kStatistics);
  EXPECT_EQ(lengths[2], 20U + 24U + 4U + 12U + 28U);
}

/// Reloads once `source_` has started, then lets the test look and stops.
class ReloadTest : public DaemonTest {
 protected:
  /// A second socket to receive at.
  udp::socket other_{io_, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};

  CollectorConfig other_collector() {
    CollectorConfig other = config_.collectors[0];
    other.name = "other";
    other.port = other_.local_endpoint().port();
    return other;
  }

  /// Sends a flow before the reload to `next`, and one after it. Returns the status.
  int run_with(const Config& next) {
    load_ = [next] { return next; };
    return run_reloading();
  }

  int run_reloading() {
    source_.on_start = [this](FlowSink& sink) {
      sink_ = &sink;
      deliver();
      std::raise(SIGHUP);
    };
    Daemon daemon(io_, config_, parts());
    boost::asio::steady_timer end(io_, std::chrono::milliseconds(200));
    end.async_wait([this](const boost::system::error_code&) {
      deliver();
      io_.stop();
    });
    return daemon.run();
  }

  void deliver() {
    Flow one = flow();
    sink_->on_flow(one);
  }

  /// Source ports that messages of flows came from, and their sequence numbers.
  std::vector<std::pair<std::uint16_t, std::uint32_t>> flow_messages(udp::socket& socket) {
    std::vector<std::pair<std::uint16_t, std::uint32_t>> found;
    for (;;) {
      std::array<std::byte, 2048> message{};
      sockaddr_in from{};
      socklen_t length = sizeof from;
      const ssize_t size = recvfrom(socket.native_handle(), message.data(), message.size(),
                                    MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &length);
      if (size <= 0) return found;
      constexpr ssize_t kOneFlow = 16 + 4 + 62;
      if (size < kOneFlow) continue;
      // Data Sets have numbers from 256 on, templates and options do not (RFC 7011 section 3.3.2).
      if (message[16] == std::byte{0}) continue;
      found.emplace_back(ntohs(from.sin_port), std::to_integer<std::uint32_t>(message[11]));
    }
  }

  FlowSink* sink_ = nullptr;
};

TEST_F(ReloadTest, AddsACollector) {
  Config next = config_;
  next.collectors.push_back(other_collector());
  EXPECT_EQ(run_with(next), 0);
  EXPECT_EQ(flow_messages(other_).size(), 1U);
}

TEST_F(ReloadTest, SendsWhatARemovedCollectorHasToGet) {
  Config next = config_;
  next.collectors = {other_collector()};
  EXPECT_EQ(run_with(next), 0);
  EXPECT_EQ(flow_messages(collector_).size(), 1U);
  EXPECT_EQ(flow_messages(other_).size(), 1U);
}

TEST_F(ReloadTest, LeavesTheSessionOfAnUnchangedCollectorAlone) {
  config_.collectors[0].flush_after = std::chrono::milliseconds(1);
  Config next = config_;
  next.collectors.push_back(other_collector());
  EXPECT_EQ(run_with(next), 0);
  const auto messages = flow_messages(collector_);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].first, messages[1].first) << "the source port";
  EXPECT_EQ(messages[1].second, messages[0].second + 1) << "the sequence number";
}

TEST_F(ReloadTest, LeavesTheSessionAloneOfACollectorThatHasAnotherPlaceInTheList) {
  config_.collectors[0].flush_after = std::chrono::milliseconds(1);
  const Config next = config_;
  config_.collectors.insert(config_.collectors.begin(), other_collector());
  EXPECT_EQ(run_with(next), 0);
  const auto messages = flow_messages(collector_);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].first, messages[1].first) << "the source port";
  EXPECT_EQ(flow_messages(other_).size(), 1U);
}

TEST_F(ReloadTest, TellsTheSourceWhichConnectionsAreToItsCollectors) {
  Config next = config_;
  next.collectors.push_back(other_collector());
  EXPECT_EQ(run_with(next), 0);
  ASSERT_EQ(source_.own_traffic.size(), 2U);
  for (const OwnConnection& own : source_.own_traffic) {
    EXPECT_EQ(own.protocol, IPPROTO_UDP);
    EXPECT_EQ(own.local.octets[0], 127);
    EXPECT_TRUE(own.remote_port == config_.collectors[0].port ||
                own.remote_port == other_collector().port);
  }
}

TEST_F(ReloadTest, GivesACollectorNewTemplatesWhenTheKernelHasBegunToMeasure) {
  config_.collectors[0].flush_after = std::chrono::milliseconds(1);
  load_ = [this] {
    source_.measured.origin = MeasurementOrigin::kKernelPatch;
    return config_;
  };
  EXPECT_EQ(run_reloading(), 0);
  const auto messages = flow_messages(collector_);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_NE(messages[0].first, messages[1].first) << "the source port of a new session";
}

TEST_F(ReloadTest, KeepsWhatRunsWhenTheConfigurationIsBad) {
  load_ = []() -> Config { throw ConfigError("ctflowd.yaml:1:1: something is missing"); };
  EXPECT_EQ(run_reloading(), 0);
  EXPECT_EQ(flow_messages(collector_).size(), 1U) << "both flows in one message";
}

TEST_F(ReloadTest, KeepsWhatRunsWhenNoOutputWouldBeLeftBeforeARestart) {
  Config next = config_;
  next.collectors.clear();
  next.nat_log.retention = std::chrono::days(1);  // which a reload does not begin
  EXPECT_EQ(run_with(next), 0);
  EXPECT_EQ(flow_messages(collector_).size(), 1U) << "both flows in one message";
}

TEST_F(ReloadTest, LooksAgainAtWhatTheNumbersDependOn) {
  EXPECT_EQ(run_with(config_), 0);
  EXPECT_EQ(checks_, 2);
}

TEST_F(ReloadTest, TellsTheSourceWhetherACollectorWantsSessions) {
  Config next = config_;
  next.collectors[0].profile = Profile::kNatEvents;
  EXPECT_EQ(run_with(next), 0);
  EXPECT_TRUE(source_.nat_events);
}

TEST_F(ReloadTest, ChangesTheInterfaces) {
  Config next = config_;
  next.interfaces.lookup = InterfaceLookup::kConstant;
  next.interfaces.ingress = 77;
  load_ = [next] { return next; };
  Interfaces after;
  source_.on_stop = [&](FlowSink& sink) {
    Flow last = flow();
    sink.on_flow(last);
    after = last.original_interfaces;
  };
  EXPECT_EQ(run_reloading(), 0);
  EXPECT_EQ(after.ingress, 77U);
}

TEST_F(ReloadTest, ManyReloadsAtOnceLoseNothing) {
  source_.on_start = [this](FlowSink& sink) {
    sink_ = &sink;
    for (int i = 0; i < 50; ++i) {
      boost::asio::post(io_, [this] {
        deliver();
        std::raise(SIGHUP);
      });
    }
  };
  Daemon daemon(io_, config_, parts());
  boost::asio::steady_timer end(io_, std::chrono::milliseconds(300));
  end.async_wait([this](const boost::system::error_code&) { io_.stop(); });
  EXPECT_EQ(daemon.run(), 0);
  std::size_t octets = 0;
  for (;;) {
    std::array<std::byte, 2048> message{};
    const ssize_t size =
        recv(collector_.native_handle(), message.data(), message.size(), MSG_DONTWAIT);
    if (size <= 0) break;
    octets += static_cast<std::size_t>(size);
  }
  EXPECT_GT(octets, 50U * 62U);
}

/// With network namespaces a, b and c, where b is not there at first.
class NamespacesTest : public DaemonTest, public testing::WithParamInterface<Threads> {
 protected:
  void SetUp() override {
    config_.threads = GetParam();
    std::thread([this] {
      for (int& file : files_) {
        if (unshare(CLONE_NEWNET) != 0) return;
        file = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
      }
    }).join();
    if (files_.back() < 0) GTEST_SKIP() << "network namespaces need root";
    for (const char* const name : {"a", "b", "c"}) {
      NamespaceConfig one;
      one.name = name;
      one.file = directory_.path(name);
      config_.namespaces.push_back(one);
    }
    appear(0);
    appear(2);
  }
  ~NamespacesTest() override {
    for (const int file : files_) close(file);
  }

  void appear(std::size_t which) {
    std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(files_.at(which)),
                                    config_.namespaces[which].file);
  }

  test::TemporaryDirectory directory_;
  std::array<int, 3> files_{-1, -1, -1};
};

INSTANTIATE_TEST_SUITE_P(In, NamespacesTest, testing::Values(Threads::kOne, Threads::kNamespaces),
                         [](const auto& one) {
                           return one.param == Threads::kOne ? "OneThread" : "ThreadsOfTheirOwn";
                         });

TEST_P(NamespacesTest, HaveTheirOwnSettingsWhenOneIsClosedDuringAReload) {
  config_.interfaces.lookup = InterfaceLookup::kRoutes;  // so that it does not start at once
  Daemon::Parts settings = parts();
  int failed = 0;
  settings.make_source = [&](boost::asio::io_context&, const Config& config,
                             const NetworkNamespace&) {
    auto source = std::make_unique<ScriptedSource>();
    if (config.collectors[0].name != "test@b") return source;
    if (failed == 0) std::raise(SIGHUP);
    source->on_start = [&](FlowSink&) {
      if (failed++ == 0) throw std::runtime_error("cannot be started now");
    };
    return source;
  };
  load_ = [this] {
    Config next = config_;
    next.collectors.push_back(config_.collectors[0]);
    next.collectors[1].name = "other";
    next.collectors[1].address = "localhost";  // a reload waits for the answer
    return next;
  };
  Daemon daemon(io_, config_, std::move(settings));
  boost::asio::steady_timer later(io_, std::chrono::milliseconds(100));
  later.async_wait([this](const boost::system::error_code&) { appear(1); });
  std::vector<NamespaceStatus> found;
  const auto complete = [&] {
    return found.size() == 3 && std::all_of(found.begin(), found.end(), [](const auto& one) {
             return one.outputs.size() == 2;
           });
  };
  boost::asio::steady_timer again(io_);
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  const std::function<void(const boost::system::error_code&)> look = [&](const auto&) {
    found = daemon.status().namespaces;
    if (complete() || std::chrono::steady_clock::now() > latest) return io_.stop();
    again.expires_after(std::chrono::milliseconds(20));
    again.async_wait(look);
  };
  look({});
  EXPECT_EQ(daemon.run(), 0);
  EXPECT_GT(failed, 0);
  ASSERT_EQ(found.size(), 3U) << "b was opened again";
  for (const NamespaceStatus& one : found) {
    ASSERT_EQ(one.outputs.size(), 2U) << one.name;
    EXPECT_EQ(one.outputs[0].name, "test@" + one.name);
    EXPECT_EQ(one.outputs[1].name, "other@" + one.name);
  }
}

TEST_P(NamespacesTest, FlushAllWhenOneOfThemFails) {
  Daemon::Parts settings = parts();
  std::vector<ScriptedSource*> sources;
  settings.make_source = [&](boost::asio::io_context& loop, const Config& config,
                             const NetworkNamespace&) {
    auto source = std::make_unique<ScriptedSource>();
    sources.push_back(source.get());
    source->on_start = [&loop, fails = config.collectors[0].name == "test@c"](FlowSink& sink) {
      Flow one = flow();
      sink.on_flow(one);
      if (!fails) return;
      boost::asio::post(loop, [] { throw std::runtime_error("the file is damaged"); });
    };
    return source;
  };
  config_.collectors[0].sampling_options = config_.collectors[0].statistics_options = false;
  Daemon daemon(io_, config_, std::move(settings));
  EXPECT_EQ(daemon.run(), 1);
  EXPECT_FALSE(daemon.runs_on());
  ASSERT_EQ(sources.size(), 2U);
  for (const ScriptedSource* const one : sources) EXPECT_EQ(one->stops, 1);
  std::multiset<std::size_t> lengths;
  for (int i = 0; i < 4; ++i) lengths.insert(receive());
  EXPECT_EQ(lengths.count(16U + 4U + 62U), 2U) << "the flow of each";
}

/// Namespaces with threads, of which a has a handler that runs until release().
class StuckNamespaceTest : public NamespacesTest {
 protected:
  Daemon::Parts parts_with_a_stuck() {
    Daemon::Parts settings = parts();
    settings.make_source = [this](boost::asio::io_context& loop, const Config& config,
                                  const NetworkNamespace&) {
      auto source = std::make_unique<ScriptedSource>();
      const bool stuck = config.collectors[0].name == "test@a";
      source->on_start = [this, &loop, stuck](FlowSink&) {
        if (stuck) boost::asio::post(loop, [this] { released_.wait(); });
      };
      return source;
    };
    return settings;
  }

  void release() { release_.set_value(); }

  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

INSTANTIATE_TEST_SUITE_P(In, StuckNamespaceTest, testing::Values(Threads::kNamespaces),
                         [](const auto&) { return "ThreadsOfTheirOwn"; });

TEST_P(StuckNamespaceTest, LetsTheWatchdogBark) {
  test::NotifySocket systemd(test::abstract_name());
  setenv("WATCHDOG_USEC", "100000", 1);
  unsetenv("WATCHDOG_PID");
  Daemon daemon(io_, config_, parts_with_a_stuck());
  int alive_while_stuck = 0;
  int alive = 0;
  const auto count = [&](int& messages) {
    for (std::string text = systemd.receive(); !text.empty(); text = systemd.receive()) {
      if (text == "WATCHDOG=1") ++messages;
    }
  };
  boost::asio::steady_timer timer(io_, std::chrono::milliseconds(600));
  timer.async_wait([&](const boost::system::error_code&) {
    count(alive_while_stuck);
    release();
    timer.expires_after(std::chrono::milliseconds(600));
    timer.async_wait([&](const boost::system::error_code&) {
      count(alive);
      io_.stop();
    });
  });
  EXPECT_EQ(daemon.run(), 0);
  unsetenv("WATCHDOG_USEC");
  EXPECT_LE(alive_while_stuck, 1) << "what was asked before it was stuck";
  EXPECT_GE(alive, 2);
}

TEST_P(StuckNamespaceTest, IsGivenUpAtTheEndWhileTheOthersFlush) {
  Daemon daemon(io_, config_, parts_with_a_stuck());
  boost::asio::steady_timer end(io_, std::chrono::milliseconds(500));
  end.async_wait([&](const boost::system::error_code&) { io_.stop(); });
  EXPECT_EQ(daemon.run(), 1);
  EXPECT_TRUE(daemon.runs_on());
  EXPECT_EQ(daemon.status().namespaces.size(), 1U) << "c";
  release();
}

TEST_F(DaemonTest, GivesAConnectionAMomentToTakeWhatWaits) {
  test::StreamCollector collector(io_);
  config_.collectors[0].transport = TransportKind::kTcp;
  config_.collectors[0].port = collector.port();
  source_.on_start = [](FlowSink& sink) {
    Flow one = flow();
    sink.on_flow(one);
    sink.on_source_end();  // before there is a connection
  };
  {
    Daemon daemon(io_, config_, parts());
    EXPECT_EQ(daemon.run(), 0);
  }
  ASSERT_TRUE(test::run_until(io_, [&] { return collector.received(0).ended; }));
  const auto messages = collector.received(0).messages();
  ASSERT_EQ(messages.size(), 3U) << "options, templates, and the flow";
  EXPECT_EQ(messages[2].size(), 16U + 4U + 62U);
  EXPECT_EQ(test::sequence_of(messages[2]), 1U);
}

TEST_F(DaemonTest, SendsWhatANamespaceHasWhenItsSourceCannotBeClosed) {
  source_.on_start = [](FlowSink& sink) {
    Flow one = flow();
    sink.on_flow(one);
  };
  source_.on_stop = [](FlowSink&) { throw std::runtime_error("cannot be stopped now"); };
  NamespaceExporter branch(io_, config_, nullptr, parts().make_source,
                           std::make_shared<const OriginDatabases>(io_, databases_of(config_)));
  branch.start();
  RetiredOutputs heirs(io_);
  EXPECT_NO_THROW(branch.leave(heirs));
  EXPECT_GT(receive(), 0U) << "options";
  EXPECT_GT(receive(), 0U) << "templates";
  EXPECT_EQ(receive(), 16U + 4U + 62U);
}

TEST_F(DaemonTest, StopsSoonWhenACollectorTakesNothing) {
  test::StreamCollector collector(io_, 0, 4096);
  collector.set_reading(false);
  config_.collectors[0].transport = TransportKind::kTcp;
  config_.collectors[0].port = collector.port();
  source_.on_start = [](FlowSink& sink) {
    Flow one = flow();
    for (int i = 0; i < test::rounds(50'000); ++i) sink.on_flow(one);
    sink.on_source_end();
  };
  Daemon daemon(io_, config_, parts());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(daemon.run(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

TEST_F(DaemonTest, LetsAConnectionEndInPeaceWhenAReloadChangesItsCollector) {
  test::StreamCollector collector(io_);
  config_.collectors[0].transport = TransportKind::kTcp;
  config_.collectors[0].port = collector.port();
  source_.on_start = [this](FlowSink& sink) {
    Flow one = flow();
    sink.on_flow(one);  // waits: there is no connection yet
    load_ = [this] {
      Config changed = config_;
      changed.collectors[0].max_message_size = 1000;
      return changed;
    };
    std::raise(SIGHUP);
  };
  boost::asio::steady_timer end(io_, std::chrono::milliseconds(500));
  end.async_wait([](const boost::system::error_code&) { std::raise(SIGTERM); });
  Daemon daemon(io_, config_, parts());
  EXPECT_EQ(daemon.run(), 0);
  ASSERT_TRUE(test::run_until(io_, [&] {
    return collector.connections() == 2 && collector.received(0).ended &&
           collector.received(1).ended;
  }));
  EXPECT_EQ(collector.received(0).messages().size() + collector.received(1).messages().size(), 5U)
      << "options and templates twice, and the flow once";
}

}  // namespace
}  // namespace ctflow
