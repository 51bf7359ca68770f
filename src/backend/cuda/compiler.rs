//! The kernels' source, and NVRTC, which compiles it for a GPU at run time.
#![allow(unsafe_code)]

use alloc::ffi::CString;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};

use libloading::Library;
use sha2::{Digest, Sha256};

use super::device::failure;
use crate::error::{Error, Result};

/// All kernel files, in the order in which they are concatenated: `kernels/common.cuh`, then each `kernels/*.cu`, as
/// `build.rs` lists them.
const SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

/// Options that guarantee the bits: products and sums are contracted only where the kernel says so, subnormal
/// numbers are kept, division and square root round correctly.
const OPTIONS: [&str; 4] = [
    "--fmad=false",
    "--ftz=false",
    "--prec-div=true",
    "--prec-sqrt=true",
];

/// Bytes of the SHA-256 digest at the end of a cache file.
const DIGEST: usize = 32;

/// The kernels as one program.
fn program() -> String {
    let mut program = String::from("#define ENTRY(name)\n");
    for (name, text) in SOURCES {
        program.push_str(&format!("#line 1 \"{name}\"\n{text}\n"));
    }
    program
}

/// The names of all kernels: the arguments of `ENTRY`.
pub fn kernels() -> impl Iterator<Item = &'static str> {
    let lines = SOURCES.iter().flat_map(|(_, text)| text.lines());
    lines.filter_map(|line| line.strip_prefix("ENTRY(")?.strip_suffix(')'))
}

/// The cubin (machine code) of all kernels for a compute capability, from the disk cache if it was compiled
/// before. If several NVRTC are installed, those not newer than CUDA `newest`, which the driver supports, come first,
/// because the driver loads only their code; then those that still support the capability.
pub fn cubin(capability: [i32; 2], newest: i32) -> Result<Vec<u8>> {
    let mut found = Nvrtc::found()?;
    found.sort_by_key(|nvrtc| nvrtc.version().is_ok_and(|[major, _]| major > newest));
    let mut refusal = None;
    for nvrtc in &found {
        match of_nvrtc(nvrtc, capability) {
            Ok(code) => return Ok(code),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or_else(missing))
}

fn of_nvrtc(nvrtc: &Nvrtc, capability: [i32; 2]) -> Result<Vec<u8>> {
    let version = nvrtc.version()?;
    let program = program();
    let key = format!("{OPTIONS:?} {version:?} {program}");
    let hash: String = Sha256::digest(key)[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let [major, minor] = capability;
    let file = cache().map(|folder| folder.join(format!("kernels-{hash}-sm_{major}{minor}.cubin")));
    if let Some(code) = file.as_deref().and_then(kept) {
        return Ok(code);
    }
    let code = nvrtc.compile(&program, capability)?;
    if let Some(file) = file {
        keep(&file, &code);
    }
    Ok(code)
}

/// The cubin in a cache file, if its digest matches. A driver follows the cubin's internal offsets
/// without knowing its length, so damaged code must not reach it.
fn kept(file: &Path) -> Option<Vec<u8>> {
    let mut code = std::fs::read(file).ok()?;
    let digest = code.split_off(code.len().checked_sub(DIGEST)?);
    (Sha256::digest(&code)[..] == digest[..]).then_some(code)
}

/// Writes a cubin and its digest. If the cache cannot be written, the next start compiles
/// again.
fn keep(file: &Path, code: &[u8]) {
    let beside = file.with_extension(std::process::id().to_string());
    let _ = file.parent().map(std::fs::create_dir_all);
    let contents = [code, &Sha256::digest(code)].concat();
    if std::fs::write(&beside, contents).is_err() || std::fs::rename(&beside, file).is_err() {
        let _ = std::fs::remove_file(&beside);
    }
}

/// The directory for compiled kernels: `NEUROGAIN_CACHE`, else the user's cache directory.
fn cache() -> Option<PathBuf> {
    let folder = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let user = || folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    folder("NEUROGAIN_CACHE").or_else(|| Some(user()?.join("neurogain")))
}

type Program = *mut c_void;
type Status = c_int;

/// NVIDIA's run-time compiler.
struct Nvrtc {
    library: Library,
}

const NAME: &str = "NVRTC";
const INSTALL: &str = "install it (the CUDA toolkit has it; so has `pip install nvidia-cuda-nvrtc`) \
    and name its file in NEUROGAIN_NVRTC where the system does not find it";

/// The library file names to try.
fn names() -> Vec<String> {
    let given = std::env::var("NEUROGAIN_NVRTC").ok();
    match given.filter(|path| !path.is_empty()) {
        Some(path) => vec![path],
        None => [
            "libnvrtc.so.13",
            "libnvrtc.so.12",
            "libnvrtc.so",
            "nvrtc64_130_0.dll",
            "nvrtc64_120_0.dll",
        ]
        .map(String::from)
        .into(),
    }
}

fn missing() -> Error {
    let names = names().join(", ");
    let problem = format!("the library that compiles kernels is missing ({names})");
    failure(NAME, problem, INSTALL)
}

/// An NVRTC program, destroyed when dropped.
struct Owned<'a> {
    nvrtc: &'a Nvrtc,
    program: Program,
}

impl Nvrtc {
    /// The libraries that the system finds, or the one named by the user: at least one.
    fn found() -> Result<Vec<Self>> {
        // SAFETY: loading NVIDIA's library runs no code that touches this program.
        let load = |name: &String| unsafe { Library::new(name) }.ok();
        let found: Vec<Self> = names()
            .iter()
            .filter_map(load)
            .map(|library| Nvrtc { library })
            .collect();
        match found.is_empty() {
            true => Err(missing()),
            false => Ok(found),
        }
    }

    /// A function of the library.
    ///
    /// # Safety
    /// `F` is its type.
    unsafe fn function<F: Copy>(&self, name: &str) -> Result<F> {
        // SAFETY: `F` is its type, as the caller promises.
        let found = unsafe { self.library.get::<F>(name) };
        found
            .map(|function| *function)
            .map_err(|error| failure(NAME, error.to_string(), INSTALL))
    }

    fn version(&self) -> Result<[c_int; 2]> {
        let mut version = [0; 2];
        let [major, minor] = &mut version;
        // SAFETY: nvrtcVersion writes one int to each of two addresses.
        let status = unsafe {
            let function: unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status =
                self.function("nvrtcVersion")?;
            function(major, minor)
        };
        self.done(status, "nvrtcVersion", String::new())?;
        Ok(version)
    }

    fn compile(&self, source: &str, [major, minor]: [i32; 2]) -> Result<Vec<u8>> {
        let text =
            |text: &str| CString::new(text).map_err(|error| failure(NAME, error.to_string(), ""));
        let (source, name) = (text(source)?, text("neurogain.cu")?);
        let architecture = format!("--gpu-architecture=sm_{major}{minor}");
        let options = OPTIONS
            .iter()
            .copied()
            .chain([architecture.as_str(), "--std=c++17"]);
        let options = options.map(text).collect::<Result<Vec<_>>>()?;
        let pointers: Vec<*const c_char> = options.iter().map(|option| option.as_ptr()).collect();
        let mut program: Program = core::ptr::null_mut();
        // SAFETY: source and name end with NUL; there are no headers, so their arrays may be null.
        let status = unsafe {
            let create: unsafe extern "C" fn(
                *mut Program,
                *const c_char,
                *const c_char,
                c_int,
                *const c_void,
                *const c_void,
            ) -> Status = self.function("nvrtcCreateProgram")?;
            let none = core::ptr::null();
            create(&mut program, source.as_ptr(), name.as_ptr(), 0, none, none)
        };
        self.done(status, "nvrtcCreateProgram", String::new())?;
        let program = Owned {
            nvrtc: self,
            program,
        };
        // SAFETY: the count is that of the pointers to options, each of which ends with NUL.
        let status = unsafe {
            let compile: unsafe extern "C" fn(Program, c_int, *const *const c_char) -> Status =
                self.function("nvrtcCompileProgram")?;
            compile(program.program, pointers.len() as c_int, pointers.as_ptr())
        };
        if status != 0 {
            let log = program.bytes("nvrtcGetProgramLogSize", "nvrtcGetProgramLog")?;
            let log = CStr::from_bytes_until_nul(&log)
                .map_or(String::new(), |log| log.to_string_lossy().into());
            self.done(status, "nvrtcCompileProgram", log)?;
        }
        program.bytes("nvrtcGetCUBINSize", "nvrtcGetCUBIN")
    }

    /// Fails unless a call succeeded.
    fn done(&self, status: Status, call: &str, log: String) -> Result<()> {
        match status {
            0 => Ok(()),
            5 => Err(failure(
                NAME,
                format!("it does not support this GPU's architecture. {log}"),
                "install another version of it: the newest for a new GPU, 12 for a GPU older than compute capability 7.5",
            )),
            _ => Err(failure(
                NAME,
                format!("{call} failed with status {status}. {log}"),
                INSTALL,
            )),
        }
    }
}

impl Owned<'_> {
    /// The contents returned by a pair of functions, one for the size and one for the bytes.
    fn bytes(&self, size: &str, contents: &str) -> Result<Vec<u8>> {
        let mut length = 0usize;
        // SAFETY: both functions take the program; the first writes one size, the second that many bytes.
        unsafe {
            let get: unsafe extern "C" fn(Program, *mut usize) -> Status =
                self.nvrtc.function(size)?;
            self.nvrtc
                .done(get(self.program, &mut length), size, String::new())?;
            let mut bytes = vec![0u8; length];
            let get: unsafe extern "C" fn(Program, *mut u8) -> Status =
                self.nvrtc.function(contents)?;
            self.nvrtc.done(
                get(self.program, bytes.as_mut_ptr()),
                contents,
                String::new(),
            )?;
            Ok(bytes)
        }
    }
}

impl Drop for Owned<'_> {
    fn drop(&mut self) {
        // SAFETY: the program was created and is not used afterwards.
        unsafe {
            let destroy = self
                .nvrtc
                .function::<unsafe extern "C" fn(*mut Program) -> Status>("nvrtcDestroyProgram");
            if let Ok(destroy) = destroy {
                destroy(&mut self.program);
            }
        }
    }
}

/// Compiles all kernels for compute capability `major.minor` to machine code, a cubin.
///
/// Needs NVRTC, but no GPU.
///
/// # Errors
/// [`Error::Device`](crate::Error::Device) if NVRTC is missing or rejects the kernels or the capability.
pub fn compile(major: i32, minor: i32) -> Result<Vec<u8>> {
    let found = Nvrtc::found()?;
    let first = found.first().ok_or_else(missing)?;
    first.compile(&program(), [major, minor])
}
