// SPDX-License-Identifier: GPL-2.0-or-later
#include "netlink/conntrack_settings.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "text/number_text.hpp"

namespace ctflow {
namespace {

std::error_code system_error(int error) { return {error, std::generic_category()}; }

/// read(2), repeated when a signal interrupted it.
ssize_t read_file(int file, char* text, std::size_t size) {
  while (true) {
    const ssize_t length = read(file, text, size);
    if (length >= 0 || errno != EINTR) return length;
  }
}

}  // namespace

SettingsReader::SettingsReader(const std::string& directory)
    : directory_(open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!directory_.is_open()) error_ = system_error(errno);
}

std::error_code SettingsReader::read(const char* name, std::uint32_t& value) const {
  if (!directory_.is_open()) return error_;
  const Descriptor file(openat(directory_.number(), name, O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return system_error(errno);
  std::array<char, 32> text{};
  const ssize_t length = read_file(file.number(), text.data(), text.size());
  const int error = length < 0 ? errno : 0;
  if (error != 0) return system_error(error);
  const std::string_view whole(text.data(), static_cast<std::size_t>(length));
  const auto number = text::parse_number<std::uint32_t>(whole.substr(0, whole.find('\n')));
  if (!number) return system_error(EINVAL);
  value = *number;
  return {};
}

std::optional<std::uint32_t> conntrack_setting(const std::string& directory, const char* name) {
  std::uint32_t value = 0;
  if (SettingsReader(directory).read(name, value)) return std::nullopt;
  return value;
}

std::uint32_t events_mode(const std::string& directory) {
  return conntrack_setting(directory, "nf_conntrack_events").value_or(0);
}

std::size_t table_limit(const std::string& directory) {
  return conntrack_setting(directory, "nf_conntrack_max").value_or(0);
}

std::size_t table_size(const std::string& directory) {
  return conntrack_setting(directory, "nf_conntrack_count").value_or(0);
}

}  // namespace ctflow
