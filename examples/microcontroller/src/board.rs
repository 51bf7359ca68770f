//! The Cortex-M4F: memory, output and exit through the debugger or QEMU.

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;
use core::ptr::addr_of_mut;
use core::sync::atomic::{AtomicUsize, Ordering};

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use embedded_alloc::LlffHeap;
use panic_semihosting as _;

const ARENA_BYTES: usize = 72 * 1024;
static mut ARENA: [MaybeUninit<u8>; ARENA_BYTES] = [MaybeUninit::uninit(); ARENA_BYTES];

#[global_allocator]
static ALLOCATOR: Arena = Arena {
    heap: LlffHeap::empty(),
    end: AtomicUsize::new(0),
};

/// A heap that remembers how far it was used. It takes the first gap that fits, so an arena that ends there would have
/// been enough.
struct Arena {
    heap: LlffHeap,
    /// The end of the last byte that was ever allocated.
    end: AtomicUsize,
}

// SAFETY: every call is passed unchanged to the heap.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the heap's.
        let memory = unsafe { self.heap.alloc(layout) };
        if !memory.is_null() {
            let end = memory.addr() + layout.size();
            self.end.fetch_max(end, Ordering::Relaxed);
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are the heap's.
        unsafe { self.heap.dealloc(memory, layout) }
    }
}

/// The bytes of the stack that were ever used: it grows down over a pattern that cortex-m-rt writes at the start.
fn stack_peak() -> usize {
    unsafe extern "C" {
        static mut _stack_end: u32;
        static mut _stack_start: u32;
    }
    let (mut at, start) = (addr_of_mut!(_stack_end), addr_of_mut!(_stack_start));
    // SAFETY: the linker script places both symbols around the memory of the stack, in whole words.
    while at < start && unsafe { at.read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE {
        at = at.wrapping_add(1);
    }
    start.addr() - at.addr()
}

#[entry]
fn main() -> ! {
    let arena = addr_of_mut!(ARENA);
    // SAFETY: this runs once, before any allocation, and nothing else uses the arena.
    unsafe { ALLOCATOR.heap.init(arena.addr(), ARENA_BYTES) };
    let same = crate::run(|line| hprintln!("{}", line));
    let used = ALLOCATOR.end.load(Ordering::Relaxed) - arena.addr();
    hprintln!(
        "arena {} of {} bytes, stack {} bytes",
        used,
        ARENA_BYTES,
        stack_peak()
    );
    debug::exit(match same {
        true => debug::EXIT_SUCCESS,
        false => debug::EXIT_FAILURE,
    });
    loop {
        cortex_m::asm::wfi();
    }
}
