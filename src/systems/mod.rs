//! The systems, one folder per paper.

pub mod comodulation;
pub mod plasticity;
pub mod stability_gap;

use crate::run::System;
use crate::run::settings::DocumentKind;

pub use comodulation::Comodulation;
pub use plasticity::Plasticity;
pub use stability_gap::StabilityGap;

/// Builds, from one line per system (the `kind` of its documents, and its type), the list of the kinds of documents and
/// the macro `with_system`, which runs code that is generic over the system.
macro_rules! registry {
    ($d:tt $($kind:pat => $system:ident),+ $(,)?) => {
        /// The kinds of documents of settings.
        pub(crate) const DOCUMENTS: &[DocumentKind] =
            &[$(DocumentKind::of::<<$system as System>::Settings>()),+];

        /// Evaluates `$body`, in which `$name` is the system whose documents have this `kind`, an `Option<&str>`; an
        /// error for an unknown kind.
        #[cfg(feature = "cli")]
        macro_rules! with_system {
            ($d given:expr, $d name:ident => $d body:expr) => {
                match $d given {
                    $($kind => {
                        type $d name = $crate::systems::$system;
                        $d body
                    })+
                    Some(other) => Err($crate::run::settings::unknown_kind(other)),
                }
            };
        }
        #[cfg(feature = "cli")]
        pub(crate) use with_system;
    };
}

// One line per system.
registry! { $
    None => StabilityGap,
    Some("comodulation") => Comodulation,
    Some("plasticity") => Plasticity,
}
