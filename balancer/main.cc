// SPDX-License-Identifier: BSD-2-Clause
#include "balancer/daemon.h"
#include "process/run_daemon.h"

int main(int argc, char** argv) {
  return process::run_daemon(argc, argv, {"balancer", [] { return std::make_unique<balancer::BalancerDaemon>(); }});
}
