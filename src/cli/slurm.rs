//! `neurogain sweep --slurm`: a job array with one task per cell, and the script that submits it.

use std::fs;
use std::path::Path;

use neurogain::run::Sweep;
use neurogain::run::settings::Document;
use neurogain::{Error, Result};

/// Writes `job.sh`, `submit.sh` and the folder `logs` for the tasks' output to the sweep's directory.
///
/// The scripts contain no absolute path: a directory prepared on one machine can be submitted on another.
pub fn write_scripts<D: Document>(directory: &Path, sweep: &Sweep<D>, device: &str) -> Result<()> {
    let logs = directory.join("logs");
    fs::create_dir_all(&logs).map_err(|error| refused(&logs, "create", error))?;
    // `auto` requests no card: it uses one if the node has it.
    let gres = match device.starts_with("cuda") {
        true => "\n#SBATCH --gres=gpu:1",
        false => "",
    };
    let job = include_str!("slurm/job.sh")
        .replace("@NAME@", sweep.base().common().name)
        .replace("@CELLS@", &sweep.cells().len().to_string())
        .replace("@DEVICE@", device)
        .replace("@GRES@", gres);
    write_script(&directory.join("job.sh"), &job)?;
    write_script(
        &directory.join("submit.sh"),
        include_str!("slurm/submit.sh"),
    )
}

fn write_script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| refused(path, "write", error))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let may_run = fs::Permissions::from_mode(0o755);
        fs::set_permissions(path, may_run).map_err(|error| refused(path, "write", error))?;
    }
    Ok(())
}

fn refused(path: &Path, action: &'static str, error: std::io::Error) -> Error {
    Error::File {
        path: path.display().to_string(),
        action,
        reason: error.to_string(),
    }
}
