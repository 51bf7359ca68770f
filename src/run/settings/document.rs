//! Documents of settings: one type for each system, told apart by the top-level key `kind`.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Value;

use super::base::{Layers, Source, overlay};
use super::{Key, Setting, as_table, checked, checked_table, overrides, parse, unknown};
use crate::error::{Error, Result};
use crate::run::{DataSettings, check_seeds};

/// TOML documents that ship inside, by name, in the order in which lists show them.
pub type Shipped = &'static [(&'static str, &'static str)];

/// The settings of one system, as a TOML document has them.
pub trait Document: Setting + Serialize + DeserializeOwned {
    /// The system's name, which is the document's `kind` where it has that key.
    const SYSTEM: &'static str;
    /// Its documents that ship inside.
    const PRESETS: Shipped;
    /// Its lists of methods that ship inside, for any of its documents.
    const VARIANTS: Shipped;
    /// Its sweeps that ship inside.
    const SWEEPS: Shipped;
    /// Its keys.
    const KEYS: &'static [Key];

    /// The rules that concern several settings, each of which is right by itself.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first that is broken.
    fn check(&self) -> Result<()>;

    /// What the documents of every system have.
    fn common(&self) -> Common<'_>;

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

/// What the documents of every system have.
#[derive(Debug, Clone)]
pub struct Common<'a> {
    /// The experiment's name, which directories are called after.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// What it is.
    pub description: &'a str,
    /// Its samples.
    pub data: &'a DataSettings,
    /// Its seeds.
    pub seeds: &'a [u64],
    /// The name and label of each method.
    pub methods: Vec<(&'a str, &'a str)>,
}

/// The document called `name`: a preset, or a TOML file where the name ends in `.toml` or is a path; a relative one
/// starts at `folder`.
pub(crate) fn find<D: Document>(name: &str, folder: &Path) -> Result<D> {
    Layers::read(Source::find(name, folder)?)?.settings()
}

/// The TOML of the preset called `name`, comments and all.
pub(crate) fn preset_text<D: Document>(name: &str) -> Result<&'static str> {
    let found = D::PRESETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let known = D::PRESETS.iter().map(|(name, _)| name.to_string());
        unknown("benchmark", name, &known.collect::<Vec<_>>())
    })
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
    toml::to_string_pretty(document).map_err(|error| Error::encoding("settings", "TOML", error))
}

/// A document with each `key=value` applied in turn, checked at the end.
pub(crate) fn changed<D: Document, S: AsRef<str>>(document: &D, changes: &[S]) -> Result<D> {
    validate(document)?;
    checked(overrides::apply(as_table(document)?, D::KEYS, changes)?)
}

/// A document with only the named methods, in the order named.
pub(crate) fn with_methods<D: Document, S: AsRef<str>>(document: &D, names: &[S]) -> Result<D> {
    let mut table = as_table(document)?;
    let all = table.get("methods").and_then(Value::as_array);
    let all = all.cloned().unwrap_or_default();
    let chosen = names.iter().map(|name| {
        let called =
            |method: &&Value| method.get("name").and_then(Value::as_str) == Some(name.as_ref());
        all.iter().find(called).cloned().ok_or_else(|| {
            let known = document.common().methods.into_iter();
            let known: Vec<String> = known.map(|(name, _)| name.into()).collect();
            unknown("method", name.as_ref(), &known)
        })
    });
    let chosen = chosen.collect::<Result<Vec<Value>>>()?;
    table.insert("methods".into(), Value::Array(chosen));
    checked(table)
}

/// A document with other seeds.
pub(crate) fn with_seeds<D: Document>(document: &D, seeds: &[u64]) -> Result<D> {
    check_seeds(seeds)?;
    changed(document, &[format!("training.seeds={seeds:?}")])
}

/// A document with the methods of a list that ships inside instead of its own.
pub(crate) fn with_variants<D: Document>(document: &D, name: &str) -> Result<D> {
    let Some((_, toml)) = D::VARIANTS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<String> = D::VARIANTS
            .iter()
            .map(|(name, _)| name.to_string())
            .collect();
        return Err(unknown("list of methods", name, &known));
    };
    let mut list = parse(toml, name)?;
    // What the list is for.
    list.remove("description");
    let mut table = as_table(document)?;
    overlay(&mut table, list, D::KEYS)?;
    checked(table)
}

/// What every system's documents can be asked for, without their type.
pub struct DocumentKind {
    /// [`Document::SYSTEM`].
    pub name: &'static str,
    /// [`Document::KEYS`].
    pub keys: &'static [Key],
    /// [`Document::PRESETS`].
    pub presets: Shipped,
    /// [`Document::VARIANTS`].
    pub variants: Shipped,
    /// [`Document::SWEEPS`].
    pub sweeps: Shipped,
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
            variants: D::VARIANTS,
            sweeps: D::SWEEPS,
            resolved: |layers| to_toml(&layers.settings::<D>()?),
        }
    }

    /// Every system.
    pub fn all() -> &'static [DocumentKind] {
        crate::systems::DOCUMENTS
    }

    /// The documents of all systems that ship inside.
    pub(crate) fn presets() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        DocumentKind::all().iter().flat_map(|system| system.presets)
    }

    /// The sweeps of all systems that ship inside.
    pub(crate) fn sweeps() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        DocumentKind::all().iter().flat_map(|system| system.sweeps)
    }

    /// The value of `kind` in this system's documents, if they have that key.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        let mut keys = self.keys.iter();
        keys.any(|key| key.name == "kind").then_some(self.name)
    }
}

/// The error for a `kind` that no system's documents have.
#[cfg(feature = "cli")]
pub(crate) fn unknown_kind(kind: &str) -> Error {
    let known = DocumentKind::all().iter().filter_map(DocumentKind::kind);
    let known: Vec<String> = known.map(String::from).collect();
    unknown("kind", kind, &known)
}

/// What a document that ships inside, such as a sweep, is for.
#[cfg(feature = "cli")]
pub(crate) fn description(name: &str, toml: &str) -> Result<String> {
    let document = parse(toml, name)?;
    let description = document.get("description").and_then(Value::as_str);
    Ok(description.unwrap_or_default().trim().to_string())
}

/// The `kind` of the settings called `name`, a preset or a file; none where they have none or cannot be read.
#[cfg(feature = "cli")]
pub(crate) fn kind(name: &str) -> Option<String> {
    let layers = Layers::read(Source::find(name, Path::new("")).ok()?).ok()?;
    layers.kind()?.as_str().map(String::from)
}

/// What every type of settings has: reading, writing, changing and checking.
macro_rules! document {
    ($type:ty, $system:literal, $presets:expr, $variants:expr, $sweeps:expr) => {
        impl crate::run::settings::Document for $type {
            const SYSTEM: &'static str = $system;
            const PRESETS: crate::run::settings::Shipped = $presets;
            const VARIANTS: crate::run::settings::Shipped = $variants;
            const SWEEPS: crate::run::settings::Shipped = $sweeps;
            const KEYS: &'static [crate::run::settings::Key] =
                match <$type as crate::run::settings::Setting>::KIND {
                    crate::run::settings::Kind::Table(keys) => keys,
                    _ => &[],
                };

            fn check(&self) -> Result<()> {
                <$type>::check(self)
            }

            fn common(&self) -> crate::run::settings::Common<'_> {
                let methods = self.methods.iter();
                crate::run::settings::Common {
                    name: &self.name,
                    title: &self.title,
                    description: &self.description,
                    data: &self.data,
                    seeds: &self.training.seeds,
                    methods: methods
                        .map(|m| (m.name.as_str(), m.label.as_str()))
                        .collect(),
                }
            }
        }

        impl $type {
            /// The documents that ship inside: the name and TOML of each.
            pub fn presets() -> crate::run::settings::Shipped {
                <Self as crate::run::settings::Document>::PRESETS
            }

            /// The settings of the preset called `name`.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) with the nearest name.
            pub fn preset(name: &str) -> Result<Self> {
                Self::from_toml(Self::preset_text(name)?, name)
            }

            /// The TOML of the preset called `name`, comments and all.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) with the nearest name.
            pub fn preset_text(name: &str) -> Result<&'static str> {
                crate::run::settings::preset_text::<Self>(name)
            }

            /// The lists of methods that ship inside: the name and TOML of each.
            pub fn variants() -> crate::run::settings::Shipped {
                <Self as crate::run::settings::Document>::VARIANTS
            }

            /// The settings called `name`: a preset, or a TOML file where the name ends in `.toml` or is a path; a
            /// relative one starts at `folder`.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) with the nearest preset, or as
            /// [`from_file`](Self::from_file).
            pub fn find(name: &str, folder: &std::path::Path) -> Result<Self> {
                crate::run::settings::find(name, folder)
            }

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

            /// These settings with only the named methods, in the order named.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) for an unknown name,
            /// [`Error::Setting`](crate::Error::Setting) for none or one twice.
            pub fn with_methods<S: AsRef<str>>(&self, names: &[S]) -> Result<Self> {
                crate::run::settings::with_methods(self, names)
            }

            /// These settings with the methods of a list that ships inside instead of their own.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) with the nearest name.
            pub fn with_variants(&self, name: &str) -> Result<Self> {
                crate::run::settings::with_variants(self, name)
            }

            /// These settings with other seeds.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) for none or one twice.
            pub fn with_seeds(&self, seeds: &[u64]) -> Result<Self> {
                crate::run::settings::with_seeds(self, seeds)
            }

            /// What differs from the preset of the same name, but for title and description; `None` where there
            /// is no such preset.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) where the settings cannot be TOML.
            pub fn changes(&self) -> Result<Option<Vec<crate::run::settings::Change>>> {
                crate::run::settings::changes(self, &self.name)
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
