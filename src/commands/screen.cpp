// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/screen.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "text/columns.hpp"

namespace ctflow {

std::optional<TerminalSize> size_of_terminal() {
  if (isatty(STDOUT_FILENO) == 0) return std::nullopt;
  constexpr std::size_t kUsualRows = 24;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  return TerminalSize{size.ws_row == 0 ? kUsualRows : size.ws_row,
                      size.ws_col == 0 ? text::kColumns : size.ws_col};
}

void clear_screen(std::ostream& out) { out << "\x1b[H\x1b[2J"; }

bool colour_wanted() {
  const char* const refused = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) != 0 && (refused == nullptr || *refused == '\0');
}

std::string fit_screen(const std::string& text, TerminalSize size, std::string_view command) {
  constexpr std::size_t kIndent = 2;
  // A line that the terminal breaks takes rows, too, and the first ones, with the verdict, go.
  std::string broken = text::wrapped(text, kIndent, size.columns);
  const auto lines = static_cast<std::size_t>(std::count(broken.begin(), broken.end(), '\n'));
  if (lines <= size.rows || size.rows < 2) return broken;
  std::size_t end = 0;
  for (std::size_t shown = 0; shown + 1 < size.rows; ++shown) end = broken.find('\n', end) + 1;
  // Without the end of the line, which would scroll the first one away.
  const std::string rest =
      fmt::format("… {} more lines: ctflowd {} shows all", lines - size.rows + 1, command);
  return broken.substr(0, end) + text::cut(rest, size.columns);
}

std::string with_colour(const std::string& text, bool well) {
  const std::size_t end = std::min(text.find(" ("), text.size());
  constexpr const char* kGreen = "\x1b[1;32m";
  constexpr const char* kRed = "\x1b[1;31m";
  return fmt::format("{}{}\x1b[0m{}", well ? kGreen : kRed, text.substr(0, end), text.substr(end));
}

}  // namespace ctflow
