//! On one thread a training step, and an evaluation, allocate nothing after the first.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use neurogain::backend::{Backend, Cpu};
use neurogain::bench;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting the allocations of each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn after_the_first_call() {
    let cpu = Cpu::new().expect("an instruction set");
    for mut subject in bench::models(&cpu).expect("memory for the operands") {
        (subject.call)();
        let before = ALLOCATIONS.get();
        (subject.call)();
        (subject.call)();
        assert_eq!(ALLOCATIONS.get() - before, 0, "{}", subject.name);
    }
}

#[test]
fn the_count_sees_an_allocation() {
    let cpu = Cpu::new().expect("an instruction set");
    let before = ALLOCATIONS.get();
    cpu.zeros(100).expect("room");
    assert!(ALLOCATIONS.get() > before);
}
