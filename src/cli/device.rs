//! `--device`: the device that runs the kernels.

use std::str::FromStr;

use neurogain::backend::cpu::InstructionSet;
use neurogain::{Cpu, Error, Result};

/// The value of `--device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The CPU.
    Cpu,
    /// The NVIDIA card with this number.
    Cuda(usize),
    /// An NVIDIA card if there is one, otherwise the CPU.
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
    /// Parses the flag; without it, the CPU.
    pub fn of(flag: Option<&str>) -> Result<Self> {
        flag.map_or(Ok(Device::Cpu), str::parse)
    }

    /// Opens the card; `None` for the CPU.
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

    /// Refuses a card: this program was built without CUDA.
    #[cfg(not(feature = "cuda"))]
    pub fn open(self) -> Result<Option<Card>> {
        let missing = Error::Device {
            device: "CUDA".into(),
            problem: "this program was built without CUDA".into(),
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

/// The opened card, and as many more of the same, each with its own queue of kernels, as make one for each of
/// `threads` runs; `None` without a card.
#[cfg(feature = "cuda")]
pub fn one_each(device: Device, card: Option<Card>, threads: usize) -> Result<Option<Cards>> {
    let number = match device {
        Device::Cuda(number) => number,
        Device::Cpu | Device::Auto => 0,
    };
    let more = || (1..threads).map(|_| Card::new(number));
    card.map(|first| core::iter::once(Ok(first)).chain(more()).collect())
        .transpose()
}

/// `None`: this program was built without CUDA.
#[cfg(not(feature = "cuda"))]
pub fn one_each(_: Device, card: Option<Card>, _: usize) -> Result<Option<Cards>> {
    Ok(card)
}

/// Cards, at least one; an empty type if the program was built without CUDA.
#[cfg(feature = "cuda")]
pub type Cards = Vec<Card>;
#[cfg(not(feature = "cuda"))]
pub type Cards = Card;

/// A CUDA device; an empty type if the program was built without CUDA.
#[cfg(feature = "cuda")]
pub type Card = neurogain::backend::Cuda;
#[cfg(not(feature = "cuda"))]
#[derive(Debug, Clone)]
pub enum Card {}

/// Evaluates an expression. In it, `$backend` is the opened card; without a card it is `$cpu`.
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

/// The number of parallel runs: the given number, or one per core. On a card it is 1 if none is given: each
/// run needs its own copy of the data there.
pub fn threads(asked: Option<u16>, card: Option<&Card>) -> usize {
    match (asked, card) {
        (Some(threads), _) => usize::from(threads),
        (None, Some(_)) => 1,
        (None, None) => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The CPU for `runs` parallel runs; `threads / runs` threads share the kernels of each run.
pub fn processor(threads: usize, runs: usize) -> Result<Cpu> {
    Cpu::with(InstructionSet::detect()?, (threads / runs.max(1)).max(1))
}

/// Prints the name of the card and the most memory that was in use by all runs.
pub fn tell(cards: Option<&Cards>, quiet: bool) {
    match cards.filter(|_| !quiet) {
        #[cfg(feature = "cuda")]
        Some(cards) => {
            let bytes: u64 = cards.iter().map(Card::most_memory_in_use).sum();
            let megabytes = bytes as f64 / 1e6;
            let message = format!(
                "{}, at most {megabytes:.1} MB of its memory in use",
                cards.first().map_or("", Card::name)
            );
            super::output::report_error("device", &message);
        }
        #[cfg(not(feature = "cuda"))]
        Some(cards) => match *cards {},
        None => {}
    }
}

/// Prints that the CPU is used instead of a card, and why.
fn fall_back(error: &Error) {
    super::output::report_error("device", &format!("using the CPU ({error})"));
}
