//! The kernels compiled for the CPU: `kernels/host.cpp` as a shared library.
#![allow(unsafe_code)]

use alloc::format;
use alloc::string::{String, ToString};
use core::ffi::c_void;
use std::path::Path;

use libloading::Library;

use super::device::{Device, Handle, failure};
use super::launch::Launch;
use crate::error::{Error, Result};

type Entry = unsafe extern "C" fn(*mut *mut c_void, u32, *const u32, u32) -> i32;
type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;
type Free = unsafe extern "C" fn(*mut c_void);

/// The CPU in place of a GPU.
#[derive(Debug)]
pub struct Emulator {
    library: Library,
    allocate: Allocate,
    free: Free,
    order: u32,
}

const NAME: &str = "the kernels on the CPU";

impl Emulator {
    /// Loads the library at a path; `order` permutes the threads.
    pub fn load(path: &Path, order: u32) -> Result<Self> {
        let missing = |error: libloading::Error| {
            let remedy = "build it from kernels/host.cpp, with the command in its first lines";
            failure(NAME, format!("{}: {error}", path.display()), remedy)
        };
        // SAFETY: loading the library runs only the C++ runtime's code, and its functions
        // have the types that kernels/host.cpp gives them.
        unsafe {
            let library = Library::new(path).map_err(missing)?;
            let allocate = *library.get::<Allocate>("host_allocate").map_err(missing)?;
            let free = *library.get::<Free>("host_free").map_err(missing)?;
            Ok(Emulator {
                library,
                allocate,
                free,
                order,
            })
        }
    }
}

impl Device for Emulator {
    fn name(&self) -> &str {
        NAME
    }

    /// Other tiles for each order, large to small, so that all are tested.
    fn parallel(&self) -> usize {
        [1, 256, 6, 24][self.order as usize % 4]
    }

    fn peak(&self) -> Option<[f64; 2]> {
        None
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        // SAFETY: the function takes any number of bytes.
        let address = unsafe { (self.allocate)(bytes) };
        if address.is_null() {
            return Err(Error::Memory {
                purpose: "a tensor".into(),
                bytes: bytes as u64,
                remedy: "use a smaller batch or network".into(),
            });
        }
        Ok(address as u64)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: `address` came from `allocate`, as the caller promises.
        unsafe { (self.free)(address as *mut c_void) }
    }

    unsafe fn clear(&self, address: u64, bytes: usize) -> Result<()> {
        // SAFETY: there are `bytes` bytes, as the caller promises.
        unsafe { (address as *mut u8).write_bytes(0, bytes) };
        Ok(())
    }

    unsafe fn write(&self, address: u64, from: &[u8]) -> Result<()> {
        // SAFETY: there are `from.len()` bytes, as the caller promises, used by the device only.
        unsafe { (address as *mut u8).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        Ok(())
    }

    unsafe fn write_later(&self, address: u64, from: &[u8]) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.write(address, from) }
    }

    fn wait(&self) -> Result<()> {
        Ok(())
    }

    unsafe fn read(&self, address: u64, to: &mut [u8]) -> Result<()> {
        // SAFETY: there are `to.len()` bytes, as the caller promises, used by the device only.
        unsafe { (address as *const u8).copy_to_nonoverlapping(to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        // SAFETY: both have `bytes` bytes and do not overlap, as the caller promises.
        unsafe { (from as *const u8).copy_to_nonoverlapping(to as *mut u8, bytes) };
        Ok(())
    }

    unsafe fn launch(&self, launch: &Launch) -> Result<()> {
        let Launch {
            kernel,
            blocks,
            threads,
            ..
        } = launch;
        let mut arguments = launch.pointers();
        let symbol = format!("host_{kernel}");
        // SAFETY: every entry has this type (the macro ENTRY of kernels/host.h), and the arguments are
        // the kernel's, as the caller promises.
        let outcome = unsafe {
            let entry = self.library.get::<Entry>(symbol.as_str());
            let entry = entry.map_err(|error| broken(kernel, error.to_string()))?;
            entry(
                arguments.as_mut_ptr(),
                *blocks,
                threads.as_ptr(),
                self.order,
            )
        };
        match outcome {
            0 => Ok(()),
            1 => Err(broken(kernel, "not all threads reach a barrier".into())),
            _ => Err(broken(kernel, "it wrote outside its buffers".into())),
        }
    }

    unsafe fn record(&self, _launches: &[Launch]) -> Result<Handle> {
        Ok(Handle::default())
    }

    unsafe fn update_node(
        &self,
        _graph: &mut Handle,
        _number: usize,
        _launch: &Launch,
    ) -> Result<()> {
        Ok(())
    }

    unsafe fn replay(&self, _graph: &Handle, launches: &[Launch]) -> Result<()> {
        // SAFETY: as the caller promises.
        let mut launches = launches.iter().map(|launch| unsafe { self.launch(launch) });
        launches.try_for_each(|done| done)
    }

    fn destroy(&self, _graph: Handle) {}
}

fn broken(kernel: &str, problem: String) -> Error {
    let remedy = "this is a bug in kernels/";
    failure(NAME, format!("kernel {kernel}: {problem}"), remedy)
}
