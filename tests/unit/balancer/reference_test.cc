// SPDX-License-Identifier: BSD-2-Clause
#include "../process/reference_check.h"
#include "balancer/options.h"

TEST_CASE("the checked-in reference is what the tables say") { check_reference(config::table_of<balancer::Options>(), "balancer"); }

TEST_CASE("the samples are read, and -T prints the same configuration") { check_samples<balancer::Options>("balancer"); }
