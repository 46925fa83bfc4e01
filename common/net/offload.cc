// SPDX-License-Identifier: BSD-2-Clause
#include "net/offload.h"

#include <pthread.h>
#include <signal.h>

#include "net/reasons.h"

namespace net {

Offload::Offload(Options options) : options_(options) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (std::size_t i = 0; i < options_.threads; ++i)
    threads_.emplace_back([this] {
      pthread_setname_np(pthread_self(), "offload");
      serve();
    });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Offload::~Offload() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::size_t Offload::waiting() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

bool Offload::push(Entry entry) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue) {
      refused_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    queue_.push_back(std::move(entry));
  }
  wake_.notify_one();
  return true;
}

void Offload::serve() {
  for (;;) {
    Entry entry;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      entry = std::move(queue_.front());
      queue_.pop_front();
    }
    if (!entry.job->cancelled.load(std::memory_order_acquire)) entry.job->work();
    // The last reference goes home with the message, so that callables die where they were made.
    entry.mailbox->post([job = std::move(entry.job), done = std::move(entry.done)]() mutable { done(); });
  }
}

OffloadClient::OffloadClient(Offload& pool, EventLoop& loop) : pool_(pool), loop_(loop), table_(std::make_shared<Table>()) {}

OffloadClient::~OffloadClient() {
  for (const auto& job : table_->jobs)
    if (job) job->cancelled.store(true, std::memory_order_release);
  table_->jobs.clear();
  table_->handles = {};
}

base::Result<base::Handle> OffloadClient::add(std::shared_ptr<Offload::Job> job) {
  const base::Handle handle = table_->handles.add(job.get());
  Message done = [weak = std::weak_ptr<Table>(table_), handle] {
    if (const auto table = weak.lock()) finish(table, handle);
  };
  if (!pool_.push({job, &loop_.mailbox(), std::move(done)})) {
    table_->handles.remove(handle);
    return base::fail(reasons::offload_full, base::Side::internal, static_cast<std::int64_t>(pool_.options_.queue));
  }
  if (table_->jobs.size() <= handle.index) table_->jobs.resize(handle.index + 1);
  table_->jobs[handle.index] = std::move(job);
  return handle;
}

void OffloadClient::finish(const std::shared_ptr<Table>& table, base::Handle handle) {
  if (!table->handles.find(handle)) return;
  const std::shared_ptr<Offload::Job> job = std::move(table->jobs[handle.index]);
  table->handles.remove(handle);
  job->finish();
}

void OffloadClient::cancel(base::Handle handle) {
  if (!table_->handles.find(handle)) return;
  table_->jobs[handle.index]->cancelled.store(true, std::memory_order_release);
  table_->jobs[handle.index].reset();
  table_->handles.remove(handle);
}

std::size_t OffloadClient::pending() const { return table_->handles.size(); }

}  // namespace net
