// SPDX-License-Identifier: GPL-2.0-or-later
#include "config/nat_log_settings.hpp"

#include <fmt/format.h>

#include "config/missing_part.hpp"
#include "version/built_parts.hpp"

namespace ctflow::config {
namespace {

std::optional<Complaint> check_nat_log(const NatLogConfig& config) {
  if (!built_parts().sqlite) return Complaint{"retention", kWithoutSqlite};
  if (!built_parts().nftables && config.log == NatLogRows::kExceptions) {
    return Complaint{"log", kWithoutNftables};
  }
  return std::nullopt;
}

}  // namespace

ValueFormat<std::chrono::days> days(unsigned most) {
  return {fmt::format("a number of days from 1d to {}d", most),
          [most](std::string_view text) -> Parsed<std::chrono::days> {
            const bool unit = !text.empty() && text.back() == 'd';
            if (unit) text.remove_suffix(1);
            const Parsed<std::uint64_t> count = integer(1, most).parse(text);
            if (!count.value) return {std::nullopt, ""};
            if (!unit) return {std::nullopt, "add the unit"};
            return {std::chrono::days(*count.value), ""};
          },
          "", [](const std::chrono::days& count) { return fmt::format("{}d", count.count()); }};
}

Section<NatLogConfig> nat_log_settings() {
  using N = NatLogConfig;
  constexpr unsigned kTenYears = 3660;
  return {{
              value("retention", Requirement::kRequired, days(kTenYears), &N::retention),
              value("directory", Requirement::kOptional, absolute_path(), &N::directory),
              value("destination", Requirement::kOptional, boolean(), &N::destination),
              value("log", Requirement::kOptional,
                    choice<NatLogRows>(
                        {{"all", NatLogRows::kAll}, {"exceptions", NatLogRows::kExceptions}}),
                    &N::log),
              value("commit_interval", Requirement::kOptional, duration("100ms", "15m"),
                    &N::commit_interval),
              value("queue", Requirement::kOptional, integer(1024, 16'777'216), &N::queue),
          },
          check_nat_log};
}

}  // namespace ctflow::config
