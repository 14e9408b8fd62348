// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/library_log.hpp"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <vector>

#include "log/log.hpp"

namespace ctflow {

namespace {

std::mutex of_receiver;  // other threads use the library, too
LibraryLog* receiver = nullptr;
libbpf_print_fn_t before = nullptr;

int print(libbpf_print_level level, const char* format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length <= 0) return 0;
  std::vector<char> text(static_cast<std::size_t>(length) + 1);
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string_view line(text.data(), static_cast<std::size_t>(length));
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  spdlog::debug(fmt::format("libbpf_message text={}", log::quoted(line)));
  const std::lock_guard lock(of_receiver);
  if (level == LIBBPF_WARN && receiver != nullptr) receiver->take(line);
  return 0;
}

std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

LibraryLog::LibraryLog() {
  const std::lock_guard lock(of_receiver);
  receiver = this;
  before = libbpf_set_print(print);
}

LibraryLog::~LibraryLog() {
  libbpf_set_print(before);
  const std::lock_guard lock(of_receiver);
  receiver = nullptr;
}

void LibraryLog::take(std::string_view text) {
  if (std::string words = verifiers_last_words(text); !words.empty()) {
    cause_ = "verifier: " + words;
    return;
  }
  // It guesses, and what comes later only says that all of it failed.
  if (text.find("try raising 'ulimit -l'") != std::string_view::npos ||
      text.find("failed to load object") != std::string_view::npos ||
      text.find("failed to load BPF skeleton") != std::string_view::npos ||
      (!cause_.empty() && text.find("failed to load: ") != std::string_view::npos))
    return;
  constexpr std::string_view kPrefix = "libbpf: ";
  if (text.substr(0, kPrefix.size()) == kPrefix) text.remove_prefix(kPrefix.size());
  cause_ = next_line(text);
}

std::string verifiers_last_words(std::string_view text) {
  constexpr std::string_view kBegin = "BEGIN PROG LOAD LOG";
  const std::size_t begin = text.find(kBegin);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  next_line(text);
  std::string_view last;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.empty() || line.substr(0, 10) == "processed " || line.substr(0, 3) == "-- ") continue;
    last = line;
  }
  return std::string(last);
}

}  // namespace ctflow
