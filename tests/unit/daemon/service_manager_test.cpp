// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "support/notify_socket.hpp"

namespace ctflow {
namespace {

using test::abstract_name;
using test::NotifySocket;

TEST(ServiceManager, HearsWhatHappens) {
  NotifySocket systemd(abstract_name());
  service_manager::ready();
  EXPECT_EQ(systemd.receive(), "READY=1");
  service_manager::stopping();
  EXPECT_EQ(systemd.receive(), "STOPPING=1");
  service_manager::alive();
  EXPECT_EQ(systemd.receive(), "WATCHDOG=1");
  EXPECT_EQ(systemd.receive(), "");
}

TEST(ServiceManager, HearsWhenAReloadBegan) {
  NotifySocket systemd(abstract_name());
  const auto microseconds = [] {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  };
  const auto before = microseconds();
  service_manager::reloading();
  const auto after = microseconds();
  const std::string text = systemd.receive();
  const std::string begin = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_EQ(text.substr(0, begin.size()), begin);
  const long long said = std::stoll(text.substr(begin.size()));
  EXPECT_GE(said, before);
  EXPECT_LE(said, after);
}

TEST(ServiceManager, MayListenAtAPathOrAnAbstractNameOfAnyLength) {
  const std::string directory = testing::TempDir();
  const std::string path = directory + (directory.back() == '/' ? "" : "/") + "ctflowd-notify-" +
                           std::to_string(getpid());
  constexpr std::size_t kOfPath = sizeof(sockaddr_un::sun_path);
  const std::string name = abstract_name();
  for (const std::string& one : {path, path + std::string(kOfPath - 1 - path.size(), 'x'), name,
                                 name + std::string(kOfPath - name.size(), 'x')}) {
    NotifySocket systemd(one);
    service_manager::ready();
    EXPECT_EQ(systemd.receive(), "READY=1") << one;
  }
}

TEST(ServiceManager, NeedNotBeThere) {
  unsetenv("NOTIFY_SOCKET");
  service_manager::ready();
  NotifySocket systemd(abstract_name());
  const std::string too_long(sizeof(sockaddr_un::sun_path), 'x');
  for (const std::string& name :
       {std::string(), std::string("@"), std::string("/"), abstract_name().substr(1),
        "./" + abstract_name(), std::string("/nowhere/ctflowd-notify"), "@" + too_long,
        "/" + too_long, std::string("vsock:2:1234")}) {
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
    service_manager::ready();
    EXPECT_EQ(systemd.receive(), "") << name;
  }
}

// Else a service manager that hangs would stop the export.
TEST(ServiceManager, IsNotWaitedForLong) {
  NotifySocket systemd(abstract_name());
  constexpr int kMoreThanQueued = 5000;  // net.unix.max_dgram_qlen is 512 at most on usual systems
  const auto begin = std::chrono::steady_clock::now();
  int sent = 0;
  auto last = begin;
  for (; sent < kMoreThanQueued; ++sent) {
    service_manager::alive();
    const auto now = std::chrono::steady_clock::now();
    if (now - last > std::chrono::milliseconds(500)) break;
    last = now;
  }
  EXPECT_LT(sent, kMoreThanQueued) << "the queue never was full";
  EXPECT_LT(std::chrono::steady_clock::now() - last, std::chrono::seconds(10));
  EXPECT_EQ(systemd.receive(), "WATCHDOG=1");
}

class WatchdogTest : public testing::Test {
 protected:
  void TearDown() override {
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
  }
};

TEST_F(WatchdogTest, IsOffWithoutItsTime) {
  EXPECT_EQ(service_manager::watchdog_interval().count(), 0);
  for (const char* const wrong :
       {"", "-1", "3000000x", " 3000000", "1e6", "18446744073709551615", "18446744073709551616"}) {
    setenv("WATCHDOG_USEC", wrong, 1);
    EXPECT_EQ(service_manager::watchdog_interval().count(), 0) << '"' << wrong << '"';
  }
}

TEST_F(WatchdogTest, WantsToHearTwiceInItsTime) {
  setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(service_manager::watchdog_interval(), std::chrono::microseconds(1'500'000));
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(service_manager::watchdog_interval(), std::chrono::microseconds(1'500'000));
}

TEST_F(WatchdogTest, MayBeThatOfAnotherProcess) {
  setenv("WATCHDOG_USEC", "3000000", 1);
  for (const std::string& other : {std::to_string(getppid()), std::to_string(getpid()) + "0",
                                   std::string("-1"), std::string("self")}) {
    setenv("WATCHDOG_PID", other.c_str(), 1);
    EXPECT_EQ(service_manager::watchdog_interval().count(), 0) << other;
  }
}

}  // namespace
}  // namespace ctflow
