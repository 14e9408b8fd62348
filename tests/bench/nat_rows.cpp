// SPDX-License-Identifier: GPL-2.0-or-later
// How large the rows of the NAT log are, how fast they are written, and how long a look-up takes:
// nat_rows DIRECTORY [ROWS [PUBLIC_ADDRESSES]]. The directory must be empty; it is left there, so
// that the look-up can be repeated after `echo 3 > /proc/sys/vm/drop_caches`, with 0 rows.
#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>

#include "nat_log/day_file.hpp"
#include "nat_log/look_up.hpp"

namespace {

using namespace ctflow;
using Clock = std::chrono::steady_clock;

constexpr nat::Moment kDay{std::chrono::sys_days(std::chrono::year(2026) / 11 / 23)};

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

IpAddress ipv4(std::uint32_t value) {
  IpAddress address;
  for (unsigned i = 0; i < 4; ++i) {
    address.octets[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  }
  return address;
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
    nat::Translation one;
    one.family = AddressFamily::kIpv4;
    one.protocol = random() % 4 == 0 ? 17 : 6;
    one.inside = {ipv4(0x64400000U + static_cast<std::uint32_t>(random()) % 65536U),
                  static_cast<std::uint16_t>(32768 + random() % 28232)};
    one.public_end = {ipv4(0xCB007100U + static_cast<std::uint32_t>(random()) % addresses),
                      static_cast<std::uint16_t>(1024 + random() % 64512)};
    one.id = static_cast<std::uint32_t>(random());
    const auto offset = std::chrono::milliseconds(i * 86'400'000 / rows);
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

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string directory = argv[1];
  const std::uint64_t rows = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  const auto addresses =
      static_cast<std::uint32_t>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 16);
  if (rows > 0) {
    const auto began = Clock::now();
    {
      nat::DayFile file(directory, nat::day_of(kDay));
      write(file, rows, addresses);
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
  const auto began = Clock::now();
  const nat::Answer answer = nat::look_up(directory, question);
  std::cout << "look-up " << seconds_since(began) * 1000 << " ms, rows that fit "
            << answer.found.size() << "\n";
  return 0;
}
