// SPDX-License-Identifier: GPL-2.0-or-later
#include "commands/top.hpp"

#include <algorithm>
#include <ostream>
#include <stdexcept>

#include "commands/scope_text.hpp"
#include "commands/screen.hpp"
#include "commands/status.hpp"
#include "commands/top_view.hpp"
#include "commands/watching.hpp"
#include "ctflow/accounting_config.hpp"
#include "text/escape.hpp"

namespace ctflow {
namespace {

std::string path_of(const std::string& by) {
  if (by.empty()) return "/top";
  std::string known;
  for (const AccountingKeyWord& one : kAccountingKeyWords) {
    if (by == one.word) return "/top/" + by;
    known += (known.empty() ? "" : ", ") + std::string(one.word);
  }
  throw std::runtime_error("--by: expected one of " + known + ", got " + text::quoted(by));
}

int watch_rates(const TopOptions& options, std::ostream& out) {
  const std::string path = path_of(options.by);
  if (!is_top_direction(options.direction)) {
    throw std::runtime_error(
        "--direction: expected internet, in, out, local, through, self or all, got " +
        text::quoted(options.direction));
  }
  const TopQuestion question{options.network_namespace, options.direction, options.by};
  const std::chrono::seconds interval(options.interval_seconds);
  const EndOfWatch end;
  TopRates rates;
  rates.add(read_top(ask(options.socket, path), question), interval);
  const bool on_screen = !options.once && size_of_terminal().has_value();
  const AlternateScreen screen(out, on_screen);
  if (on_screen) {
    clear_screen(out);
    out << "Counting for " << interval.count() << " s\n" << std::flush;
  }
  for (bool first = true; !end.comes_within(interval) && out; first = false) {
    rates.add(read_top(ask(options.socket, path), question), interval);
    if (!rates.ready()) continue;  // it was started again
    const std::string text = rates.text(options.top, scope_text(options.direction));
    if (on_screen) {
      clear_screen(out);
      out << fit_screen(text, size_of_terminal().value_or(TerminalSize{}), "top --once")
          << std::flush;
    } else {
      out << (first ? "" : "\n") << text << std::flush;
    }
    if (options.once) break;
  }
  return 0;
}

}  // namespace

int run_top(const TopOptions& options, std::ostream& out, std::ostream& errors) {
  try {
    return watch_rates(options, out);
  } catch (const std::exception& error) {
    errors << error.what() << '\n';
    return 2;
  }
}

}  // namespace ctflow
