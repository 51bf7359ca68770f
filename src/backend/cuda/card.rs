//! An NVIDIA GPU, accessed through the CUDA driver API.
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

/// The minimum compute capability: 7.0, Volta.
const LEAST: [i32; 2] = [7, 0];

/// A GPU with its context, stream and compiled kernels.
#[derive(Debug)]
pub struct Card {
    name: String,
    multiprocessors: usize,
    peak: Option<[f64; 2]>,
    device: sys::CUdevice,
    context: sys::CUcontext,
    stream: sys::CUstream,
    module: sys::CUmodule,
    functions: HashMap<&'static str, sys::CUfunction>,
}

// SAFETY: the driver's handles may be used from any thread on which the context is current, and every
// function below makes it current first.
unsafe impl Send for Card {}
// SAFETY: as above; the driver orders the calls of several threads.
unsafe impl Sync for Card {}

/// The minimum CUDA version that a driver must support: 12.0.
const OLDEST: i32 = 12_000;
const DRIVER: &str = "CUDA";
const INSTALL: &str = "install NVIDIA's driver, or run on the CPU with `--device cpu`";

impl Card {
    /// Opens the GPU with this number.
    pub fn open(ordinal: usize) -> Result<Self> {
        // SAFETY: NVIDIA's library runs no code that touches this program when it is loaded.
        if !unsafe { sys::is_culib_present() } {
            let problem = "NVIDIA's driver library (libcuda.so.1, nvcuda.dll) is missing";
            return Err(failure(DRIVER, problem.into(), INSTALL));
        }
        driver::init().map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_NO_DEVICE => no_device(0, ordinal),
            _ => failed("the driver", "cannot be initialised", error),
        })?;
        let count = driver::device::get_count()
            .map_err(|error| failed("the driver", "cannot count the devices", error))?;
        let number = i32::try_from(ordinal).ok().filter(|number| *number < count);
        let number = number.ok_or_else(|| no_device(count, ordinal))?;
        let found = driver::device::get(number)
            .map_err(|error| failed("the driver", "cannot open the device", error))?;
        let name = driver::device::get_name(found).unwrap_or_default();
        let name = format!("CUDA device {ordinal} ({name})");
        let attribute = |attribute| {
            // SAFETY: `found` is a device.
            unsafe { driver::device::get_attribute(found, attribute) }
                .map_err(|error| failed(&name, "does not report its attributes", error))
        };
        use sys::CUdevice_attribute_enum as Attribute;
        let capability = [
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
            attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        ];
        if capability < LEAST {
            let [major, minor] = capability;
            let problem = format!("compute capability {major}.{minor} is too old");
            let remedy = "use a GPU of compute capability 7.0 or later, or `--device cpu`";
            return Err(failure(name, problem, remedy));
        }
        let pools = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)?;
        let version = version()?;
        if let Some(problem) = too_old(version, pools != 0) {
            let remedy = "install NVIDIA's driver 525 or later";
            return Err(failure(name, problem, remedy));
        }
        let multiprocessors = attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        // SAFETY: `found` is a device; its context is released when the `Card` is dropped.
        let context = unsafe { driver::primary_ctx::retain(found) }
            .map_err(|error| failed(&name, "cannot create a context", error))?;
        let peak = peak(capability, multiprocessors, |number| attribute(number).ok());
        let mut card = Card {
            name,
            multiprocessors: multiprocessors.max(1) as usize,
            peak,
            device: found,
            context,
            stream: core::ptr::null_mut(),
            module: core::ptr::null_mut(),
            functions: HashMap::new(),
        };
        card.enter()?;
        keep_memory(found)
            .map_err(|error| card.failed("cannot configure its memory pool", error))?;
        card.stream = driver::stream::create(driver::stream::StreamKind::NonBlocking)
            .map_err(|error| card.failed("cannot create a stream", error))?;
        card.load(capability, version / 1000)?;
        Ok(card)
    }

    /// Loads the kernels, for a driver that supports CUDA up to `newest`.
    fn load(&mut self, capability: [i32; 2], newest: i32) -> Result<()> {
        let code = compiler::cubin(capability, newest)?;
        // SAFETY: the image is a complete cubin, as NVRTC produced it; the driver reads only within it.
        let module = unsafe { driver::module::load_data(code.as_ptr().cast::<c_void>()) };
        let module = module.map_err(|error| {
            let remedy = "install a driver at least as new as the NVRTC that compiles the kernels";
            failure(
                &*self.name,
                format!("cannot load the kernels ({error})"),
                remedy,
            )
        })?;
        self.module = module;
        for name in compiler::kernels() {
            let symbol = CString::new(name).unwrap_or_default();
            // SAFETY: the module was just loaded, and lives as long as its context.
            let function = unsafe { driver::module::get_function(module, symbol) }
                .map_err(|error| self.failed(&format!("lacks kernel {name}"), error))?;
            self.functions.insert(name, function);
        }
        Ok(())
    }

    /// Makes the GPU's context current on this thread.
    fn enter(&self) -> Result<()> {
        // SAFETY: the context is retained for as long as the `Card` lives.
        unsafe { driver::ctx::set_current(self.context) }
            .map_err(|error| self.failed("cannot be made current on this thread", error))
    }

    fn function(&self, kernel: &str) -> Result<sys::CUfunction> {
        let function = self.functions.get(kernel).copied();
        function.ok_or_else(|| {
            let remedy = "this is a bug in kernels/";
            failure(&*self.name, format!("has no kernel {kernel}"), remedy)
        })
    }

    fn failed(&self, what: &str, error: DriverError) -> Error {
        failed(&self.name, what, error)
    }
}

/// The CUDA version that the driver supports: 12040 for 12.4.
fn version() -> Result<i32> {
    let mut version = 0;
    // SAFETY: the driver writes a number.
    unsafe { sys::cuDriverGetVersion(&mut version) }
        .result()
        .map_err(|error| failed("the driver", "does not report its version", error))?;
    Ok(version)
}

/// What a driver of this version lacks, if anything.
fn too_old(version: i32, pools: bool) -> Option<String> {
    let (major, minor) = (version / 1000, version % 1000 / 10);
    match (version < OLDEST, pools) {
        (true, _) => Some(format!(
            "its driver supports CUDA {major}.{minor}; 12.0 or later is needed"
        )),
        (false, false) => Some("its driver has no memory pools".into()),
        (false, true) => None,
    }
}

/// Makes the driver keep freed memory until the process ends. By default the memory returns to the system
/// at every synchronisation, and allocating it again takes long.
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

/// The peak speeds: 32-bit lanes with two operations per cycle each, and two transfers per cycle of the memory
/// bus.
fn peak(
    [major, minor]: [i32; 2],
    multiprocessors: i32,
    attribute: impl Fn(sys::CUdevice_attribute) -> Option<i32>,
) -> Option<[f64; 2]> {
    use sys::CUdevice_attribute_enum as Attribute;
    let lanes = match (major, minor) {
        (7, _) | (8, 0) => 64.0,
        _ => 128.0,
    };
    // Some drivers report 0 for unknown.
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
    let problem = format!("there is no device {ordinal}; visible devices: {count}");
    failure(
        DRIVER,
        problem,
        "check nvidia-smi and CUDA_VISIBLE_DEVICES, or use `--device cpu`",
    )
}

fn failed(device: &str, what: &str, error: DriverError) -> Error {
    let remedy = "check nvidia-smi and the system log, then restart this process";
    failure(device, format!("{what} ({error})"), remedy)
}

impl Device for Card {
    fn name(&self) -> &str {
        &self.name
    }

    fn parallel(&self) -> usize {
        2 * self.multiprocessors
    }

    fn peak(&self) -> Option<[f64; 2]> {
        self.peak
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.enter()?;
        // SAFETY: the stream is this GPU's, and all memory is used on this stream only.
        unsafe { driver::malloc_async(self.stream, bytes) }.map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Error::Memory {
                purpose: format!("a tensor on {}", self.name),
                bytes: bytes as u64,
                remedy: "use a smaller batch or network, or stop other processes that use the GPU"
                    .into(),
            },
            _ => self.failed("cannot allocate memory", error),
        })
    }

    unsafe fn free(&self, address: u64) {
        // An error here is from an earlier launch; the next call that returns a result reports it.
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
        // SAFETY: as the caller promises; the source stays unchanged until the device has been waited for.
        unsafe { self.write_later(address, from)? };
        self.wait()
    }

    unsafe fn write_later(&self, address: u64, from: &[u8]) -> Result<()> {
        self.enter()?;
        // SAFETY: there are `from.len()` bytes, which stay unchanged, as the caller promises.
        unsafe { driver::memcpy_htod_async(address, from, self.stream) }
            .map_err(|error| self.failed("cannot receive a copy", error))
    }

    fn wait(&self) -> Result<()> {
        self.enter()?;
        // SAFETY: the stream is this GPU's.
        unsafe { driver::stream::synchronize(self.stream) }
            .map_err(|error| self.failed("failed in a kernel or a copy", error))
    }

    unsafe fn read(&self, address: u64, to: &mut [u8]) -> Result<()> {
        if to.is_empty() {
            return Ok(());
        }
        self.enter()?;
        // SAFETY: there are `to.len()` bytes, as the caller promises; synchronising the stream below ends the copy
        // before `to` is used again.
        let copied = unsafe { driver::memcpy_dtoh_async(to, address, self.stream) };
        // SAFETY: the stream is this GPU's.
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

    unsafe fn update_node(&self, graph: &mut Handle, number: usize, launch: &Launch) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.amend_graph(graph, number, launch) }
    }

    unsafe fn replay(&self, graph: &Handle, _launches: &[Launch]) -> Result<()> {
        // SAFETY: as the caller promises.
        unsafe { self.replay_graph(graph) }
    }

    fn destroy(&self, graph: Handle) {
        self.forget_graph(graph);
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        if self.enter().is_err() {
            return;
        }
        // SAFETY: nothing uses the stream and the context any more: every allocation keeps the `Card` alive.
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
