// SPDX-License-Identifier: BSD-2-Clause
#include "net/buffer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/stock.h"
#include "net/memory_budget.h"

namespace net {
namespace {

constexpr std::size_t class_sizes[] = {4 * 1024, 16 * 1024, 64 * 1024};
constexpr std::uint32_t class_limits[] = {256, 128, 32};  // blocks kept a thread: 1, 2 and 2 MiB
constexpr std::uint32_t stock_class = 2, no_class = 3;
static_assert(class_sizes[stock_class] == base::stock_piece);
constexpr std::size_t small_piece = 2048;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool keep_blocks = false;  // the sanitizer shall see every life of a block
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool keep_blocks = false;
#else
constexpr bool keep_blocks = true;
#endif
#else
constexpr bool keep_blocks = true;
#endif

// Free blocks of one thread, linked through their data. Plain data, so that it may be used until the thread's very end.
struct FreeBlocks {
  Block* first[3];
  std::uint32_t count[3];
  bool closed;
};
constinit thread_local FreeBlocks free_blocks{};

struct FreeBlocksGuard {
  bool active = true;
  ~FreeBlocksGuard() {
    free_blocks.closed = true;
    for (Block*& list : free_blocks.first) {
      while (list) {
        Block* next = nullptr;
        std::memcpy(&next, list->data(), sizeof next);
        std::free(std::exchange(list, next));
      }
    }
  }
};
thread_local FreeBlocksGuard free_blocks_guard;

}  // namespace

SharedFile::~SharedFile() {
  if (fd_ >= 0) ::close(fd_);
}

namespace {

Block* make_block(void* memory, std::size_t bytes, std::uint32_t size_class) {
  return new (memory) Block{0, static_cast<std::uint32_t>(bytes - sizeof(Block)), 0, size_class};
}

Block* begin_life(Block* block) {
  MemoryBudget::count(static_cast<std::ptrdiff_t>(block->capacity));
  block->references = 1;
  block->used = 0;
  return block;
}

}  // namespace

Block* Block::try_allocate(std::size_t size) {
  const std::size_t total = size + sizeof(Block);
  std::uint32_t c = 0;
  while (c < no_class && class_sizes[c] < total) ++c;
  if (c != no_class && free_blocks.first[c]) {
    Block* block = free_blocks.first[c];
    std::memcpy(&free_blocks.first[c], block->data(), sizeof(Block*));
    --free_blocks.count[c];
    return begin_life(block);
  }
  const std::size_t bytes = c == no_class ? total : class_sizes[c];
  void* memory = base::allocate(bytes);
  return memory ? begin_life(make_block(memory, bytes, c)) : nullptr;
}

Block* Block::allocate(std::size_t size) {
  if (Block* block = try_allocate(size)) return block;
  CHECK_MSG(size + sizeof(Block) <= base::stock_piece, "out of memory");
  return begin_life(make_block(base::take_from_stock(), base::stock_piece, stock_class));
}

void Block::release() {
  CHECK(references > 0);
  if (--references > 0) return;
  MemoryBudget::count(-static_cast<std::ptrdiff_t>(capacity));  // kept or freed: it is nobody's bytes now
  const std::uint32_t c = size_class;
  if (c == stock_class && base::return_to_stock(this)) return;
  if (!keep_blocks || c == no_class || free_blocks.closed || free_blocks.count[c] >= class_limits[c] || !free_blocks_guard.active) {
    std::free(this);
    return;
  }
  std::memcpy(data(), &free_blocks.first[c], sizeof(Block*));
  free_blocks.first[c] = this;
  ++free_blocks.count[c];
}

Buffer::Buffer(Buffer&& other) noexcept
    : pieces_(std::move(other.pieces_)), first_(std::exchange(other.first_, 0)), size_(std::exchange(other.size_, 0)), lent_(std::exchange(other.lent_, 0)) {
  other.pieces_.clear();
}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  clear();
  std::swap(pieces_, other.pieces_);
  std::swap(first_, other.first_);
  std::swap(size_, other.size_);
  std::swap(lent_, other.lent_);
  return *this;
}

void Buffer::let_go(Piece& piece) {
  if (piece.kind == Kind::block) piece.block->release();
  if (piece.kind == Kind::shared) piece.shared->release();
  piece.kind = Kind::text;
}

void Buffer::hold(Piece& piece) {
  if (piece.kind == Kind::block) piece.block->retain();
  if (piece.kind == Kind::shared) piece.shared->retain();
}

void Buffer::clear_pieces() {
  for (std::size_t i = first_; i < pieces_.size(); ++i) let_go(pieces_[i]);
  pieces_.clear();
  if (pieces_.capacity() > kept_pieces) pieces_.shrink_to_fit();
  first_ = size_ = lent_ = 0;
}

// Forgets the front piece's place without touching what it refers to.
void Buffer::pop_front_slot() {
  if (++first_ == pieces_.size()) {
    pieces_.clear();
    first_ = 0;
  } else if (first_ >= 64 && first_ * 2 > pieces_.size()) {
    pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void Buffer::drop_front_piece() {
  let_go(pieces_[first_]);
  pieces_[first_].file.reset();
  pop_front_slot();
}

std::string_view Buffer::front() const {
  if (size_ == 0 || pieces_[first_].kind == Kind::file) return {};
  return {pieces_[first_].data, pieces_[first_].length};
}

std::string_view Buffer::pull_up(std::size_t n) {
  n = std::min(n, size_);
  if (n == 0) return {};
  {
    Piece& front = pieces_[first_];
    CHECK(front.kind != Kind::file);
    if (front.length >= n) return {front.data, n};
    if (front.kind == Kind::block && front.data + front.length == front.block->data() + front.block->used &&
        front.block->capacity - front.block->used >= n - front.length) {
      // The rest fits behind what is there: only that is copied.
      Piece grown = std::move(front);
      front.kind = Kind::text;
      size_ -= grown.length;
      std::size_t missing = n - grown.length;
      pop_front_slot();
      while (missing > 0) {
        Piece& next = pieces_[first_];
        CHECK(next.kind != Kind::file);
        const std::size_t part = std::min<std::size_t>(missing, next.length);
        std::memcpy(grown.block->data() + grown.block->used, next.data, part);
        grown.block->used += static_cast<std::uint32_t>(part);
        grown.length += part;
        missing -= part;
        consume(part);
      }
      size_ += grown.length;
      pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(first_), std::move(grown));
      return {pieces_[first_].data, n};
    }
  }
  Piece whole;
  whole.kind = Kind::block;
  whole.block = n + sizeof(Block) > base::stock_piece ? Block::try_allocate(n) : Block::allocate(n);
  if (!whole.block) return front();
  whole.data = whole.block->data();
  while (whole.length < n) {
    Piece& next = pieces_[first_];
    CHECK(next.kind != Kind::file);
    const std::size_t part = std::min<std::size_t>(n - whole.length, next.length);
    std::memcpy(whole.block->data() + whole.length, next.data, part);
    whole.length += part;
    consume(part);
  }
  whole.block->used = static_cast<std::uint32_t>(n);
  size_ += n;
  pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(first_), std::move(whole));
  return {pieces_[first_].data, n};
}

void Buffer::consume(std::size_t n) {
  CHECK(n <= size_);
  size_ -= n;
  while (n > 0) {
    Piece& front = pieces_[first_];
    if (front.kind != Kind::block) lent_ -= std::min<std::size_t>(n, front.length);
    if (n < front.length) {
      front.length -= n;
      if (front.kind == Kind::file)
        front.offset += n;
      else
        front.data += n;
      return;
    }
    n -= front.length;
    drop_front_piece();
  }
}

std::size_t Buffer::tail_room() const {
  if (first_ == pieces_.size()) return 0;
  const Piece& tail = pieces_.back();
  if (tail.kind != Kind::block || tail.data + tail.length != tail.block->data() + tail.block->used) return 0;
  return tail.block->capacity - tail.block->used;
}

void Buffer::append(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t room = tail_room();
    if (room == 0) {
      // Behind a full block more will follow; behind somebody else's memory mostly not.
      const bool runs_on = tail() && tail()->kind == Kind::block;
      const std::size_t preferred = runs_on || bytes.size() > 4096 - sizeof(Block) ? block_size : 0;
      room = reserve(1, std::min(std::max(preferred, bytes.size()), class_sizes[2] - sizeof(Block))).size();
    }
    const std::size_t n = std::min(room, bytes.size());
    Block* block = pieces_.back().block;
    std::memcpy(block->data() + block->used, bytes.data(), n);
    commit(n);
    bytes.remove_prefix(n);
  }
}

void Buffer::append_shared(std::string_view bytes, SharedBytes& owner) {
  if (bytes.empty()) return;
  owner.retain();
  Piece& piece = pieces_.emplace_back();
  piece.kind = Kind::shared;
  piece.data = bytes.data();
  piece.length = bytes.size();
  piece.shared = &owner;
  size_ += bytes.size();
  lent_ += bytes.size();
}

void Buffer::append_static(std::string_view bytes) {
  if (bytes.empty()) return;
  Piece& piece = pieces_.emplace_back();
  piece.data = bytes.data();
  piece.length = bytes.size();
  size_ += bytes.size();
  lent_ += bytes.size();
}

void Buffer::append_file(std::shared_ptr<SharedFile> file, std::uint64_t offset, std::uint64_t length) {
  if (length == 0) return;
  Piece& piece = pieces_.emplace_back();
  piece.kind = Kind::file;
  piece.length = length;
  piece.offset = offset;
  piece.file = std::move(file);
  size_ += length;
  lent_ += length;
}

// Copies the first n bytes of a small piece behind our tail, if there is room anyway.
bool Buffer::copy_small(const Piece& piece, std::size_t n) {
  if (piece.kind == Kind::file || n > small_piece || tail_room() < n) return false;
  append({piece.data, n});
  return true;
}

void Buffer::take(Buffer& other, std::size_t max) {
  CHECK(this != &other);
  std::size_t left = std::min(max, other.size_);
  if (left == other.size_ && first_ == pieces_.size()) {
    *this = std::move(other);
    return;
  }
  while (left > 0) {
    Piece& front = other.pieces_[other.first_];
    const std::size_t n = std::min<std::size_t>(left, front.length);
    left -= n;
    if (copy_small(front, n)) {
      other.consume(n);
    } else if (n == front.length) {
      if (front.kind != Kind::block) {
        lent_ += n;
        other.lent_ -= n;
      }
      pieces_.push_back(std::move(front));
      front.kind = Kind::text;
      size_ += n;
      other.size_ -= n;
      other.pop_front_slot();
    } else {
      hold(front);
      Piece& slice = pieces_.emplace_back(front);
      slice.length = n;
      size_ += n;
      if (slice.kind != Kind::block) lent_ += n;
      other.consume(n);
    }
  }
}

std::span<char> Buffer::reserve_to_receive(std::size_t minimum, std::size_t preferred) {
  if (!base::stock_filled()) return {};
  return reserve(minimum, preferred);
}

std::span<char> Buffer::reserve(std::size_t minimum, std::size_t preferred) {
  if (Piece* last = tail(); last && last->length == 0 && tail_room() < minimum) commit(0);
  if (const std::size_t room = tail_room(); room >= minimum && room > 0) {
    Block* block = pieces_.back().block;
    return {block->data() + block->used, room};
  }
  Piece& piece = pieces_.emplace_back();
  piece.kind = Kind::block;
  piece.block = Block::allocate(std::max({minimum, preferred, std::size_t{1}}));
  piece.data = piece.block->data();
  return {piece.block->data(), piece.block->capacity};
}

void Buffer::commit(std::size_t n) {
  CHECK(first_ < pieces_.size() && n <= tail_room());
  Piece& last = pieces_.back();
  last.length += n;
  last.block->used += static_cast<std::uint32_t>(n);
  size_ += n;
  if (last.length == 0) {
    let_go(last);
    pieces_.pop_back();
    if (first_ == pieces_.size()) {
      pieces_.clear();
      first_ = 0;
    }
  }
}

std::size_t Buffer::iovecs(std::span<iovec> vectors) const {
  std::size_t n = 0;
  for (std::size_t i = first_; i < pieces_.size() && n < vectors.size() && pieces_[i].kind != Kind::file; ++i)
    if (pieces_[i].length > 0) vectors[n++] = {const_cast<char*>(pieces_[i].data), pieces_[i].length};
  return n;
}

bool Buffer::front_file(FileFront& out) const {
  if (size_ == 0 || pieces_[first_].kind != Kind::file) return false;
  const Piece& front = pieces_[first_];
  out = {front.file->fd(), front.offset, front.length};
  return true;
}

std::size_t Buffer::peek(std::span<char> out, int& error) const {
  std::size_t done = 0;
  error = 0;
  for (std::size_t i = first_; i < pieces_.size() && done < out.size(); ++i) {
    const Piece& piece = pieces_[i];
    const std::size_t n = std::min<std::size_t>(piece.length, out.size() - done);
    if (piece.kind != Kind::file) {
      if (n > 0) std::memcpy(out.data() + done, piece.data, n);
      done += n;
      continue;
    }
    for (std::size_t got = 0; got < n;) {
      const ssize_t r = ::pread(piece.file->fd(), out.data() + done, n - got, static_cast<off_t>(piece.offset + got));
      if (r < 0 && errno == EINTR) continue;
      if (r <= 0) {
        error = r < 0 ? errno : 0;
        return done;
      }
      got += static_cast<std::size_t>(r);
      done += static_cast<std::size_t>(r);
    }
  }
  return done;
}

std::string Buffer::text() const {
  std::string out;
  out.reserve(size_);
  for (std::size_t i = first_; i < pieces_.size(); ++i) {
    CHECK(pieces_[i].kind != Kind::file);
    out.append(pieces_[i].data, pieces_[i].length);
  }
  return out;
}

}  // namespace net
