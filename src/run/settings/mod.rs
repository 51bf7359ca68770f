//! Settings: reading, checking and documentation, generated from the declarations by the macro of `src/declare.rs`.
//!
//! A document of settings is TOML. It may inherit from another one, `base = "NAME or file.toml"`: see `base.rs`.

mod base;
mod changes;
mod check;
mod document;
mod nearest;
mod overrides;
mod range;
mod reference;
mod schema;
mod shipped;
mod text;

pub(crate) use base::{Layers, Source};
pub use changes::Change;
pub(crate) use changes::{changes, differing};
#[cfg(feature = "cli")]
pub(crate) use check::has_key;
use check::{as_table, checked_table};
pub(crate) use check::{checked, join};
pub(crate) use document::{
    Adjustments, adjusted, changed, document, find, from_toml, preset_text, to_toml, validate,
    with_methods, with_seeds, with_variants,
};
pub use document::{Common, Document, DocumentKind, Shipped};
#[cfg(feature = "cli")]
pub(crate) use document::{description, kind, unknown_kind};
pub use nearest::unknown;
pub use range::Range;
pub(crate) use range::require;
pub use reference::{annotated, reference};
pub use schema::json_schema;
pub use shipped::shipped;
pub(crate) use text::{at_offset, parse, read, signed};

/// A key of a table.
pub struct Key {
    /// Its name: the canonical spelling.
    pub name: &'static str,
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
    /// The type of its value.
    pub kind: Kind,
    /// The valid values.
    pub range: Range,
    /// Whether it may be absent.
    pub optional: bool,
    /// Its default value, as TOML.
    pub default: Option<&'static str>,
}

/// One value of a choice, or one kind of a tagged table with the keys of that kind.
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// The lines of its documentation.
    pub docs: &'static [&'static str],
    /// Its keys besides the tag.
    pub keys: &'static [Key],
}

/// The type of a value.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Text.
    Text,
    /// True or false.
    Flag,
    /// A whole number from 0 to this.
    Whole(u64),
    /// A number of f32.
    Number,
    /// One of these names.
    Choice(&'static [Variant]),
    /// A list. Tables in a list are addressed by their key `name`.
    List(&'static Kind),
    /// A table.
    Table(&'static [Key]),
    /// A table whose keys depend on the value of this one.
    Tagged(&'static str, &'static [Variant]),
    /// A table that its reader checks, not this module.
    Free,
}

impl Kind {
    /// Whether a value is a TOML section.
    pub(crate) fn has_section(self) -> bool {
        matches!(
            self,
            Kind::Table(_) | Kind::Tagged(..) | Kind::List(Kind::Table(_))
        )
    }
}

/// A Rust type of a setting.
pub trait Setting {
    /// The TOML type of its values.
    const KIND: Kind;
    /// Whether a key of this type may be absent.
    const OPTIONAL: bool = false;
}

macro_rules! kinds {
    ($($type:ty: $kind:expr;)*) => {
        $(impl Setting for $type { const KIND: Kind = $kind; })*
    };
}

kinds! {
    String: Kind::Text;
    bool: Kind::Flag;
    f32: Kind::Number;
    f64: Kind::Number;
    toml::Table: Kind::Free;
    u16: Kind::Whole(u16::MAX as u64);
    u32: Kind::Whole(u32::MAX as u64);
    u64: Kind::Whole(u64::MAX);
    usize: Kind::Whole(usize::MAX as u64);
}

impl<T: Setting + 'static> Setting for Vec<T> {
    const KIND: Kind = Kind::List(&T::KIND);
}

impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;
}

/// Whether two names are spellings of one key: `optimiser` is `optimizer`.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    one == other || one.replace("iz", "is") == other.replace("iz", "is")
}

/// Finds the key with this name, in any spelling.
pub(crate) fn find_key(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|key| same_name(key.name, name))
}
