// SPDX-License-Identifier: BSD-2-Clause
// Doubly linked list whose links sit in the elements: no allocation, O(1) removal, an element leaves by its destructor.
// One list is used by one thread (or under one lock).
#pragma once

#include <cstddef>

#include "base/check.h"

namespace base {

// Tag lets one object be in several lists.
template <class Tag = void>
class ListLink {
 public:
  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { unlink(); }
  bool linked() const { return next_ != nullptr; }
  void unlink() {
    if (!next_) return;
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = nullptr;
  }

 private:
  template <class, class>
  friend class List;
  ListLink* next_ = nullptr;
  ListLink* previous_ = nullptr;
};

// T derives from ListLink<Tag>.
template <class T, class Tag = void>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() {
    while (!empty()) head_.next_->unlink();
    head_.next_ = head_.previous_ = nullptr;
  }
  bool empty() const { return head_.next_ == &head_; }
  void push_back(T& item) { insert_before(&head_, item); }
  void push_front(T& item) { insert_before(head_.next_, item); }
  // Puts item before `position`, which is in this list.
  void insert(T& position, T& item) { insert_before(link(position), item); }
  T* first() { return empty() ? nullptr : &object(head_.next_); }
  T* next(T& item) {
    Link* n = link(item)->next_;
    return n == &head_ ? nullptr : &object(n);
  }
  T* last() { return empty() ? nullptr : &object(head_.previous_); }
  T* previous(T& item) {
    Link* p = link(item)->previous_;
    return p == &head_ ? nullptr : &object(p);
  }
  T* pop_front() {
    T* item = first();
    if (item) link(*item)->unlink();
    return item;
  }
  // Takes over all elements of `other`, which becomes empty.
  void take(List& other) {
    if (other.empty()) return;
    Link* first = other.head_.next_;
    Link* last = other.head_.previous_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
    other.head_.next_ = other.head_.previous_ = &other.head_;
  }

 private:
  using Link = ListLink<Tag>;
  static Link* link(T& item) { return static_cast<Link*>(&item); }
  static T& object(Link* l) { return *static_cast<T*>(l); }
  void insert_before(Link* at, T& item) {
    Link* l = link(item);
    BASE_CHECK(!l->linked());
    l->next_ = at;
    l->previous_ = at->previous_;
    at->previous_->next_ = l;
    at->previous_ = l;
  }
  Link head_;
};

}  // namespace base
