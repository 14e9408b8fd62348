// SPDX-License-Identifier: GPL-2.0-or-later
#include "page/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "page/escape.hpp"
#include "text/people_text.hpp"

namespace ctflow::page {
namespace {

constexpr double kHeight = 100;
constexpr double kStep = 10;  // of columns
constexpr double kWidth = 8;  // of a column

double height_of(std::uint64_t octets, std::uint64_t scale) {
  return static_cast<double>(octets) / static_cast<double>(scale) * kHeight;
}

std::string column(const CourseHour& hour, double x, std::uint64_t scale) {
  if (!hour.counted && hour.down_octets + hour.up_octets == 0) {
    return fmt::format(
        "<g><title>{}: not counted</title><rect class=\"gap\" x=\"{:.0f}\" y=\"0\" "
        "width=\"{:.0f}\" height=\"{:.0f}\"/></g>\n",
        html(hour.label), x, kStep, kHeight);
  }
  const double down = height_of(hour.down_octets, scale);
  const double up = height_of(hour.up_octets, scale);
  const double left = x + (kStep - kWidth) / 2;
  std::string out =
      fmt::format("<g><title>{}: {} down, {} up{}</title>", html(hour.label),
                  text::people_text(hour.down_octets), text::people_text(hour.up_octets),
                  hour.counted ? "" : ", not all of the hour was counted");
  if (!hour.counted) {
    out +=
        fmt::format("<rect class=\"gap\" x=\"{:.0f}\" y=\"0\" width=\"{:.0f}\" height=\"{:.0f}\"/>",
                    x, kStep, kHeight);
  }
  out += fmt::format(
      "<rect class=\"down\" x=\"{:.0f}\" y=\"{:.2f}\" width=\"{:.0f}\" height=\"{:.2f}\"/>", left,
      kHeight - down, kWidth, down);
  out += fmt::format(
      "<rect class=\"up\" x=\"{:.0f}\" y=\"{:.2f}\" width=\"{:.0f}\" height=\"{:.2f}\"/></g>\n",
      left, kHeight - down - up, kWidth, up);
  return out;
}

}  // namespace

std::string share_bar(std::uint64_t part, std::uint64_t whole) {
  const double share =
      whole == 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole)) * 100;
  return fmt::format(
      "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" "
      "aria-hidden=\"true\"><rect class=\"rail\" width=\"100\" height=\"1\"/><rect class=\"down\" "
      "width=\"{:.2f}\" height=\"1\"/></svg>",
      share);
}

std::uint64_t scale_of(std::uint64_t octets) {
  constexpr std::uint64_t kTen = 10;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (std::uint64_t power = 1;; power *= kTen) {
    for (const std::uint64_t digit : {1U, 2U, 5U}) {
      if (power > kMost / digit) return kMost;
      if (power * digit >= octets) return power * digit;
    }
    if (power > kMost / kTen) return kMost;
  }
}

std::string course_chart(const std::vector<CourseHour>& course) {
  std::uint64_t most = 0;
  for (const CourseHour& hour : course) most = std::max(most, hour.down_octets + hour.up_octets);
  const std::uint64_t scale = scale_of(most);
  const double width = kStep * static_cast<double>(course.size());
  std::string out = fmt::format(
      "<div class=\"scale\"><span>{} in an hour</span><span class=\"key\"><i "
      "class=\"down\"></i>down "
      "<i class=\"up\"></i>up <i class=\"gap\"></i>not counted</span></div>\n"
      "<svg class=\"course\" viewBox=\"0 0 {:.0f} {:.0f}\" preserveAspectRatio=\"none\" "
      "role=\"img\" "
      "aria-label=\"Traffic of the last hours, at most {} in an hour\">\n",
      text::people_text(scale), std::max(width, kStep), kHeight, text::people_text(most));
  for (const double y : {0.0, 25.0, 50.0, 75.0}) {
    out += fmt::format(
        "<line class=\"grid\" x1=\"0\" y1=\"{0:.0f}\" x2=\"{1:.0f}\" y2=\"{0:.0f}\"/>\n", y, width);
  }
  double x = 0;
  for (const CourseHour& hour : course) {
    out += column(hour, x, scale);
    x += kStep;
  }
  out += "</svg>\n<div class=\"hours\">";
  constexpr std::size_t kLabels = 4;
  for (std::size_t i = 0; i < kLabels && !course.empty(); ++i) {
    out += fmt::format("<span>{}</span>", html(course[i * course.size() / kLabels].label));
  }
  return out + "<span>now</span></div>\n";
}

}  // namespace ctflow::page
