// SPDX-License-Identifier: BSD-2-Clause
// Looks whether certificate and key files have changed, and loads them again. Files are known by what their path means, symbolic links
// followed: a link that points elsewhere is a change. Certificate and key are renewed one after the other; what does not fit together
// is looked at again for two seconds before it counts as broken. Owner: the daemon; control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/task.h"
#include "process/opener.h"
#include "process/sections/tls_options.h"

namespace process {

struct CertificateFiles {
  ReadFile read;
  std::function<std::expected<FileState, int>(const std::string& path)> stat;
};
// `access` outlives them.
CertificateFiles certificate_files(Access& access);

class CertificateWatch final : private net::TaskOwner, private net::Task {
 public:
  static constexpr base::Duration interval = std::chrono::seconds(1);
  static constexpr base::Duration patience = std::chrono::seconds(2);
  struct Events {
    // Another one of the same options is there; new connections should use it.
    std::function<void(const TlsMaterial& old, std::shared_ptr<const TlsMaterial> fresh)> replaced;
    // Cannot be used, and why; said once for each state of the files.
    std::function<void(const std::string& why)> failed;
  };
  CertificateWatch(net::EventLoop& loop, CertificateFiles files, Events events);
  ~CertificateWatch() override;
  // What is watched from now on; null entries and those with `watch = false` are not.
  void watch(const TlsMaterials& materials);
  std::size_t size() const { return entries_.size(); }
  // At once, whatever the time; for tests.
  void look() { ring(); }

 private:
  using States = std::map<std::string, std::optional<FileState>>;
  struct Entry {
    std::shared_ptr<const TlsMaterial> material;
    States seen;               // empty: not looked at yet
    bool pending = false;      // seen, but not loaded
    base::TimePoint changed{};
  };
  Step run() override;
  void reap(net::Task&) override {}
  States states_of(const TlsOptions& options) const;
  void look_at(Entry& entry);
  void load(Entry& entry);

  CertificateFiles files_;
  Events events_;
  std::vector<Entry> entries_;
  std::set<std::string> said_;  // in this round: two contexts of the same files fail alike
};

}  // namespace process
