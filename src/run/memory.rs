//! The memory that this process may still take.

use std::path::Path;

use crate::error::{Error, Result};

/// What is taken to be free where the operating system does not say: 1 TiB.
const UNKNOWN_MACHINE: u64 = 1 << 40;

/// The memory that an experiment needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memory {
    /// Bytes at most; `u64::MAX` for more than a u64 holds.
    pub bytes: u64,
    /// What needs them, with the settings that change it.
    pub purpose: String,
    /// What would make it fit.
    pub remedy: &'static str,
}

impl Memory {
    /// Refuses what does not fit into the memory that is free.
    ///
    /// # Errors
    /// [`Error::Memory`] that names the sizes.
    pub fn check(&self) -> Result<()> {
        let available = available_memory();
        if self.bytes <= available {
            return Ok(());
        }
        let free = available as f64 / (1024.0 * 1024.0);
        Err(Error::Memory {
            purpose: self.purpose.clone(),
            bytes: self.bytes,
            remedy: format!("{free:.1} MiB are free: {}", self.remedy),
        })
    }
}

/// Bytes that this process may still take: the least of what is free, of what its limit on addresses leaves, and of
/// the limits of its control groups; 1 TiB where the operating system says none of these.
pub fn available_memory() -> u64 {
    let all = [free_memory(), address_limit(), group_limit()];
    let known = all.into_iter().flatten().min();
    known.unwrap_or(UNKNOWN_MACHINE)
}

/// `MemAvailable` of Linux: free, or freed as soon as it is asked for.
fn free_memory() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemAvailable:")
}

/// What is left of the limit on this process's addresses (`ulimit -v`).
fn address_limit() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let mut lines = text.lines();
    let line = lines.find_map(|l| l.strip_prefix("Max address space"))?;
    // Without a limit this is a word.
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kibibytes("/proc/self/status", "VmSize:")?))
}

/// The bytes that a line `name 123 kB` of a file of Linux says.
fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

/// The smallest memory limit of this process's control groups, of either version, and of those around
/// them.
///
/// What the groups already use is not taken off: it includes cached files, which give way.
fn group_limit() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    text.lines().filter_map(limit_of_group).min()
}

/// The smallest limit along one line of `/proc/self/cgroup`, `number:controllers:/path`.
fn limit_of_group(line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?.strip_prefix('/')?);
    let (root, file) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    Path::new(root)
        .join(path)
        .ancestors()
        .take_while(|folder| folder.starts_with(root))
        .filter_map(|folder| std::fs::read_to_string(folder.join(file)).ok())
        .filter_map(|limit| limit.trim().parse().ok())
        .min()
}
