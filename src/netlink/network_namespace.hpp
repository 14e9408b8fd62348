// SPDX-License-Identifier: GPL-2.0-or-later
// A network namespace that is entered for a moment.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

namespace ctflow {

/// Which namespace it is, for as long as it exists (nsfs).
struct NamespaceIdentity {
  dev_t device = 0;
  ino_t inode = 0;

  friend bool operator==(const NamespaceIdentity&, const NamespaceIdentity&) = default;
};

/// What a file stands for.
struct NamespaceAt {
  std::optional<NamespaceIdentity> identity{};  ///< nothing: no namespace
  bool known = true;                            ///< false: the file could not be looked at
  std::string why{};                            ///< there is no identity
};
NamespaceAt look_up_namespace(const std::string& file);

/// Sockets that are made during a visit belong to the namespace for good; so do files of /proc/net
/// and /proc/sys/net that are opened meanwhile. Only the calling thread is moved. Visits nest: each
/// ends where it began.
class NetworkNamespace {
  struct Files;

 public:
  /// The one that ctflowd runs in.
  NetworkNamespace() = default;

  /// The one that a file stands for, such as /run/netns/NAME or /proc/PID/ns/net. Enters it once,
  /// so that later visits succeed. Throws std::system_error.
  explicit NetworkNamespace(const std::string& file);

  [[nodiscard]] NamespaceIdentity identity() const;

  /// Goes back at its end. Ends the program if there is no way back.
  class Visit {
   public:
    ~Visit();

    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    Visit(Visit&&) = delete;
    Visit& operator=(Visit&&) = delete;

   private:
    friend NetworkNamespace;
    /// Null: home.
    explicit Visit(std::shared_ptr<const Files> there);

    std::shared_ptr<const Files> there_;
    const Files* before_;  ///< where this thread was; its visit outlives this one
  };

  /// Throws std::system_error.
  [[nodiscard]] Visit visit() const;

 private:
  std::shared_ptr<const Files> files_;  ///< null: our own
};

}  // namespace ctflow
