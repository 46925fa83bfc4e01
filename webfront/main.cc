// SPDX-License-Identifier: BSD-2-Clause
#include "process/run_daemon.h"
#include "webfront/daemon.h"

int main(int argc, char** argv) {
  return process::run_daemon(argc, argv, {"webfront", [] { return std::make_unique<webfront::Daemon>(); }});
}
