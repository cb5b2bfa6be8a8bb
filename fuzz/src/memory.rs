//! A limit on memory, exact to the allocation and with no sanitizer: a reader that allocates
//! what a hostile length asks for is stopped where it does.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Largest single allocation. Inputs have at most 64 KiB, and the largest honest buffer is
/// scrypt's, whose limit is 256 MiB.
const ONE_BYTES_MAX: usize = 257 << 20;
/// Most bytes at once: scrypt's table and its lanes have that limit each.
const ALL_BYTES_MAX: usize = 576 << 20;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

struct Limited;

#[global_allocator]
static LIMITED: Limited = Limited;

// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        take(layout.size());
        // SAFETY: as above; lazily mapped zero pages stay lazy.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        take(size);
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises about `old`, `layout` and `size` are passed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises about `old` and `layout` are passed on.
        unsafe { System.dealloc(old, layout) }
    }
}

fn take(size: usize) {
    let in_use = IN_USE.fetch_add(size, Relaxed).saturating_add(size);
    if size > ONE_BYTES_MAX || in_use > ALL_BYTES_MAX {
        // libFuzzer turns the abort into a finding with its input. Nothing is formatted: that
        // would allocate.
        std::process::abort();
    }
}
