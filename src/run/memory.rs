//! The memory that is available to this process.

use std::path::Path;

use crate::error::{Error, Result};

/// Assumed when the operating system gives no figure: 1 TiB.
const UNKNOWN_MACHINE: u64 = 1 << 40;

/// The memory that an experiment needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Upper bound in bytes; `u64::MAX` if a u64 cannot hold it.
    pub bytes: u64,
    /// What needs the memory, with the settings that change it.
    pub purpose: String,
    /// How to reduce it.
    pub remedy: &'static str,
}

impl MemoryNeed {
    /// Checks that the need fits into the available memory.
    ///
    /// # Errors
    /// [`Error::Memory`], with the sizes, if it does not.
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

/// Bytes that are available to this process: the least of the free memory, the rest of its address-space limit, and
/// the limits of its control groups; 1 TiB if the operating system gives none of these.
pub fn available_memory() -> u64 {
    let all = [free_memory(), address_limit(), group_limit()];
    let known = all.into_iter().flatten().min();
    known.unwrap_or(UNKNOWN_MACHINE)
}

/// Linux's `MemAvailable`: memory that is free or can be freed at once.
fn free_memory() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemAvailable:")
}

/// The rest of this process's address-space limit (`ulimit -v`).
fn address_limit() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let mut lines = text.lines();
    let line = lines.find_map(|l| l.strip_prefix("Max address space"))?;
    // `unlimited` does not parse.
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kibibytes("/proc/self/status", "VmSize:")?))
}

/// The value, in bytes, of the line `name 123 kB` in a Linux status file.
fn kibibytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    number.checked_mul(1024)
}

/// The smallest memory limit of this process's control groups (version 1 or 2) and their ancestors.
///
/// The groups' current use is not subtracted: it includes cached files, which can be freed.
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
