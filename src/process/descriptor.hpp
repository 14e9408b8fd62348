// SPDX-License-Identifier: GPL-2.0-or-later
// A file descriptor with an owner.
#pragma once

#include <unistd.h>

#include <utility>

namespace ctflow {

/// Owns a file descriptor, and closes it. Negative: none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { reset(); }

  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

  /// From now on somebody else closes it.
  [[nodiscard]] int release() { return std::exchange(number_, -1); }

  /// What close(2) returns, which for some file systems is where a failed write shows; 0 if none
  /// was open.
  int reset(int number = -1) {
    const int old = std::exchange(number_, number);
    return old >= 0 ? ::close(old) : 0;
  }

 private:
  int number_ = -1;
};

}  // namespace ctflow
