// SPDX-License-Identifier: GPL-2.0-or-later
// Certificates and keys, checked when the configuration is.
#pragma once

#include <optional>
#include <string>

#include "ctflow/config.hpp"
#include "ctflow/transport_status.hpp"

namespace ctflow {

/// What is wrong with a file, and which setting of `tls` names it.
struct TlsFault {
  std::string setting;
  std::string message;
};

/// Reads all files that are named. Nothing: they can be used. Without CTFLOWD_TLS always nothing.
std::optional<TlsFault> find_fault(const TlsConfig& config);

/// What `certificate` names, where the files can be used.
std::optional<Certificate> own_certificate(const TlsConfig& config);

}  // namespace ctflow
