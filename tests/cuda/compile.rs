//! NVRTC compiles every kernel for Volta, Ampere and Hopper; no kernel spills registers, and none uses so many
//! that too few threads fit. Needs no GPU.

use crate::emulated;
use std::collections::BTreeMap;

use neurogain::backend::cuda::compile;

/// The resources of a multiprocessor that a kernel uses.
#[derive(Debug, Default, Clone, Copy)]
struct Need {
    registers: u32,
    /// Bytes of local memory per thread: spilled registers.
    stack: u32,
    /// Bytes of shared memory per thread block.
    shared: usize,
}

/// The kernels of a cubin, which is a 64-bit ELF file.
fn needs(cubin: &[u8]) -> BTreeMap<String, Need> {
    let word = |at: usize| u32::from_le_bytes(cubin[at..at + 4].try_into().unwrap());
    let long = |at: usize| u64::from_le_bytes(cubin[at..at + 8].try_into().unwrap());
    let half = |at: usize| usize::from(u16::from_le_bytes([cubin[at], cubin[at + 1]]));
    assert_eq!(&cubin[..4], b"\x7fELF");
    let (table, size, count, names) = (long(0x28) as usize, half(0x3a), half(0x3c), half(0x3e));
    let header = |section: usize| table + section * size;
    let start = |section: usize| long(header(section) + 0x18) as usize;
    let length = |section: usize| long(header(section) + 0x20) as usize;
    let text = |at: usize| -> String {
        let bytes = cubin[at..].iter().take_while(|byte| **byte != 0);
        bytes.map(|byte| char::from(*byte)).collect()
    };
    let name = |section: usize| text(start(names) + word(header(section)) as usize);
    let section_of = |wanted: &str| (0..count).find(|section| name(*section) == wanted);
    let symbols = section_of(".symtab").expect("symbols");
    let strings = section_of(".strtab").expect("names of symbols");
    let symbol =
        |number: u32| text(start(strings) + word(start(symbols) + number as usize * 24) as usize);
    let mut found: BTreeMap<String, Need> = BTreeMap::new();
    for kernel in (0..count).map(name) {
        if let Some(kernel) = kernel.strip_prefix(".text.") {
            found.insert(kernel.into(), Need::default());
        }
    }
    for section in 0..count {
        let kernel = name(section).strip_prefix(".nv.shared.").map(String::from);
        if let Some(need) = kernel.and_then(|kernel| found.get_mut(&kernel)) {
            need.shared = length(section);
        }
    }
    // Attributes of all kernels: format, attribute, and the size of a symbol and a value. 0x2f is the
    // number of registers, 0x12 the bytes of stack.
    let (mut at, end) = {
        let info = section_of(".nv.info").expect("attributes");
        (start(info), start(info) + length(info))
    };
    while at < end {
        let (format, attribute) = (cubin[at], cubin[at + 1]);
        let size = if format == 4 { half(at + 2) } else { 0 };
        if size == 8 {
            let value = word(at + 8);
            let need = found.get_mut(&symbol(word(at + 4)));
            match (need, attribute) {
                (Some(need), 0x2f) => need.registers = value,
                (Some(need), 0x12) => need.stack = value,
                _ => {}
            }
        }
        at += 4 + size;
    }
    found
}

/// A multiprocessor has 65,536 registers, and latency is hidden by the threads that fit in them.
/// The products need many registers, the other kernels many threads.
fn most_registers(kernel: &str) -> u32 {
    match kernel {
        "conv2d_backward_weights" => 128,
        "conv2d_weight_partials" => 168,
        "winograd_forward" | "winograd_backward_data" | "winograd_weight_partials" => 128,
        _ if !kernel.starts_with("conv2d_forward") && !kernel.starts_with("conv2d_backward") => 64,
        _ if kernel.ends_with("_5x8") => 96,
        _ if kernel.ends_with("_5x4") || kernel.ends_with("_1x8") => 128,
        _ => 232,
    }
}

#[test]
fn every_kernel_for_every_architecture() {
    let mut kernels = None;
    let mut beyond: Vec<String> = Vec::new();
    for (major, minor) in [(7, 0), (8, 0), (9, 0)] {
        let cubin = match compile(major, minor) {
            Ok(cubin) => cubin,
            Err(error) if error.to_string().contains("missing") => {
                return emulated::skipped("the compilation of the kernels", &error.to_string());
            }
            Err(error) => panic!("{error}"),
        };
        let needs = needs(&cubin);
        for (kernel, need) in &needs {
            eprintln!("sm_{major}{minor} {kernel}: {need:?}");
            assert!(need.registers > 0, "{kernel}: its registers were not found");
            let fits = need.registers <= most_registers(kernel) && need.shared <= 48 * 1024;
            if need.stack > 0 || !fits {
                beyond.push(format!("sm_{major}{minor} {kernel}: {need:?}"));
            }
        }
        let names: Vec<String> = needs.into_keys().collect();
        assert_eq!(*kernels.get_or_insert_with(|| names.clone()), names);
    }
    assert!(beyond.is_empty(), "spills or too large: {beyond:#?}");
    // As many as the sources declare: none is lost on the way.
    let sources = std::fs::read_dir(emulated::kernels()).expect("the kernels");
    let sources = sources.map(|entry| entry.expect("an entry").path());
    let sources = sources.filter(|path| path.extension().is_some_and(|found| found == "cu"));
    let text = sources.map(|path| std::fs::read_to_string(path).expect("a kernel"));
    let declared = text.map(|text| text.matches("\nENTRY(").count()).sum();
    assert_eq!(kernels.map(|kernels| kernels.len()), Some(declared));
}
