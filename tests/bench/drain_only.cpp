// SPDX-License-Identifier: GPL-2.0-or-later
// The floor of all readers of ends of connections: takes each event out of the kernel and looks no
// further than at the headers. Like them it lets events gather for a while before it reads.
//
// usage: drain_only [MILLISECONDS [RECEIVE_BUFFER]]
//
// Prints "ready", and at SIGTERM how many ends it has read and how often the kernel had no room.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "event_batch.hpp"

namespace {

volatile std::sig_atomic_t stopped = 0;

}  // namespace

int main(int argc, char** argv) {
  const long delay = argc > 1 ? std::atol(argv[1]) : 2;
  const int buffer = argc > 2 ? std::atoi(argv[2]) : 32 << 20;
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &action, nullptr);
  const int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (descriptor < 0 || !listen_for_ends(descriptor, buffer)) {
    std::perror("drain_only");
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  EventBatch batch;
  std::uint64_t ends = 0;
  std::uint64_t overruns = 0;
  const auto count = [&ends](const nlmsghdr&) { ++ends; };
  while (stopped == 0) {
    if (wait_for_events(descriptor, delay)) overruns += batch.drain(descriptor, count);
  }
  overruns += batch.drain(descriptor, count);
  std::printf("ends=%llu overruns=%llu\n", static_cast<unsigned long long>(ends),
              static_cast<unsigned long long>(overruns));
}
