// SPDX-License-Identifier: GPL-2.0-or-later
// The seam to the maps that the programs at netfilter's hooks fill. A fake in tests replaces the
// kernel.
#pragma once

#include <future>

#include "netfilter_maps.h"

namespace ctflow {

/// The connections that are measured in one network namespace. Nothing throws.
class MeasuredEntries {
 public:
  virtual ~MeasuredEntries() = default;

  /// The one that has this key now. False: there is none.
  virtual bool find(const ctflow_nf_key& key, ctflow_nf_entry& entry) = 0;

  /// The same, and it is removed.
  virtual bool take(const ctflow_nf_key& key, ctflow_nf_entry& entry) = 0;

  /// What was taken, unless another has come under this key meanwhile.
  virtual void put_back(const ctflow_nf_key& key, const ctflow_nf_entry& entry) = 0;

  /// One that had to give way to a successor with the same key.
  virtual bool find_ended(const ctflow_nf_ended_key& key, ctflow_nf_entry& entry) = 0;
  virtual bool remove_ended(const ctflow_nf_ended_key& key) = 0;

  /// Begins to remove what belongs to no connection any more, once several sweeps have found it so.
  /// With many connections that takes long: it goes on in a thread, beside which everything here
  /// may be called but this and the destructor.
  [[nodiscard]] virtual std::future<void> sweep() = 0;

  /// As of now; it costs no system call.
  [[nodiscard]] virtual ctflow_nf_totals totals() const = 0;
};

}  // namespace ctflow
