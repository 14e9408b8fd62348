// SPDX-License-Identifier: GPL-2.0-or-later
// How large the rows of the NAT log are, how fast they are written, and how long a look-up takes:
// nat_rows DIRECTORY [ROWS [PUBLIC_ADDRESSES [by_key]]]. The directory must be empty; it is left
// there, so that the look-up can be repeated after `echo 3 > /proc/sys/vm/drop_caches`, with 0
// rows. `by_key`: in the order of the key, which fills pages without gaps and writes no page twice:
// for the look-up in more rows than one would wait for.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <string_view>

#include "nat_log/day_file.hpp"
#include "nat_log/look_up.hpp"

namespace {

using namespace ctflow;
using SteadyClock = std::chrono::steady_clock;

constexpr nat::Moment kDay{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};

double seconds_since(SteadyClock::time_point began) {
  return std::chrono::duration<double>(SteadyClock::now() - began).count();
}

IpAddress ipv4(std::uint32_t value) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) {
    address.octets[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  }
  return address;
}

constexpr std::uint64_t kMillisecondsOfDay = 86'400'000;
constexpr unsigned kFirstPort = 1024;
constexpr unsigned kPorts = 64'512;

/// Of a random inside host and port.
nat::Translation translation(std::mt19937& random, std::uint32_t address, std::uint8_t protocol,
                             std::uint16_t port) {
  nat::Translation one;
  one.family = AddressFamily::kIpv4;
  one.protocol = protocol;
  one.inside = {ipv4(0x64400000U + static_cast<std::uint32_t>(random()) % 65536U),
                static_cast<std::uint16_t>(32768 + random() % 28232)};
  one.public_end = {ipv4(0xCB007100U + address), port};
  one.id = static_cast<std::uint32_t>(random());
  return one;
}

struct Open {
  nat::Translation translation;
  nat::Moment began;
};

/// A day of connections at an even rate, each of which lives as long as the next 20 000 take to
/// begin. Ports and inside hosts are random.
void write(nat::DayFile& file, std::uint64_t rows, std::uint32_t addresses) {
  std::mt19937 random(1);
  std::deque<Open> open;
  constexpr std::uint64_t kTransaction = 5000;
  constexpr std::size_t kAtOnce = 20'000;
  for (std::uint64_t i = 0; i < rows; ++i) {
    file.begin(false);
    const std::uint32_t address = static_cast<std::uint32_t>(random()) % addresses;
    const nat::Translation one =
        translation(random, address, random() % 4 == 0 ? 17 : 6,
                    static_cast<std::uint16_t>(kFirstPort + random() % kPorts));
    const auto offset = std::chrono::milliseconds(i * kMillisecondsOfDay / rows);
    open.push_back({one, kDay + offset});
    file.insert(one, kDay + offset, std::nullopt, 0, false);
    if (open.size() > kAtOnce) {
      file.end(open.front().translation, open.front().began, kDay + offset, 0);
      open.pop_front();
    }
    if (i % kTransaction == kTransaction - 1) file.commit();
  }
  file.begin(true);
  for (const Open& one : open) {
    file.end(one.translation, one.began, kDay + std::chrono::hours(24), 0);
  }
  file.set_last_commit(kDay + std::chrono::hours(48));
  file.commit();
}

/// As many for each port of each address, of TCP and of UDP, in the order of the key. They begin at
/// even times and live until the next begins.
void write_by_key(nat::DayFile& file, std::uint64_t rows, std::uint32_t addresses) {
  std::mt19937 random(1);
  const std::uint64_t each =
      std::max<std::uint64_t>(1, rows / (std::uint64_t{2} * kPorts * addresses));
  for (std::uint32_t address = 0; address < addresses; ++address) {
    for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
      for (unsigned port = kFirstPort; port < kFirstPort + kPorts; ++port) {
        file.begin(false);
        for (std::uint64_t i = 0; i < each; ++i) {
          const auto began = kDay + std::chrono::milliseconds(i * kMillisecondsOfDay / each);
          const auto ended = kDay + std::chrono::milliseconds((i + 1) * kMillisecondsOfDay / each);
          file.insert(translation(random, address, protocol, static_cast<std::uint16_t>(port)),
                      began, ended, 0, false);
        }
        if (port % 256 == 255) file.commit();
      }
    }
  }
  file.begin(true);
  file.set_last_commit(kDay + std::chrono::hours(48));
  file.commit();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string directory = argv[1];
  const std::uint64_t rows = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  const auto addresses =
      static_cast<std::uint32_t>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 16);
  if (rows > 0) {
    const auto began = SteadyClock::now();
    {
      nat::DayFile file(directory, nat::day_of(kDay));
      if (argc > 4 && std::string_view(argv[4]) == "by_key") {
        write_by_key(file, rows, addresses);
      } else {
        write(file, rows, addresses);
      }
      file.seal();
    }
    const double took = seconds_since(began);
    const auto size =
        std::filesystem::file_size(directory + "/" + nat::file_name(nat::day_of(kDay)));
    std::cout << "rows " << rows << ", octets a row "
              << static_cast<double>(size) / static_cast<double>(rows) << ", rows a second "
              << static_cast<double>(rows) / took << "\n";
  }
  nat::Question question;
  question.who = {AddressFamily::kIpv4, ipv4(0xCB007103U), std::uint16_t{40213}};
  question.at = kDay + std::chrono::hours(22);
  question.now = kDay + std::chrono::hours(47);
  const auto began = SteadyClock::now();
  const nat::Answer answer = nat::look_up(directory, question);
  std::cout << "look-up " << seconds_since(began) * 1000 << " ms, rows that fit "
            << answer.found.size() << "\n";
  return 0;
}
