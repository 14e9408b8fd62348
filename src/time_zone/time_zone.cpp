// SPDX-License-Identifier: GPL-2.0-or-later
#include "time_zone/time_zone.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string_view>

#include "process/regular_file.hpp"
#include "wire/byte_order.hpp"

namespace ctflow {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;
using Octets = std::span<const std::uint8_t>;

constexpr std::size_t kHeader = 44;
constexpr std::size_t kTypeSize = 6;

template <typename Number>
Number number_at(Octets octets, std::size_t offset) {
  return wire::load<Number>(std::as_bytes(octets), offset);
}

/// The counts of a header (RFC 9636 section 3.1), and the size of the data behind it.
struct Header {
  std::uint64_t isut = 0;
  std::uint64_t isstd = 0;
  std::uint64_t leaps = 0;
  std::uint64_t times = 0;
  std::uint64_t types = 0;
  std::uint64_t characters = 0;
  std::uint8_t version = 0;

  [[nodiscard]] std::uint64_t data_size(std::size_t time_size) const {
    return times * time_size + times + types * kTypeSize + characters + leaps * (time_size + 4) +
           isstd + isut;
  }
};

std::optional<Header> header_at(Octets octets) {
  constexpr std::string_view kMagic = "TZif";
  constexpr std::size_t kCounts = 20;
  if (octets.size() < kHeader || !std::equal(kMagic.begin(), kMagic.end(), octets.begin())) {
    return std::nullopt;
  }
  const auto count = [&](std::size_t index) {
    return number_at<std::uint32_t>(octets, kCounts + index * 4);
  };
  return Header{count(0), count(1), count(2), count(3), count(4), count(5), octets[4]};
}

/// Empty: it cannot be read, or is none of these.
std::string contents_of(const std::string& name) {
  constexpr std::size_t kLongest = 1U << 20;
  try {
    std::string text = read_regular_file(name, kLongest).text;
    return text.size() > kLongest ? "" : text;
  } catch (const std::runtime_error&) {
    return "";
  }
}

std::optional<TimeZone> zone_file(const std::string& name) {
  const std::string text = contents_of(name);
  const std::vector<std::uint8_t> octets(text.begin(), text.end());
  return TimeZone::parse(octets);
}

std::optional<TimeZone> rule_zone(const std::string& text) {
  const std::optional<PosixRule> rule = parse_posix_rule(text);
  if (!rule) return std::nullopt;
  return TimeZone(*rule);
}

}  // namespace

std::optional<TimeZone> TimeZone::parse(Octets octets) {
  constexpr std::size_t kTime = 8;
  constexpr std::size_t kTime32 = 4;
  const std::optional<Header> first = header_at(octets);
  // Version 1 has 32-bit times, which later versions repeat with 64 bits.
  if (!first || first->version < '2') return std::nullopt;
  const std::uint64_t skip = kHeader + first->data_size(kTime32);
  if (skip > octets.size()) return std::nullopt;
  octets = octets.subspan(static_cast<std::size_t>(skip));
  const std::optional<Header> header = header_at(octets);
  if (!header || header->types == 0) return std::nullopt;
  if (header->data_size(kTime) > octets.size() - kHeader) return std::nullopt;
  const Octets data = octets.subspan(kHeader);
  const auto times = static_cast<std::size_t>(header->times);
  const Octets types = data.subspan(times * (kTime + 1));
  const auto offset_of = [&](std::size_t type) {
    return seconds(static_cast<std::int32_t>(number_at<std::uint32_t>(types, type * kTypeSize)));
  };
  TimeZone zone;
  zone.before_ = offset_of(0);
  for (std::size_t i = 0; i < times; ++i) {
    const std::uint8_t type = data[times * kTime + i];
    if (type >= header->types) return std::nullopt;
    const auto time = static_cast<std::int64_t>(number_at<std::uint64_t>(data, i * kTime));
    zone.transitions_.push_back({sys_seconds(seconds(time)), offset_of(type)});
  }
  const Octets footer = data.subspan(static_cast<std::size_t>(header->data_size(kTime)));
  const std::string text(footer.begin(), footer.end());
  const std::size_t end = text.find('\n', 1);
  if (text.empty() || text.front() != '\n' || end == std::string::npos) return std::nullopt;
  if (end > 1) {
    zone.rule_ = parse_posix_rule(std::string_view(text).substr(1, end - 1));
    if (!zone.rule_) return std::nullopt;
  }
  return zone;
}

std::optional<TimeZone> TimeZone::find(const std::string& name) {
  constexpr std::size_t kLongest = 100;
  if (name.empty()) return system();
  const bool file = name.size() <= kLongest && name.front() != '/' &&
                    name.find("..") == std::string::npos && name.find('\0') == std::string::npos;
  if (file) {
    if (auto zone = zone_file("/usr/share/zoneinfo/" + name)) return zone;
  }
  if (name == "UTC") return TimeZone();
  return rule_zone(name);
}

/// As the library of C finds it, and as OpenWrt keeps it.
std::optional<TimeZone> TimeZone::system() {
  const char* const variable = std::getenv("TZ");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  if (variable != nullptr && *variable != '\0') {
    const std::string name = variable;
    if (auto zone = find(name.front() == ':' ? name.substr(1) : name)) return zone;
  }
  if (auto zone = zone_file("/etc/localtime")) return zone;
  std::string text = contents_of("/etc/TZ");
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (auto zone = rule_zone(text)) return zone;
  return TimeZone();
}

seconds TimeZone::offset_at(sys_seconds time) const {
  const auto next =
      std::upper_bound(transitions_.begin(), transitions_.end(), time,
                       [](sys_seconds value, const Transition& one) { return value < one.from; });
  if (next == transitions_.end() && rule_) return rule_->offset_at(time);
  return next == transitions_.begin() ? before_ : std::prev(next)->offset;
}

}  // namespace ctflow
