// SPDX-License-Identifier: GPL-2.0-or-later
// Several readers of the ends of one namespace's connections, each with a thread, a socket and a
// socket filter that lets pass its share of them. Does with an event as little as drain_only, but
// notes which connection it is of.
//
// usage: split_readers READERS BY MILLISECONDS RECEIVE_BUFFER
//
// BY is what the filter looks at: `tuple` (addresses and ports of the original tuple, at their
// places in an event of IPv4 with ports: the cheapest filter there can be), `id` (CTA_ID, which is
// looked for as events of all kinds need it) or `none` (there is no filter: for one reader).
// RECEIVE_BUFFER is divided among the readers. Connections are those of `connections`.
//
// Prints "ready", and at SIGTERM how many ends were read, how many of these for the second time or
// by a reader to whom they do not belong, and the fewest and the most that one reader had.
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "event_batch.hpp"

namespace {

volatile std::sig_atomic_t stopped = 0;

// Where an event of a connection of IPv4 has its original tuple.
constexpr std::uint32_t kAttributes = NLMSG_HDRLEN + sizeof(nfgenmsg);
constexpr std::uint32_t kSource = kAttributes + 12;
constexpr std::uint32_t kDestination = kAttributes + 20;
constexpr std::uint32_t kSourcePort = kAttributes + 40;
constexpr std::uint32_t kDestinationPort = kAttributes + 48;

using Filter = std::vector<sock_filter>;

sock_filter step(int code, std::uint32_t value = 0) {
  return BPF_STMT(static_cast<std::uint16_t>(code), value);
}

Filter hash_of_tuple() {
  constexpr std::uint32_t kOdd = 0x9e3779b1;
  constexpr int kExclusiveOr = BPF_ALU | BPF_XOR | BPF_X;
  return {step(BPF_LD | BPF_W | BPF_ABS, kSource),
          step(BPF_MISC | BPF_TAX),
          step(BPF_LD | BPF_W | BPF_ABS, kDestination),
          step(kExclusiveOr),
          step(BPF_MISC | BPF_TAX),
          step(BPF_LD | BPF_H | BPF_ABS, kSourcePort),
          step(BPF_ALU | BPF_LSH | BPF_K, 16),
          step(kExclusiveOr),
          step(BPF_MISC | BPF_TAX),
          step(BPF_LD | BPF_H | BPF_ABS, kDestinationPort),
          step(kExclusiveOr),
          step(BPF_ALU | BPF_MUL | BPF_K, kOdd),
          step(BPF_ALU | BPF_RSH | BPF_K, 16)};
}

Filter id() {
  return {step(BPF_LD | BPF_IMM, kAttributes), step(BPF_LDX | BPF_IMM, CTA_ID),
          step(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_NLATTR)),
          step(BPF_MISC | BPF_TAX), step(BPF_LD | BPF_W | BPF_IND, sizeof(nlattr))};
}

/// Lets pass what leaves `remainder` when divided by the number of readers.
void share(int descriptor, const std::string& by, std::uint32_t readers, std::uint32_t remainder) {
  if (by == "none") return;
  Filter filter = by == "id" ? id() : hash_of_tuple();
  filter.push_back(step(BPF_ALU | BPF_MOD | BPF_K, readers));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, remainder, 0, 1));
  filter.push_back(step(BPF_RET | BPF_K, UINT32_MAX));
  filter.push_back(step(BPF_RET | BPF_K, 0));
  const sock_fprog program{static_cast<std::uint16_t>(filter.size()), filter.data()};
  if (setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    throw std::system_error(errno, std::generic_category(), "SO_ATTACH_FILTER");
  }
}

/// A bit for each connection of `connections`.
class Seen {
 public:
  /// False if it was there before, or is none of them.
  bool add(const nlmsghdr& event) {
    if (event.nlmsg_len < kDestinationPort + sizeof(std::uint16_t)) return false;
    const std::uint64_t ports = (word(event, kSourcePort) - kFirstPort) * std::uint64_t{kPorts} +
                                word(event, kDestinationPort) - kFirstPort;
    if (ports >= kMost / 2) return false;
    const std::uint64_t number = ports * 2 + word(event, kSource + 2) % 2;  // one of two clients
    const std::uint64_t bit = std::uint64_t{1} << number % 64;
    return (words_[number / 64].fetch_or(bit, std::memory_order_relaxed) & bit) == 0;
  }

 private:
  static constexpr std::uint32_t kFirstPort = 1'000;
  static constexpr std::uint32_t kPorts = 60'000;
  static constexpr std::uint64_t kMost = std::uint64_t{1} << 25;

  static std::uint32_t word(const nlmsghdr& event, std::uint32_t place) {
    const auto* octets = reinterpret_cast<const std::uint8_t*>(&event) + place;
    return octets[0] * 256U + octets[1];
  }

  std::vector<std::atomic<std::uint64_t>> words_ =
      std::vector<std::atomic<std::uint64_t>>(kMost / 64);
};

struct Counts {
  std::uint64_t ends = 0;
  std::uint64_t again = 0;
  std::uint64_t overruns = 0;
};

void read_share(int descriptor, long delay, Seen& seen, Counts& result) {
  EventBatch batch;
  Counts counts;
  const auto take = [&](const nlmsghdr& event) {
    ++counts.ends;
    if (!seen.add(event)) ++counts.again;
  };
  while (stopped == 0) {
    if (wait_for_events(descriptor, delay)) counts.overruns += batch.drain(descriptor, take);
  }
  counts.overruns += batch.drain(descriptor, take);
  result = counts;
}

void run(std::uint32_t readers, const std::string& by, long delay, int buffer) {
  if (by == "none" && readers > 1) throw std::invalid_argument("several readers need a filter");
  std::vector<int> descriptors;
  for (std::uint32_t i = 0; i < readers; ++i) {
    descriptors.push_back(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    share(descriptors.back(), by, readers, i);
    if (!listen_for_ends(descriptors.back(), buffer / static_cast<int>(readers))) {
      throw std::system_error(errno, std::generic_category(), "bind");
    }
  }
  Seen seen;
  std::vector<Counts> counts(readers);
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < readers; ++i) {
    threads.emplace_back(read_share, descriptors[i], delay, std::ref(seen), std::ref(counts[i]));
  }
  std::puts("ready");
  std::fflush(stdout);
  for (std::thread& thread : threads) thread.join();
  Counts sum;
  std::uint64_t fewest = UINT64_MAX;
  std::uint64_t most = 0;
  for (const Counts& one : counts) {
    sum.ends += one.ends;
    sum.again += one.again;
    sum.overruns += one.overruns;
    fewest = std::min(fewest, one.ends);
    most = std::max(most, one.ends);
  }
  const auto wide = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("ends=%llu again=%llu overruns=%llu fewest=%llu most=%llu\n", wide(sum.ends),
              wide(sum.again), wide(sum.overruns), wide(fewest), wide(most));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: split_readers READERS tuple|id|none MILLISECONDS RECEIVE_BUFFER\n", stderr);
    return 2;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGTERM, &action, nullptr);
  try {
    run(static_cast<std::uint32_t>(std::stoul(argv[1])), argv[2], std::stol(argv[3]),
        std::stoi(argv[4]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "split_readers: %s\n", error.what());
    return 1;
  }
}
