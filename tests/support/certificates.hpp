// SPDX-License-Identifier: GPL-2.0-or-later
// Certificates made by openssl(1) for one test run.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "support/temporary_directory.hpp"

namespace ctflow::test {

/// An authority, and certificates that it signed.
class Certificates {
 public:
  /// `days`: how long from now on its own certificate is good.
  explicit Certificates(const std::string& authority = "authority", int days = 400)
      : authority_(authority) {
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days " +
        std::to_string(days) + " -subj /CN=" + authority + " -keyout " + key(authority) + " -out " +
        certificate(authority));
  }

  /// Signs one that is for `names` ("DNS:collector.test,IP:127.0.0.1"), for `days` from now on;
  /// below zero: it has expired.
  void make(const std::string& name, const std::string& names, int days = 400) {
    const std::string request = path(name + ".csr");
    const std::string extensions = path(name + ".ext");
    std::ofstream(extensions) << "subjectAltName=" << names << '\n';
    run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name +
        " -keyout " + key(name) + " -out " + request);
    run("openssl x509 -req -in " + request + " -CA " + certificate(authority_) + " -CAkey " +
        key(authority_) + " -days " + std::to_string(days) + " -extfile " + extensions + " -out " +
        certificate(name));
  }

  [[nodiscard]] std::string certificate(const std::string& name) const {
    return path(name + ".pem");
  }
  [[nodiscard]] std::string key(const std::string& name) const { return path(name + ".key"); }
  [[nodiscard]] std::string authority() const { return certificate(authority_); }
  [[nodiscard]] std::string path(const std::string& file) const { return directory_.path(file); }

 private:
  static void run(const std::string& command) {
    const std::string quiet = command + " > /dev/null 2>&1";
    if (std::system(quiet.c_str()) != 0) ADD_FAILURE() << "failed: " << command;  // NOLINT
  }

  TemporaryDirectory directory_;
  std::string authority_;
};

}  // namespace ctflow::test
