//! Documents of settings: one type for each system, told apart by the top-level key `kind`.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::base::{Layers, Source, overlay};
use super::{Key, Setting, as_table, checked, checked_table, overrides};
use crate::error::{Error, Result};

/// The settings of one system, as a TOML document has them.
pub trait Document: Setting + Serialize + DeserializeOwned {
    /// The system's name, which is the document's `kind` where it has that key.
    const SYSTEM: &'static str;
    /// Its documents that ship inside, by name: TOML, in the order in which lists show them.
    const PRESETS: &'static [(&'static str, &'static str)];
    /// Its keys.
    const KEYS: &'static [Key];

    /// The rules that concern several settings, each of which is right by itself.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first that is broken.
    fn check(&self) -> Result<()>;

    /// Refuses a document of another system.
    ///
    /// # Errors
    /// [`Error::Setting`] that names the kind.
    fn check_kind(kind: Option<&Value>) -> Result<()> {
        let has_kind = Self::KEYS.iter().any(|key| key.name == "kind");
        match kind {
            Some(kind) if !has_kind => Err(Error::setting(
                "kind",
                kind,
                format!(
                    "settings of a {} experiment, which have no kind",
                    Self::SYSTEM
                ),
            )),
            _ => Ok(()),
        }
    }
}

/// Reads a document; files that it names are looked for in the working directory.
pub(crate) fn from_toml<D: Document>(text: &str, source_name: &str) -> Result<D> {
    Layers::read(Source {
        name: source_name.into(),
        text: text.into(),
        folder: "".into(),
    })?
    .settings()
}

/// Every range, then the rules that concern several settings.
pub(crate) fn validate<D: Document>(document: &D) -> Result<()> {
    checked_table(&mut as_table(document)?, D::KEYS)?;
    document.check()
}

/// The document as TOML, with every key.
pub(crate) fn to_toml<D: Document>(document: &D) -> Result<String> {
    validate(document)?;
    toml::to_string_pretty(document).map_err(|error| Error::setting("settings", "these", error))
}

/// A document with each `key=value` applied in turn, checked at the end.
pub(crate) fn changed<D: Document, S: AsRef<str>>(document: &D, changes: &[S]) -> Result<D> {
    validate(document)?;
    checked(overrides::apply(as_table(document)?, D::KEYS, changes)?)
}

/// A document with what `own` says put over it.
pub(crate) fn overlaid<D: Document>(document: &D, own: Table) -> Result<D> {
    let mut table = as_table(document)?;
    overlay(&mut table, own, D::KEYS)?;
    checked(table)
}

/// What every system's documents can be asked for, without their type.
pub struct DocumentKind {
    /// [`Document::SYSTEM`].
    pub name: &'static str,
    /// [`Document::KEYS`].
    pub keys: &'static [Key],
    /// [`Document::PRESETS`].
    pub presets: &'static [(&'static str, &'static str)],
    /// The whole document of settings that layers give, as TOML.
    pub(super) resolved: fn(&Layers) -> Result<String>,
}

impl DocumentKind {
    /// The system of a type of settings.
    pub(crate) const fn of<D: Document>() -> Self {
        DocumentKind {
            name: D::SYSTEM,
            keys: D::KEYS,
            presets: D::PRESETS,
            resolved: |layers| to_toml(&layers.settings::<D>()?),
        }
    }

    /// Every system.
    pub(crate) fn all() -> &'static [DocumentKind] {
        crate::systems::DOCUMENTS
    }

    /// The documents of all systems that ship inside.
    pub(crate) fn presets() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        DocumentKind::all().iter().flat_map(|system| system.presets)
    }

    /// The value of `kind` in this system's documents, if they have that key.
    pub(super) fn kind(&self) -> Option<&'static str> {
        let mut keys = self.keys.iter();
        keys.any(|key| key.name == "kind").then_some(self.name)
    }
}

/// What every type of settings has: reading, writing, changing and checking.
macro_rules! document {
    ($type:ty, $system:literal, $presets:expr) => {
        impl crate::run::settings::Document for $type {
            const SYSTEM: &'static str = $system;
            const PRESETS: &'static [(&'static str, &'static str)] = $presets;
            const KEYS: &'static [crate::run::settings::Key] =
                match <$type as crate::run::settings::Setting>::KIND {
                    crate::run::settings::Kind::Table(keys) => keys,
                    _ => &[],
                };

            fn check(&self) -> Result<()> {
                <$type>::check(self)
            }
        }

        impl $type {
            /// Reads a TOML document and checks every value; `source_name` is what errors call it.
            ///
            /// # Errors
            /// [`Error::Settings`](crate::Error::Settings) that names the source, the line and the key.
            pub fn from_toml(text: &str, source_name: &str) -> Result<Self> {
                crate::run::settings::from_toml(text, source_name)
            }

            /// Reads a file with [`from_toml`](Self::from_toml).
            ///
            /// # Errors
            /// [`Error::File`](crate::Error::File) if it cannot be read, otherwise as
            /// [`from_toml`](Self::from_toml).
            pub fn from_file(path: &std::path::Path) -> Result<Self> {
                let source = crate::run::settings::Source::file(path)?;
                crate::run::settings::Layers::read(source)?.settings()
            }

            /// The TOML document, with every key, that [`from_toml`](Self::from_toml) reads back to equal
            /// settings.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) where [`validate`](Self::validate) refuses a value.
            pub fn to_toml(&self) -> Result<String> {
                crate::run::settings::to_toml(self)
            }

            /// These settings with each `key=value` applied in turn, checked at the end.
            ///
            /// Values are TOML, except that text needs no quotes. Entries of a list are addressed by name. A
            /// new tag (`rule` of an optimiser, `kind` of a network) drops the keys of the old: give the new
            /// one's after it.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) for an unknown key,
            /// [`Error::Setting`](crate::Error::Setting) for a value of the wrong type or outside its range.
            pub fn with_overrides<S: AsRef<str>>(&self, overrides: &[S]) -> Result<Self> {
                crate::run::settings::changed(self, overrides)
            }

            /// Whether every value is in its range.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) that names the first that is not, its value, and the
            /// right values.
            pub fn validate(&self) -> Result<()> {
                crate::run::settings::validate(self)
            }
        }
    };
}

pub(crate) use document;
