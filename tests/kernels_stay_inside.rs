//! No kernel reads or writes outside its buffers.
//!
//! Every allocation with the alignment of the kernels' buffers gets its own pages between two inaccessible
//! pages, and ends at the end of its pages or starts at their start. A stray access
//! ends the process with SIGSEGV; the last printed line names the case.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
#![allow(unsafe_code)]

#[path = "shared/kernel_support/mod.rs"]
mod kernel_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use kernel_support::{KERNELS, Numbers, case, processors, runner};
use neurogain::Error;
use neurogain::backend::cpu::InstructionSet;
use neurogain::backend::cpu::simd::{Block, Kernel, Simd};
use neurogain::backend::{
    Binary, Cpu, Elementwise, Gathers, Losses, MatmulDims, Memory, Optimizers, PixelMaps, Products,
    sums,
};

/// The size of a page.
fn page() -> usize {
    // SAFETY: a query without arguments in memory.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// The alignment of the kernels' buffers.
const ALIGNMENT: usize = 64;

/// Whether buffers end, rather than begin, next to an inaccessible page.
static AT_THE_END: AtomicBool = AtomicBool::new(true);
/// The tests of this file run one at a time, because they set [`AT_THE_END`].
static TURN: Mutex<()> = Mutex::new(());

struct Fenced;

// SAFETY: allocations not aligned to 64 go to the system's allocator and back. The rest get their own whole
// readable and writable pages, at least `size` bytes from the returned pointer;
// `size` is rounded up to a multiple of 64, so that the pointer is aligned at either end.
unsafe impl GlobalAlloc for Fenced {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() != ALIGNMENT {
            // SAFETY: the caller's contract is the system allocator's.
            return unsafe { System.alloc(layout) };
        }
        let size = layout.size().next_multiple_of(ALIGNMENT);
        let page = page();
        let pages = size.next_multiple_of(page);
        // SAFETY: a new private mapping; of its `pages + 2·page` bytes, the `pages` after the first
        // page are opened. Offsets stay inside the mapping.
        unsafe {
            let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let length = pages + 2 * page;
            let start = libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_NONE,
                private,
                -1,
                0,
            );
            if start == libc::MAP_FAILED {
                return std::ptr::null_mut();
            }
            let start = start.cast::<u8>().add(page);
            if libc::mprotect(start.cast(), pages, libc::PROT_READ | libc::PROT_WRITE) != 0 {
                return std::ptr::null_mut();
            }
            match AT_THE_END.load(Ordering::Relaxed) {
                true => start.add(pages - size),
                false => start,
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if layout.align() != ALIGNMENT {
            // SAFETY: the caller's contract is the system allocator's.
            return unsafe { System.dealloc(pointer, layout) };
        }
        let page = page();
        let pages = layout
            .size()
            .next_multiple_of(ALIGNMENT)
            .next_multiple_of(page);
        // SAFETY: `alloc` left less than a page between the start of the pages and the pointer, at
        // either end, and the mapping begins a page before them.
        unsafe {
            let start = pointer.sub(pointer as usize % page);
            libc::munmap(start.sub(page).cast(), pages + 2 * page);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Fenced = Fenced;

/// Runs a test with buffers at the end, then at the start, of their pages.
fn at_both_ends(test: impl Fn()) {
    let _turn = TURN.lock();
    for end in [true, false] {
        AT_THE_END.store(end, Ordering::Relaxed);
        test();
    }
}

#[test]
fn every_kernel_on_every_instruction_set() {
    at_both_ends(|| {
        for cpu in processors() {
            for kernel in KERNELS {
                let cases = if cpu.instruction_set().name() == "portable" {
                    6
                } else {
                    30
                };
                runner(cases)
                    .run(&case(kernel, Numbers::Finite, 1 << 18), |case| {
                        eprintln!("{}: {case:?}", cpu.instruction_set().name());
                        case.run(&cpu).expect("it fits");
                        Ok(())
                    })
                    .unwrap_or_else(|problem| panic!("{kernel:?}: {problem}"));
            }
        }
    });
}

/// Loads and stores every block of a buffer, and sums them: all memory accesses that the
/// instruction sets make through unsafe code.
struct Touch<'a> {
    blocks: &'a mut [Block],
}

impl Kernel for Touch<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        let mut sum = s.splat(0.0);
        for block in self.blocks {
            let x = s.load(block);
            s.store(s.add(x, s.splat(1.0)), block);
            sum = s.add(sum, s.sums([x; 16]));
        }
        let mut lanes = [0.0; 16];
        s.store(sum, &mut lanes);
        lanes[0]
    }
}

#[test]
fn every_load_and_store() {
    at_both_ends(|| {
        let cpu = Cpu::new().expect("an instruction set");
        for blocks in 1..=130 {
            for set in InstructionSet::available() {
                let mut x = cpu.zeros(blocks * 16).expect("room");
                let all = x.as_mut_blocks();
                assert_eq!(set.run(Touch { blocks: all }), 0.0);
                assert!(x.as_slice().iter().all(|x| *x == 1.0), "{}", set.name());
            }
        }
    });
}

/// Whether a result is an error about shapes.
fn refused<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Shape { .. }))
}

#[test]
fn sizes_that_do_not_fit_are_errors() {
    let _turn = TURN.lock();
    let cpu = Cpu::new().expect("an instruction set");
    let zeros = |length: usize| cpu.zeros(length).expect("room");
    // Right lengths for 2 blocks, 3 outputs, 5 inputs: gain, w, x, y; each wrong in turn.
    let right: [usize; 4] = [3, 15, 160, 96];
    let dimensions = MatmulDims {
        blocks: 2,
        outputs: 3,
        inputs: 5,
    };
    for wrong in 0..4 {
        for off in [-1isize, 1] {
            let mut lengths = right;
            lengths[wrong] = lengths[wrong].wrapping_add_signed(off);
            let [g, mut w, mut x, mut y] = lengths.map(zeros);
            assert!(refused(cpu.matmul_forward(
                dimensions,
                Some(&g),
                &w,
                &x,
                &mut y
            )));
            assert!(refused(cpu.matmul_backward_data(
                dimensions,
                Some(&g),
                &w,
                &y,
                &mut x
            )));
            assert!(refused(cpu.matmul_backward_weights(
                dimensions,
                Some(&g),
                &y,
                &x,
                &mut w
            )));
        }
    }
    // Sizes whose product overflows.
    for blocks in [usize::MAX, usize::MAX / 16, 1 << 60, (1 << 60) + 1] {
        let dimensions = MatmulDims {
            blocks,
            outputs: 16,
            inputs: 16,
        };
        let [w, x, mut y] = [256, 0, 0].map(zeros);
        assert!(refused(
            cpu.matmul_forward(dimensions, None, &w, &x, &mut y)
        ));
    }
    let [mut four, mut five] = [4, 5].map(zeros);
    assert!(refused(cpu.binary(Binary::ReluBackward, &four, &mut five)));
    assert!(refused(cpu.binary(Binary::Multiply, &four, &mut five)));
    assert!(refused(cpu.binary(Binary::Multiply, &five, &mut four)));
    assert!(refused(cpu.gain_update(0.9, 1.0, 0.4, &four, &mut five)));
    assert!(refused(cpu.sgd(0.1, &four, &mut five)));
    let mut other = zeros(5);
    assert!(refused(cpu.momentum(
        0.1,
        0.9,
        &zeros(5),
        &mut four,
        &mut other
    )));
    assert!(refused(
        cpu.momentum(0.1, 0.9, &four, &mut five, &mut other)
    ));
    let step = kernel_support::ADAM;
    assert!(refused(cpu.adam(
        step,
        &zeros(5),
        &mut four,
        &mut other,
        &mut five
    )));
    assert!(refused(cpu.adam(
        step,
        &zeros(5),
        &mut other,
        &mut four,
        &mut five
    )));
    assert!(refused(cpu.upload(&[0.0; 3], &mut four)));
    assert!(refused(cpu.download(&four, &mut [0.0; 5])));
}

#[test]
fn labels_and_indices_out_of_range_are_errors() {
    let _turn = TURN.lock();
    let cpu = Cpu::new().expect("an instruction set");
    let zeros = |length: usize| cpu.zeros(length).expect("room");
    let bytes = |bytes: &[u8]| cpu.bytes(bytes).expect("room");
    let logits = zeros(3 * 16);
    let loss = |samples: usize, classes: usize, labels: &[u8], totals: usize| {
        let labels = bytes(labels);
        cpu.softmax_cross_entropy(samples, classes, &logits, &labels, None, &mut zeros(totals))
    };
    assert!(loss(2, 3, &[2, 0], sums::COUNT).is_ok());
    assert!(refused(loss(2, 3, &[3, 0], sums::COUNT)));
    assert!(refused(loss(2, 3, &[1], sums::COUNT)));
    assert!(refused(loss(2, 2, &[1, 0], sums::COUNT)));
    assert!(refused(loss(2, 3, &[1, 0], sums::COUNT + 1)));
    assert!(refused(loss(0, 0, &[], sums::COUNT)));
    assert!(refused(loss(usize::MAX, 3, &[], sums::COUNT)));

    let pixels = bytes(&[0; 12]);
    let gather = |table: usize, indices: &[u32], features: usize, out: usize| {
        cpu.gather(
            &pixels,
            &zeros(table),
            indices,
            None,
            features,
            &mut zeros(out),
        )
    };
    assert!(gather(256, &[3, 0], 3, 48).is_ok());
    assert!(gather(256, &[], 3, 0).is_ok());
    assert!(gather(256, &[], 0, 0).is_ok());
    assert!(refused(gather(256, &[4, 0], 3, 48)));
    assert!(refused(gather(256, &[u32::MAX], 3, 48)));
    assert!(refused(gather(256, &[0], 0, 0)));
    assert!(refused(gather(255, &[0], 3, 48)));
    assert!(refused(gather(0, &[0], 3, 48)));
    assert!(refused(gather(256, &[0], 3, 47)));
    assert!(refused(gather(256, &[0], usize::MAX, 48)));
    let mapped = |pixels: usize, sources: usize, of: &[u32]| {
        let sources = bytes(&vec![0xff; sources]);
        let maps = Some(PixelMaps {
            sources: &sources,
            pixels,
            of,
        });
        let table = zeros(256);
        cpu.gather(&bytes(&[0; 12]), &table, &[1, 0], maps, 6, &mut zeros(96))
    };
    assert!(mapped(6, 48, &[1, 0]).is_ok());
    assert!(mapped(2, 16, &[1, 0]).is_ok());
    assert!(refused(mapped(6, 48, &[2, 0])));
    assert!(refused(mapped(6, 48, &[1])));
    assert!(refused(mapped(6, 47, &[1, 0])));
    assert!(refused(mapped(4, 32, &[1, 0])));
    assert!(refused(mapped(0, 0, &[0, 0])));
    assert!(refused(mapped(usize::MAX, 48, &[0, 0])));
}

#[test]
fn a_number_of_threads_that_cannot_be_is_an_error() {
    let set = InstructionSet::detect().expect("an instruction set");
    assert!(matches!(Cpu::with(set, 0), Err(Error::Setting { .. })));
}
