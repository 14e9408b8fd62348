// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/service_manager.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

namespace ctflow {
namespace {

/// Listens where systemd would: `name` is that of $NOTIFY_SOCKET.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& name)
      : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    if (name.front() == '/') path_ = name;
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), length), 0) << name;
    // systemd believes the process that the kernel names.
    const int on = 1;
    EXPECT_EQ(setsockopt(socket_, SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~NotifySocket() {
    unsetenv("NOTIFY_SOCKET");
    close(socket_);
    if (!path_.empty()) unlink(path_.c_str());
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;
  NotifySocket(NotifySocket&&) = delete;
  NotifySocket& operator=(NotifySocket&&) = delete;

  /// Empty: nothing has come.
  std::string receive() {
    std::array<char, 512> text{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
    iovec part{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = recvmsg(socket_, &message, MSG_DONTWAIT);
    if (length <= 0) return "";
    ucred sender{};
    const cmsghdr* const header = CMSG_FIRSTHDR(&message);
    if (header != nullptr) std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
    EXPECT_EQ(sender.pid, getpid());
    return {text.data(), static_cast<std::size_t>(length)};
  }

 private:
  int socket_;
  std::string path_;
};

std::string abstract_name() { return "@ctflowd-test-" + std::to_string(getpid()); }

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
