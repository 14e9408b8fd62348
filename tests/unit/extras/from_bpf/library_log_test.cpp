// SPDX-License-Identifier: GPL-2.0-or-later
#include "extras/from_bpf/library_log.hpp"

#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "support/logged_lines.hpp"

namespace ctflow {
namespace {

TEST(LibraryLog, KeepsWhatTheVerifierObjectsTo) {
  LibraryLog log;
  log.take("libbpf: prog 'removed': BPF program load failed: Permission denied");
  log.take(
      "libbpf: prog 'removed': -- BEGIN PROG LOAD LOG --\n"
      "145: (61) r6 = *(u32 *)(r0 +0)\n"
      "cannot access ptr member next\n"
      "processed 141 insns (limit 1000000) max_states_per_insn 0\n"
      "-- END PROG LOAD LOG --");
  log.take("libbpf: prog 'removed': failed to load: -13");
  log.take("libbpf: failed to load object 'ctflow_tracing'");
  EXPECT_EQ(log.cause(), "verifier: cannot access ptr member next");
}

TEST(LibraryLog, KeepsTheFirstLineOfAnotherCause) {
  LibraryLog log;
  log.take("libbpf: failed to find valid kernel BTF\nmore");
  log.take("libbpf: failed to load BPF skeleton 'ctflow_tracing': -3");
  EXPECT_EQ(log.cause(), "failed to find valid kernel BTF");
}

TEST(LibraryLog, DoesNotPassOnGuesses) {
  LibraryLog log;
  log.take("libbpf: permission error while running as root; try raising 'ulimit -l'?");
  EXPECT_EQ(log.cause(), "");
}

TEST(LibraryLog, EscapesWhatTheLibrarySays) {
  const test::LoggedLines lines;
  spdlog::set_level(spdlog::level::debug);
  const LibraryLog log;
  ASSERT_EQ(bpf_object__open_file("/absent/\"a\nb\"", nullptr), nullptr);
  EXPECT_EQ(lines.count(R"(failed to open /absent/\"a\nb\")"), 1U);
}

TEST(VerifiersLastWords, AreEmptyOfOtherText) {
  EXPECT_EQ(verifiers_last_words("libbpf: map 'x': failed to create"), "");
}

TEST(VerifiersLastWords, CanBeTheOnlyLine) {
  EXPECT_EQ(verifiers_last_words("-- BEGIN PROG LOAD LOG --\nunreleased reference id=4"),
            "unreleased reference id=4");
}

}  // namespace
}  // namespace ctflow
