// SPDX-License-Identifier: GPL-2.0-or-later
// What systemd hears of this process.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace ctflow::test {

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

inline std::string abstract_name() { return "@ctflowd-test-" + std::to_string(getpid()); }

}  // namespace ctflow::test
