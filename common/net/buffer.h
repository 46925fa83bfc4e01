// SPDX-License-Identifier: BSD-2-Clause
// A queue of bytes made of typed pieces: slices of owned blocks, counted shared blocks (cache), file ranges.
// Bytes are copied in at most once; moving between buffers moves pieces. Used by one worker thread; blocks come from that
// thread's free list (`Block::allocate`), shared pieces carry their own atomic count.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/recycled.h"

namespace net {

// Memory whose owner outlives the buffer through its own atomic count (objects of the cache, pages of static text).
class SharedBytes {
 public:
  virtual void retain() = 0;
  virtual void release() = 0;  // any thread

 protected:
  ~SharedBytes() = default;
};

// An open file shared by the pieces that still send from it. Closed with the last of them.
class SharedFile {
 public:
  explicit SharedFile(int fd) : fd_(fd) {}
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// A block with a count that only its thread touches.
struct Block {
  std::uint32_t references;
  std::uint32_t capacity;
  std::uint32_t used;        // bytes written so far; the one piece that ends here may grow
  std::uint32_t size_class;  // which free list takes it back
  char* data() { return reinterpret_cast<char*>(this + 1); }
  // At least `size` bytes (rounded to 4, 16 or 64 KiB classes); from the thread's free list where possible. Count 1.
  // Where memory is short, from the thread's stock (base/stock.h); more than a piece of that is a failed check.
  static Block* allocate(std::size_t size);
  static Block* try_allocate(std::size_t size);  // null where memory is short
  void retain() { ++references; }
  void release();  // back to the free list with the last reference
};

inline constexpr std::size_t block_size = 16 * 1024 - sizeof(Block);

class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { clear(); }

  std::size_t size() const { return size_; }  // bytes, file ranges included
  // Of these: bytes in blocks of this thread. The others are references to memory that somebody else accounts for, or file ranges.
  std::size_t owned() const { return size_ - lent_; }
  bool empty() const { return size_ == 0; }
  void clear() {
    if (!pieces_.empty() || pieces_.capacity() > kept_pieces) clear_pieces();
  }

  // The first contiguous bytes; empty if the buffer is empty or begins with a file range.
  std::string_view front() const;
  // The first min(n, size()) bytes made contiguous, copying only if they are not; fewer where n is larger than
  // base::stock_piece and memory is short. Memory pieces only.
  std::string_view pull_up(std::size_t n);
  void consume(std::size_t n);  // n <= size()

  // Copies into the tail block where it has room behind what was written to it, else into a new block.
  void append(std::string_view bytes);
  // References; `owner` is retained for the piece's life.
  void append_shared(std::string_view bytes, SharedBytes& owner);
  // Text of static storage duration.
  void append_static(std::string_view bytes);
  void append_file(std::shared_ptr<SharedFile> file, std::uint64_t offset, std::uint64_t length);
  // Moves the first min(max, other.size()) bytes of `other` to the end of this buffer. Slices blocks, copies nothing
  // (small pieces may be copied into the tail instead of keeping a block alive).
  void take(Buffer& other, std::size_t max = SIZE_MAX);

  // Room to receive: at least `minimum` writable bytes at the tail; commit() says how many were written (0 gives an unused
  // block back). Where a new block is needed it has room for max(minimum, preferred).
  std::span<char> reserve(std::size_t minimum, std::size_t preferred = 0);
  void commit(std::size_t n);
  // The same for bytes that come from outside: no room at all while memory is short (base/stock.h), so that what is here already can be
  // finished with what is put aside.
  std::span<char> reserve_to_receive(std::size_t minimum, std::size_t preferred = 0);

  // Fills up to `vectors.size()` iovecs from the front, stopping at a file range. Returns how many.
  std::size_t iovecs(std::span<iovec> vectors) const;
  // The file range at the front, if that is what comes next.
  struct FileFront { int fd; std::uint64_t offset; std::uint64_t length; };
  bool front_file(FileFront& out) const;
  // Copies the first bytes out without consuming them, file ranges by pread. Returns how many: fewer than could be means that a
  // file failed (`error` is its errno, or 0 where the file ended before its range).
  std::size_t peek(std::span<char> out, int& error) const;
  // Copies all bytes out (tests, small bodies). Memory pieces only.
  std::string text() const;

 private:
  enum class Kind : std::uint8_t { block, shared, text, file };
  struct Piece {
    Kind kind = Kind::text;
    const char* data = nullptr;     // memory kinds
    std::uint64_t length = 0;
    std::uint64_t offset = 0;       // file kind
    union {
      Block* block = nullptr;
      SharedBytes* shared;
    };
    std::shared_ptr<SharedFile> file;
  };
  Piece* tail() { return first_ == pieces_.size() ? nullptr : &pieces_.back(); }
  std::size_t tail_room() const;
  bool copy_small(const Piece& piece, std::size_t n);
  static constexpr std::size_t kept_pieces = 64;
  void clear_pieces();
  static void let_go(Piece& piece);
  static void hold(Piece& piece);
  void pop_front_slot();
  void drop_front_piece();
  std::vector<Piece, base::RecycledAllocator<Piece>> pieces_;
  std::size_t first_ = 0;           // index of the front piece: popping does not shift
  std::size_t size_ = 0;
  std::size_t lent_ = 0;            // of size_: in pieces that are no blocks
};

}  // namespace net
