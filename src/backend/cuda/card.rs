//! An NVIDIA card, through the driver's interface.
#![allow(unsafe_code)]

mod graph;

use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use core::ffi::c_void;
use std::collections::HashMap;

use cudarc::driver::result::{self as driver, DriverError};
use cudarc::driver::sys;

use super::compiler;
use super::device::{Device, Handle, failure};
use super::launch::Launch;
use crate::error::{Error, Result};

/// The least compute capability: 7.0, Volta.
const LEAST: [i32; 2] = [7, 0];

/// A card, with the kernels compiled for it.
#[derive(Debug)]
pub struct Card {
    name: String,
    multiprocessors: usize,
    rated: Option<[f64; 2]>,
    device: sys::CUdevice,
    context: sys::CUcontext,
    stream: sys::CUstream,
    module: sys::CUmodule,
    functions: HashMap<&'static str, sys::CUfunction>,
}

// SAFETY: the driver's handles may be used from any thread on which the context is current, and every
// function below makes it current first.
unsafe impl Send for Card {}
// SAFETY: as above; the driver orders what several threads ask for.
unsafe impl Sync for Card {}

/// The least version of CUDA that a driver must know: 12.0.
const OLDEST: i32 = 12_000;
const DRIVER: &str = "CUDA";
const INSTALL: &str = "install NVIDIA's driver, or run on the processor with `--device cpu`";

impl Card {
    /// The card with this number.
    pub fn open(ordinal: usize) -> Result<Self> {
        // SAFETY: NVIDIA's library runs no code that touches this program when it is loaded.
        if !unsafe { sys::is_culib_present() } {
            let problem = "NVIDIA's driver library (libcuda.so.1, nvcuda.dll) is missing";
            return Err(failure(DRIVER, problem.into(), INSTALL));
        }
        driver::init().map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => no_device(0, ordinal),
            _ => failed("the driver", "does not start", error),
        })?;
        let count = driver::device::get_count()
            .map_err(|error| failed("the driver", "counts no devices", error))?;
        let number = i32::try_from(ordinal).ok().filter(|number| *number < count);
        let number = number.ok_or_else(|| no_device(count, ordinal))?;
        let found = driver::device::get(number)
            .map_err(|error| failed("the driver", "gives no device", error))?;
        let name = driver::device::get_name(found).unwrap_or_default();
        let name = format!("CUDA device {ordinal} ({name})");
        let attribute = |attribute| {
            // SAFETY: `found` is a device.
            unsafe { driver::device::get_attribute(found, attribute) }
                .map_err(|error| failed(&name, "does not say what it is", error))
        };
        use sys::CUdevice_attribute_enum as Attribute;
        let capability = [
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ];
        if capability < LEAST {
            let [major, minor] = capability;
            let problem = format!("compute capability {major}.{minor} is too old");
            let remedy = "use a card of compute capability 7.0 or later, or `--device cpu`";
            return Err(failure(name, problem, remedy));
        }
        let pools = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)?;
        let version = version()?;
        if let Some(problem) = too_old(version, pools != 0) {
            let remedy = "install NVIDIA's driver 525 or later";
            return Err(failure(name, problem, remedy));
        }
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        // SAFETY: `found` is a device; its context is released when the card is dropped.
        let context = unsafe { driver::primary_ctx::retain(found) }
            .map_err(|error| failed(&name, "gives no context", error))?;
        let rated = rated(capability, multiprocessors, |number| attribute(number).ok());
        let mut card = Card {
            name,
            multiprocessors: multiprocessors.max(1) as usize,
            rated,
            device: found,
            context,
            stream: core::ptr::null_mut(),
            module: core::ptr::null_mut(),
            functions: HashMap::new(),
        };
        card.enter()?;
        keep_memory(found).map_err(|error| card.failed("does not keep memory", error))?;
        card.stream = driver::stream::create(driver::stream::StreamKind::NonBlocking)
            .map_err(|error| card.failed("gives no stream", error))?;
        card.load(capability, version / 1000)?;
        Ok(card)
    }

    /// Loads the kernels, for a driver that knows CUDA up to `newest`.
    fn load(&mut self, capability: [i32; 2], newest: i32) -> Result<()> {
        let code = compiler::cubin(capability, newest)?;
        // SAFETY: the image is a whole cubin, as NVRTC made it, within which the driver stays.
        let module = unsafe { driver::module::load_data(code.as_ptr().cast::<c_void>()) };
        let module = module.map_err(|error| {
            let remedy = "install a driver as new as the NVRTC that compiles the kernels";
            failure(
                &*self.name,
                format!("refuses the kernels ({error})"),
                remedy,
            )
        })?;
        self.module = module;
        for name in compiler::kernels() {
            let symbol = CString::new(name).unwrap_or_default();
            // SAFETY: the module was just loaded, and stays for as long as its context.
            let function = unsafe { driver::module::get_function(module, symbol) }
                .map_err(|error| self.failed(&format!("lacks kernel {name}"), error))?;
            self.functions.insert(name, function);
        }
        Ok(())
    }

    /// Makes the card's context this thread's.
    fn enter(&self) -> Result<()> {
        // SAFETY: the context is retained for as long as the card lives.
        unsafe { driver::ctx::set_current(self.context) }
            .map_err(|error| self.failed("cannot be used here", error))
    }

    fn function(&self, kernel: &str) -> Result<sys::CUfunction> {
        let function = self.functions.get(kernel).copied();
        function.ok_or_else(|| {
            let remedy = "this is a mistake in kernels/";
            failure(&*self.name, format!("has no kernel {kernel}"), remedy)
        })
    }

    fn failed(&self, what: &str, error: DriverError) -> Error {
        failed(&self.name, what, error)
    }
}

/// What CUDA the driver knows: 12040 for 12.4.
fn version() -> Result<i32> {
    let mut version = 0;
    // SAFETY: the driver writes a number.
    unsafe { sys::cuDriverGetVersion(&mut version) }
        .result()
        .map_err(|error| failed("the driver", "does not say its version", error))?;
    Ok(version)
}

/// What a driver of this version lacks.
fn too_old(version: i32, pools: bool) -> Option<String> {
    let (major, minor) = (version / 1000, version % 1000 / 10);
    match (version < OLDEST, pools) {
        (true, _) => Some(format!(
            "its driver knows CUDA {major}.{minor}, not yet 12.0"
        )),
        (false, false) => Some("its driver has no memory pools".into()),
        (false, true) => None,
    }
}

/// Lets the driver keep memory that is given back, until the process ends: else it goes back to the system
/// whenever the device is waited for, and takes long to come again.
fn keep_memory(device: sys::CUdevice) -> core::result::Result<(), DriverError> {
    use sys::CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD as THRESHOLD;
    let (mut pool, mut threshold) = (core::ptr::null_mut(), u64::MAX);
    // SAFETY: the driver writes the pool, and reads a threshold of 64 bits.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&mut pool, device).result()?;
        let threshold = (&raw mut threshold).cast::<c_void>();
        sys::cuMemPoolSetAttribute(pool, THRESHOLD, threshold).result()
    }
}

/// The rated speeds: lanes of 32 bits, two operations a cycle each, and two transfers of the memory's bus
/// a cycle.
fn rated(
    [major, minor]: [i32; 2],
    multiprocessors: i32,
    attribute: impl Fn(sys::CUdevice_attribute) -> Option<i32>,
) -> Option<[f64; 2]> {
    use sys::CUdevice_attribute_enum as Attribute;
    let lanes = match (major, minor) {
        (7, _) | (8, 0) => 64.0,
        _ => 128.0,
    };
    // Some drivers say 0 where they do not know.
    let known = |number| attribute(number).filter(|value| *value > 0);
    let clock = f64::from(known(Attribute::CU_DEVICE_ATTRIBUTE_CLOCK_RATE)?);
    let memory = f64::from(known(Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE)?);
    let width = f64::from(known(
        Attribute::CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH,
    )?);
    // Clocks are in kHz.
    let operations = 2.0 * lanes * f64::from(multiprocessors) * clock * 1e-6;
    Some([operations, 2.0 * memory * width / 8.0 * 1e-6])
}

fn no_device(count: i32, ordinal: usize) -> Error {
    let problem = format!("there is no device {ordinal}: {count} are visible");
    failure(
        DRIVER,
        problem,
        "look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use `--device cpu`",
    )
}

fn failed(device: &str, what: &str, error: DriverError) -> Error {
    let remedy =
        "look at nvidia-smi and the system's log; a process that has met this must be started anew";
    failure(device, format!("{what} ({error})"), remedy)
}

impl Device for Card {
    fn name(&self) -> &str {
        &self.name
    }

    fn parallel(&self) -> usize {
        2 * self.multiprocessors
    }

    fn rated(&self) -> Option<[f64; 2]> {
        self.rated
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.enter()?;
        // SAFETY: the stream is the card's, and all memory is used on it alone.
        unsafe { driver::malloc_async(self.stream, bytes) }.map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Error::Memory {
                purpose: format!("a tensor on {}", self.name),
                bytes: bytes as u64,
                remedy: "use a smaller batch or network, or free the card of other processes"
                    .into(),
            },
            _ => self.failed("gives no memory", error),
        })
    }

    unsafe fn free(&self, address: u64) {
        // An error here is the one that an earlier launch met; the next call that can fail says so.
        let _ = self.enter();
        // SAFETY: `address` came from `allocate`, as the caller promises; the stream orders its use.
        let _ = unsafe { driver::free_async(address, self.stream) };
    }

    unsafe fn clear(&self, address: u64, bytes: usize) -> Result<()> {
        self.enter()?;
        // SAFETY: there are `bytes` bytes, as the caller promises.
        unsafe { driver::memset_d8_async(address, 0, bytes, self.stream) }
            .map_err(|error| self.failed("cannot clear memory", error))
    }

    unsafe fn write(&self, address: u64, from: &[u8]) -> Result<()> {
        if from.is_empty() {
            return Ok(());
        }
        self.enter()?;
        // SAFETY: as the caller promises; what is copied stays until it has been waited for.
        unsafe { self.write_later(address, from)? };
        self.wait()
    }

    unsafe fn write_later(&self, address: u64, from: &[u8]) -> Result<()> {
        self.enter()?;
        // SAFETY: there are `from.len()` bytes, which stay as they are, as the caller promises.
        unsafe { driver::memcpy_htod_async(address, from, self.stream) }
            .map_err(|error| self.failed("cannot be copied to", error))
    }

    fn wait(&self) -> Result<()> {
        self.enter()?;
        // SAFETY: the stream is the card's.
        unsafe { driver::stream::synchronize(self.stream) }
            .map_err(|error| self.failed("failed in a kernel or a copy", error))
    }

    unsafe fn read(&self, address: u64, to: &mut [u8]) -> Result<()> {
        if to.is_empty() {
            return Ok(());
        }
        self.enter()?;
        // SAFETY: there are `to.len()` bytes, as the caller promises; the copy has ended when the
        // stream has been waited for, before `to` is used again.
        let copied = unsafe { driver::memcpy_dtoh_async(to, address, self.stream) };
        // SAFETY: the stream is the card's.
        let waited = unsafe { driver::stream::synchronize(self.stream) };
        copied
            .and(waited)
            .map_err(|error| self.failed("failed in a kernel or a copy", error))
    }

    unsafe fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()> {
        self.enter()?;
        // SAFETY: both have `bytes` bytes and do not overlap, as the caller promises.
        unsafe { driver::memcpy_dtod_async(to, from, bytes, self.stream) }
            .map_err(|error| self.failed("cannot copy memory", error))
    }

    unsafe fn launch(&self, launch: &Launch) -> Result<()> {
        self.enter()?;
        let (columns, rows) = (launch.threads[0], launch.threads[1]);
        // SAFETY: the function's module is loaded; the arguments are its own and its memory the
        // stream's, as the caller promises.
        unsafe {
            driver::launch_kernel(
                self.function(launch.kernel)?,
                (launch.blocks, 1, 1),
                (columns, rows, 1),
                0,
                self.stream,
                &mut launch.pointers(),
            )
        }
        .map_err(|error| self.failed(&format!("cannot launch kernel {}", launch.kernel), error))
    }

    unsafe fn record(&self, launches: &[Launch]) -> Result<Handle> {
        // SAFETY: as the caller promises.
        unsafe { self.record_graph(launches) }
    }

    unsafe fn amend(&self, graph: &mut Handle, number: usize, launch: &Launch) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.amend_graph(graph, number, launch) }
    }

    unsafe fn replay(&self, graph: &Handle, _launches: &[Launch]) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.replay_graph(graph) }
    }

    fn forget(&self, graph: Handle) {
        self.forget_graph(graph);
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        if self.enter().is_err() {
            return;
        }
        // SAFETY: nothing uses the stream and the context any more: every memory keeps the card alive.
        unsafe {
            if !self.stream.is_null() {
                let _ = driver::stream::synchronize(self.stream);
                let _ = driver::stream::destroy(self.stream);
            }
            if !self.module.is_null() {
                let _ = driver::module::unload(self.module);
            }
            let _ = driver::primary_ctx::release(self.device);
        }
    }
}
