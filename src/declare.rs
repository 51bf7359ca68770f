//! `settings!` declares settings: a table, a choice, or a tagged table, whose keys depend on the tag.
//!
//! It defines the type and, with feature `report`, its description for [`crate::run::settings`]. Error messages,
//! `--set`, `list --show`, the reference of all keys and the JSON Schema are made from that description. A key is
//! written `/// documentation`, `name: Type [Range] = default,`. Range and default are optional; the default is TOML.
//!
//! ```text
//! settings! {
//!     /// g ← γ·g + (1−γ)·g0 + η·H.
//!     #[derive(Debug, Clone, PartialEq)]
//!     pub struct GainSettings {
//!         /// Decay γ.
//!         pub gamma: f32 [Fraction] = 0.9,
//!     }
//! }
//! ```

macro_rules! settings {
    (
        $(#[doc = $doc:literal])*
        #[derive($($derive:ident),*)]
        pub struct $name:ident {
            $( $(#[doc = $about:literal])* pub $key:ident: $type:ty $([$range:expr])? $(= $default:tt)?, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive($($derive),*)]
        #[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
        pub struct $name { $( $(#[doc = $about])* pub $key: $type, )* }

        #[cfg(feature = "report")]
        impl crate::run::settings::Setting for $name {
            const KIND: crate::run::settings::Kind = crate::run::settings::Kind::Table(
                settings!(@keys $( [$($about)*] $key $type; [$($range)?] [$($default)?] )*),
            );
        }
    };
    (
        $(#[doc = $doc:literal])*
        #[derive($($derive:ident),*)]
        #[tag = $tag:literal]
        pub enum $name:ident {
            $( $(#[doc = $about:literal])* $variant:ident = $text:literal $({
                $( $(#[doc = $words:literal])* $key:ident: $type:ty $([$range:expr])? $(= $default:tt)?, )*
            })?, )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive($($derive),*)]
        #[cfg_attr(
            feature = "report",
            derive(serde::Serialize, serde::Deserialize),
            serde(tag = $tag, deny_unknown_fields)
        )]
        pub enum $name {
            $( $(#[doc = $about])* #[cfg_attr(feature = "report", serde(rename = $text))]
               $variant $({ $( $(#[doc = $words])* $key: $type, )* })?, )*
        }

        #[cfg(feature = "report")]
        impl crate::run::settings::Setting for $name {
            const KIND: crate::run::settings::Kind = crate::run::settings::Kind::Tagged(
                $tag,
                &[$( crate::run::settings::Variant {
                    name: $text,
                    docs: &[$($about),*],
                    keys: settings!(@keys $($( [$($words)*] $key $type; [$($range)?] [$($default)?] )*)?),
                } ),*],
            );
        }
    };
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident { $( $(#[doc = $about:literal])* $variant:ident = $text:literal, )* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(feature = "report", derive(serde::Serialize, serde::Deserialize))]
        pub enum $name {
            $( $(#[doc = $about])* #[cfg_attr(feature = "report", serde(rename = $text))] $variant, )*
        }

        #[cfg(feature = "report")]
        impl crate::run::settings::Setting for $name {
            const KIND: crate::run::settings::Kind = crate::run::settings::Kind::Choice(
                &[$( crate::run::settings::Variant { name: $text, docs: &[$($about),*], keys: &[] } ),*],
            );
        }

        #[cfg(feature = "report")]
        impl $name {
            /// The name in settings.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }
        }
    };
    (@keys $( [$($about:literal)*] $key:ident $type:ty; [$($range:expr)?] [$($default:tt)?] )*) => {{
        #[allow(unused_imports)]
        use crate::run::settings::Range::*;
        const KEYS: &[crate::run::settings::Key] = &[$( crate::run::settings::Key {
            name: stringify!($key),
            docs: &[$($about),*],
            kind: <$type as crate::run::settings::Setting>::KIND,
            range: settings!(@range $($range)?),
            optional: <$type as crate::run::settings::Setting>::OPTIONAL,
            default: settings!(@default $($default)?),
        } ),*];
        KEYS
    }};
    (@range) => { Any };
    (@range $range:expr) => { $range };
    (@default) => { None };
    (@default $default:tt) => { Some(stringify!($default)) };
}
