// SPDX-License-Identifier: BSD-2-Clause
#include "process/sections/process_options.h"

#include <algorithm>
#include <thread>

namespace process {

std::uint32_t ProcessOptions::worker_count() const { return workers.value_or(std::clamp(std::thread::hardware_concurrency(), 1u, 256u)); }

}  // namespace process

template <>
const config::Table<process::ProcessOptions>& config::table_of<process::ProcessOptions>() {
  using O = process::ProcessOptions;
  static const Table<O> table("The process as a whole.", {
    option("user", &O::user, "The account that the process becomes if root started it. A process beside it keeps what is needed of root's rights: for ports below 1024, keys and logs, also later. "
                                  "Without it, it stays who it is.").restart(),
    option("workers", &O::workers, "Threads that serve, each with its own event loop; `\"auto\"`: one a core.").or_word("auto").range(1, 256).restart(),
    option("shutdown_timeout", &O::shutdown_timeout, "How long what is running may go on after SIGTERM or SIGQUIT.").live(),
    option("admin", &O::admin, "Where commands are taken: one a line, or HTTP with JSON. An address alone stands for level `admin` and mode 0660; a table or a list of "
                               "addresses and tables says who may do what.")
        .example("\"unix:/run/webfront/admin.sock\""),
    option("metrics", &O::metrics, "Where `/metrics` is served for Prometheus.").example("\"127.0.0.1:9113\""),
  });
  return table;
}
