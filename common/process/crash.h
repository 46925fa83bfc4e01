// SPDX-License-Identifier: BSD-2-Clause
// Last words: a signal that ends the process (SIGSEGV, SIGABRT, …) prints which thread it hit and the history of the exchange that ran
// there, and ends the process as it would have. Main thread, before others start.
#pragma once

namespace process {

// Does nothing in builds with sanitizers, which have handlers of their own.
void print_last_words();

}  // namespace process
