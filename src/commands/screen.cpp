// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/screen.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace ctflow {

std::optional<std::size_t> rows_of_terminal() {
  if (isatty(STDOUT_FILENO) == 0) return std::nullopt;
  constexpr std::size_t kUsual = 24;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return kUsual;
  return size.ws_row;
}

bool colour_wanted() {
  const char* const refused = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) != 0 && (refused == nullptr || *refused == '\0');
}

std::string fit_rows(const std::string& text, std::size_t rows, std::string_view command) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (lines <= rows || rows < 2) return text;
  std::size_t end = 0;
  for (std::size_t shown = 0; shown + 1 < rows; ++shown) end = text.find('\n', end) + 1;
  // Without the end of the line, which would scroll the first one away.
  return text.substr(0, end) +
         fmt::format("… {} more lines: ctflowd {} shows all", lines - rows + 1, command);
}

std::string with_colour(const std::string& text, bool well) {
  const std::size_t end = std::min(text.find(" ("), text.size());
  constexpr const char* kGreen = "\x1b[1;32m";
  constexpr const char* kRed = "\x1b[1;31m";
  return fmt::format("{}{}\x1b[0m{}", well ? kGreen : kRed, text.substr(0, end), text.substr(end));
}

}  // namespace ctflow
