// SPDX-License-Identifier: GPL-2.0-or-later
#include "postgresql/copied_rows.hpp"

#include <string_view>

#include "postgresql/columns.hpp"
#include "text/number_text.hpp"

namespace ctflow::postgresql {

std::optional<std::uint64_t> copied_rows(const std::string& tag) {
  constexpr std::string_view kBefore = "COPY ";
  if (!tag.starts_with(kBefore)) return std::nullopt;
  return text::parse_number<std::uint64_t>(std::string_view(tag).substr(kBefore.size()));
}

Divided divided(const Rows& rows, std::uint64_t stored) {
  Divided result{rows.content, {}};
  MessageContent& left = result.stored;
  ExportAmount& lost = result.lost;
  if (stored == 0) lost.messages = 1;
  std::string_view text = rows.text;
  while (left.flows > stored && !text.empty()) {
    const std::size_t before = text.size() < 2 ? text.npos : text.rfind('\n', text.size() - 2);
    const std::size_t begin = before == text.npos ? 0 : before + 1;
    const ExportAmount row = amount_of_row(text.substr(begin));
    text = text.substr(0, begin);
    --left.flows;
    --left.data_records;
    left.packets -= row.packets;
    left.octets -= row.octets;
    ++lost.flows;
    ++lost.records;
    lost.packets += row.packets;
    lost.octets += row.octets;
  }
  return result;
}

}  // namespace ctflow::postgresql
