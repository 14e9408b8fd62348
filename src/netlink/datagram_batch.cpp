// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/datagram_batch.hpp"

#include <algorithm>
#include <cerrno>

namespace ctflow {

DatagramBatch::DatagramBatch(std::size_t count, std::size_t size)
    : size_(size),
      storage_(std::make_unique_for_overwrite<std::byte[]>(count * size)),
      datagrams_(count),
      vectors_(count),
      senders_(count),
      headers_(count) {
  for (std::size_t i = 0; i < count; ++i) {
    vectors_[i] = {storage_.get() + i * size, size};
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &senders_[i];
  }
}

std::span<const Datagram> DatagramBatch::receive(int socket, std::error_code& error) {
  error.clear();
  for (mmsghdr& header : headers_) {
    header.msg_hdr.msg_namelen = sizeof(sockaddr_nl);
    header.msg_hdr.msg_flags = 0;
  }
  const int count = recvmmsg(socket, headers_.data(), static_cast<unsigned int>(headers_.size()),
                             MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) error.assign(errno, std::generic_category());
    return {};
  }
  const auto received = static_cast<std::size_t>(count);
  for (std::size_t i = 0; i < received; ++i) {
    const std::size_t length = std::min<std::size_t>(headers_[i].msg_len, size_);
    datagrams_[i].bytes = Bytes(storage_.get() + i * size_, length);
    datagrams_[i].truncated = (headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    datagrams_[i].from_kernel = senders_[i].nl_pid == 0;
  }
  return std::span<const Datagram>(datagrams_).first(received);
}

}  // namespace ctflow
