// SPDX-License-Identifier: GPL-2.0-or-later
// When certificates expire. Only with CTFLOWD_TLS.
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <vector>

#include "ctflow/transport_status.hpp"

namespace ctflow {

/// Of a connection whose handshake is done: ours, where it has one, and the collector's.
std::vector<Certificate> certificates_of(const SSL& connection);

/// Ours, as `context` was given it; nothing where it was not.
std::optional<Certificate> own_certificate_of(SSL_CTX& context);

}  // namespace ctflow
