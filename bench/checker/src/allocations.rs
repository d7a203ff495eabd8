//! Counts what is allocated, so that a bench can tell how much memory a checker takes.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The system's allocator, counting.
pub struct Counting;

static COUNT: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

#[allow(unsafe_code, reason = "only an allocator can count allocations; it hands everything on as it is")]
// SAFETY: every method hands its arguments on to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grow(size);
        BYTES.fetch_sub(layout.size() as u64, Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn grow(size: usize) {
    COUNT.fetch_add(1, Relaxed);
    let bytes = BYTES.fetch_add(size as u64, Relaxed) + size as u64;
    PEAK.fetch_max(bytes, Relaxed);
}

/// What something allocated.
#[derive(Clone, Copy, Debug)]
pub struct Allocated {
    /// How many times.
    pub count: u64,
    /// How much more than before was in use at once.
    pub peak: u64,
}

/// What `work` allocates.
pub fn during(work: impl FnOnce()) -> Allocated {
    let (count, bytes) = (COUNT.load(Relaxed), BYTES.load(Relaxed));
    PEAK.store(bytes, Relaxed);
    work();
    Allocated { count: COUNT.load(Relaxed) - count, peak: PEAK.load(Relaxed) - bytes }
}
