// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace ctflow {
namespace {

/// Listens where systemd would.
class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const std::string name = "@ctflowd-test-" + std::to_string(getpid());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), length), 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    close(socket_);
  }

  std::string receive() const {
    std::array<char, 512> text{};
    const ssize_t length = recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
    return length > 0 ? std::string(text.data(), static_cast<std::size_t>(length)) : "";
  }

  int socket_;
};

TEST_F(ServiceManagerTest, IsToldWhatHappens) {
#ifdef CTFLOWD_SYSTEMD
  service_manager::ready();
  EXPECT_EQ(receive(), "READY=1");
  service_manager::reloading();
  EXPECT_EQ(receive().rfind("RELOADING=1\nMONOTONIC_USEC=", 0), 0U);
  service_manager::stopping();
  EXPECT_EQ(receive(), "STOPPING=1");
  service_manager::alive();
  EXPECT_EQ(receive(), "WATCHDOG=1");
#else
  service_manager::ready();
  EXPECT_EQ(receive(), "");
#endif
}

TEST_F(ServiceManagerTest, IsNotBotheredWithoutAWatchdog) {
  EXPECT_EQ(service_manager::watchdog_interval().count(), 0);
}

#ifdef CTFLOWD_SYSTEMD
TEST_F(ServiceManagerTest, WantsToHearTwiceInTheWatchdogsTime) {
  setenv("WATCHDOG_USEC", "3000000", 1);
  EXPECT_EQ(service_manager::watchdog_interval(), std::chrono::microseconds(1'500'000));
}
#endif

}  // namespace
}  // namespace ctflow
