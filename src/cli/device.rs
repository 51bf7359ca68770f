//! `--device`: where the kernels run.

use std::str::FromStr;

use neurogain::{Error, Result};

/// What `--device` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// The NVIDIA card with this number.
    Cuda(usize),
    /// A card where there is one, else the processor.
    Auto,
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let number = |number: &str| number.parse().ok().map(Device::Cuda);
        let device = match name {
            "cpu" => Some(Device::Cpu),
            "cuda" => Some(Device::Cuda(0)),
            "auto" => Some(Device::Auto),
            _ => name.strip_prefix("cuda:").and_then(number),
        };
        device.ok_or_else(|| Error::Setting {
            name: "--device".into(),
            value: name.into(),
            expected: "cpu, cuda, cuda:NUMBER or auto".into(),
        })
    }
}

impl Device {
    /// Refuses a card for what runs on the processor alone.
    pub fn only_cpu(self, what: &str) -> Result<()> {
        match self {
            Device::Cpu | Device::Auto => Ok(()),
            Device::Cuda(_) => Err(Error::Setting {
                name: "--device".into(),
                value: "cuda".into(),
                expected: format!("cpu, on which {what} run"),
            }),
        }
    }

    /// The card, unless it is the processor that is named or, with `auto`, that there is.
    #[cfg(feature = "cuda")]
    pub fn open(self, quiet: bool) -> Result<Option<neurogain::backend::Cuda>> {
        use neurogain::backend::Cuda;
        match self {
            Device::Cpu => Ok(None),
            Device::Cuda(number) => Cuda::new(number).map(Some),
            Device::Auto => match Cuda::new(0) {
                Ok(cuda) => Ok(Some(cuda)),
                Err(error) => {
                    fall_back(&error, quiet);
                    Ok(None)
                }
            },
        }
    }

    /// Refuses a card, which this program was built without.
    #[cfg(not(feature = "cuda"))]
    pub fn open(self, quiet: bool) -> Result<()> {
        let missing = Error::Device {
            device: "CUDA".into(),
            problem: "this program was built without it".into(),
            remedy: "build it with `--features cuda`, or run with `--device cpu`".into(),
        };
        match self {
            Device::Cpu => Ok(()),
            Device::Cuda(_) => Err(missing),
            Device::Auto => {
                fall_back(&missing, quiet);
                Ok(())
            }
        }
    }
}

/// Says that the processor takes the card's place, and why.
fn fall_back(error: &Error, quiet: bool) {
    if !quiet {
        super::output::complain("device", &format!("the processor ({error})"));
    }
}
