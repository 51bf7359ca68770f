//! `--device`: where the kernels run.

use std::str::FromStr;

use neurogain::backend::cpu::InstructionSet;
use neurogain::{Cpu, Error, Result};

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
        let digits = |number: &&str| number.bytes().all(|byte| byte.is_ascii_digit());
        let number = |number: &str| number.parse().ok().map(Device::Cuda);
        let device = match name {
            "cpu" => Some(Device::Cpu),
            "cuda" => Some(Device::Cuda(0)),
            "auto" => Some(Device::Auto),
            _ => name.strip_prefix("cuda:").filter(digits).and_then(number),
        };
        device.ok_or_else(|| Error::Setting {
            name: "--device".into(),
            value: name.into(),
            expected: "cpu, cuda, cuda:NUMBER or auto".into(),
        })
    }
}

impl Device {
    /// The device of a flag; the processor without one.
    pub fn of(flag: Option<&str>) -> Result<Self> {
        flag.map_or(Ok(Device::Cpu), str::parse)
    }

    /// The card, unless it is the processor that is named or, with `auto`, that there is.
    #[cfg(feature = "cuda")]
    pub fn open(self) -> Result<Option<Card>> {
        match self {
            Device::Cpu => Ok(None),
            Device::Cuda(number) => Card::new(number).map(Some),
            Device::Auto => match Card::new(0) {
                Ok(card) => Ok(Some(card)),
                Err(error) => {
                    fall_back(&error);
                    Ok(None)
                }
            },
        }
    }

    /// Refuses a card, which this program was built without.
    #[cfg(not(feature = "cuda"))]
    pub fn open(self) -> Result<Option<Card>> {
        let missing = Error::Device {
            device: "CUDA".into(),
            problem: "this program was built without it".into(),
            remedy: "build it with `--features cuda`, or run with `--device cpu`".into(),
        };
        match self {
            Device::Cpu => Ok(None),
            Device::Cuda(_) => Err(missing),
            Device::Auto => {
                fall_back(&missing);
                Ok(None)
            }
        }
    }
}

/// A card; there is none where the program was built without.
#[cfg(feature = "cuda")]
pub type Card = neurogain::backend::Cuda;
#[cfg(not(feature = "cuda"))]
#[derive(Debug, Clone)]
pub enum Card {}

/// An expression with `$backend` the card that was opened, if one was, else `$cpu`.
macro_rules! on_device {
    ($card:expr, $cpu:expr, |$backend:ident| $do:expr) => {
        match $card {
            #[cfg(feature = "cuda")]
            Some(card) => {
                let $backend = &card;
                $do
            }
            None => {
                let $backend = &$cpu;
                $do
            }
        }
    };
}
pub(super) use on_device;

/// How many runs go side by side: as many as asked for, or one a core; one on a card, whose kernels would only
/// wait for each other's.
pub fn threads(asked: Option<u16>, card: Option<&Card>) -> usize {
    match (asked, card) {
        (_, Some(_)) => 1,
        (Some(threads), None) => usize::from(threads),
        (None, None) => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The processor for so many runs: they go side by side, and the threads that they leave over share the kernels
/// of each.
pub fn processor(threads: usize, runs: usize) -> Result<Cpu> {
    Cpu::with(InstructionSet::detect()?, (threads / runs.max(1)).max(1))
}

/// Says which card it was, and how much of its memory was in use.
pub fn tell(card: Option<&Card>, quiet: bool) {
    match card.filter(|_| !quiet) {
        #[cfg(feature = "cuda")]
        Some(card) => {
            let megabytes = card.most_memory_in_use() as f64 / 1e6;
            let message = format!("{}, at most {megabytes:.1} MB of its memory", card.name());
            super::output::complain("device", &message);
        }
        #[cfg(not(feature = "cuda"))]
        Some(card) => match *card {},
        None => {}
    }
}

/// Says that the processor takes the card's place, and why.
fn fall_back(error: &Error) {
    super::output::complain("device", &format!("the processor ({error})"));
}
