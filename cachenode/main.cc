// SPDX-License-Identifier: BSD-2-Clause
#include "cachenode/daemon.h"
#include "process/run_daemon.h"

int main(int argc, char** argv) {
  return process::run_daemon(argc, argv, {"cachenode", [] { return std::make_unique<cachenode::CachenodeDaemon>(); }});
}
