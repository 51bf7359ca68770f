//! Documents of settings: one type per system; the top-level key `kind` selects the type.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::base::{Layers, Source, overlay};
use super::{Key, Setting, as_table, checked, checked_table, overrides, parse, unknown};
use crate::error::{Error, Result};
use crate::run::{DataSettings, check_seeds};

/// Built-in TOML documents: name and text, in alphabetical order.
pub type Shipped = &'static [(&'static str, &'static str)];

/// The settings of one system, as a TOML document.
pub trait Document: Setting + Serialize + DeserializeOwned {
    /// The system's name: the value of the document's `kind`, if it has that key.
    const SYSTEM: &'static str;
    /// Its built-in documents.
    const PRESETS: Shipped;
    /// Its built-in lists of methods, for any of its documents.
    const VARIANTS: Shipped;
    /// Its built-in sweeps.
    const SWEEPS: Shipped;
    /// Its keys.
    const KEYS: &'static [Key];

    /// Checks the rules that concern several settings, after the range of each has been checked.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first broken rule.
    fn check(&self) -> Result<()>;

    /// The settings that the documents of every system have.
    fn common(&self) -> Common<'_>;

    /// Checks that a document belongs to this system.
    ///
    /// # Errors
    /// [`Error::Setting`] with the kind, if it does not.
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

/// The settings that the documents of every system have.
#[derive(Debug, Clone)]
pub struct Common<'a> {
    /// The experiment's name; run directories are named after it.
    pub name: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its description.
    pub description: &'a str,
    /// Its samples.
    pub data: &'a DataSettings,
    /// Its seeds.
    pub seeds: &'a [u64],
    /// The name and label of each method.
    pub methods: Vec<(&'a str, &'a str)>,
}

/// Finds the document called `name`: a preset, or a TOML file if the name ends in `.toml` or is a path. A relative path
/// starts at `folder`.
pub(crate) fn find<D: Document>(name: &str, folder: &Path) -> Result<D> {
    Layers::read(Source::find(name, folder)?)?.settings()
}

/// The TOML of the preset called `name`, with its comments.
pub(crate) fn preset_text<D: Document>(name: &str) -> Result<&'static str> {
    let found = D::PRESETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let known = D::PRESETS.iter().map(|(name, _)| name.to_string());
        unknown("benchmark", name, &known.collect::<Vec<_>>())
    })
}

/// Reads a document; relative paths in it start at the working directory.
pub(crate) fn from_toml<D: Document>(text: &str, source_name: &str) -> Result<D> {
    Layers::read(Source {
        name: source_name.into(),
        text: text.into(),
        folder: "".into(),
    })?
    .settings()
}

/// Checks every range, then the rules that concern several settings.
pub(crate) fn validate<D: Document>(document: &D) -> Result<()> {
    checked_table(&mut as_table(document)?, D::KEYS)?;
    document.check()
}

/// The document as TOML with every key.
pub(crate) fn to_toml<D: Document>(document: &D) -> Result<String> {
    validate(document)?;
    toml::to_string_pretty(document).map_err(|error| Error::encoding("settings", "TOML", error))
}

/// Changes to a document that are checked together, as none of them need fit without the others: they are made in the
/// order of the fields.
#[derive(Debug, Default)]
pub(crate) struct Adjustments<'a> {
    /// A built-in list of methods that replaces those of the document.
    pub variants: Option<&'a str>,
    /// The names of the methods that stay, in this order.
    pub methods: Option<&'a [String]>,
    /// `key=value`.
    pub changes: &'a [String],
}

/// The document with these changes, checked.
pub(crate) fn adjusted<D: Document>(document: &D, made: &Adjustments<'_>) -> Result<D> {
    let mut table = as_table(document)?;
    if let Some(name) = made.variants {
        let mut list = parse(variants::<D>(name)?, name)?;
        // The list's description is not part of the settings.
        list.remove("description");
        overlay(&mut table, list, D::KEYS)?;
    }
    if let Some(names) = made.methods {
        choose(&mut table, names)?;
    }
    checked(overrides::apply(table, D::KEYS, made.changes)?)
}

/// The text of a built-in list of methods.
fn variants<D: Document>(name: &str) -> Result<&'static str> {
    let known = || D::VARIANTS.iter().map(|(known, _)| known.to_string());
    let found = D::VARIANTS.iter().find(|(known, _)| *known == name);
    let missing = || unknown("list of methods", name, &known().collect::<Vec<_>>());
    found.map(|(_, toml)| *toml).ok_or_else(missing)
}

/// Leaves only the named methods, in this order.
fn choose<S: AsRef<str>>(table: &mut Table, names: &[S]) -> Result<()> {
    let all = table.get("methods").and_then(Value::as_array);
    let all = all.cloned().unwrap_or_default();
    let name_of = |method: &Value| method.get("name").and_then(Value::as_str).map(String::from);
    let chosen = names.iter().map(|name| {
        let name = name.as_ref().trim();
        let found = all
            .iter()
            .find(|method| name_of(method).as_deref() == Some(name));
        found.cloned().ok_or_else(|| {
            let known: Vec<String> = all.iter().filter_map(name_of).collect();
            unknown("method", name, &known)
        })
    });
    let chosen = chosen.collect::<Result<Vec<Value>>>()?;
    table.insert("methods".into(), Value::Array(chosen));
    Ok(())
}

/// The document with each `key=value` applied in turn, then checked.
pub(crate) fn changed<D: Document, S: AsRef<str>>(document: &D, changes: &[S]) -> Result<D> {
    validate(document)?;
    checked(overrides::apply(as_table(document)?, D::KEYS, changes)?)
}

/// The document with only the named methods, in this order.
pub(crate) fn with_methods<D: Document, S: AsRef<str>>(document: &D, names: &[S]) -> Result<D> {
    let mut table = as_table(document)?;
    choose(&mut table, names)?;
    checked(table)
}

/// The document with other seeds.
pub(crate) fn with_seeds<D: Document>(document: &D, seeds: &[u64]) -> Result<D> {
    check_seeds(seeds)?;
    changed(document, &[format!("training.seeds={seeds:?}")])
}

/// The document with its methods replaced by a built-in list.
pub(crate) fn with_variants<D: Document>(document: &D, name: &str) -> Result<D> {
    let variants = Some(name);
    adjusted(
        document,
        &Adjustments {
            variants,
            ..Adjustments::default()
        },
    )
}

/// A system's documents, independent of their type.
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
    /// Resolves layers to the full document, as TOML.
    pub(super) resolved: fn(&Layers) -> Result<String>,
}

impl DocumentKind {
    /// The entry of a type of settings.
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

    /// The built-in documents of all systems.
    pub(crate) fn presets() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        DocumentKind::all().iter().flat_map(|system| system.presets)
    }

    /// The built-in sweeps of all systems.
    pub(crate) fn sweeps() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        DocumentKind::all().iter().flat_map(|system| system.sweeps)
    }

    /// The value of `kind` in this system's documents, if they have that key.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        let mut keys = self.keys.iter();
        keys.any(|key| key.name == "kind").then_some(self.name)
    }
}

/// The error for an unknown `kind`.
#[cfg(feature = "cli")]
pub(crate) fn unknown_kind(kind: &str) -> Error {
    let known = DocumentKind::all().iter().filter_map(DocumentKind::kind);
    let known: Vec<String> = known.map(String::from).collect();
    unknown("kind", kind, &known)
}

/// The description of a built-in document, such as a sweep.
#[cfg(feature = "cli")]
pub(crate) fn description(name: &str, toml: &str) -> Result<String> {
    let document = parse(toml, name)?;
    let description = document.get("description").and_then(Value::as_str);
    Ok(description.unwrap_or_default().trim().to_string())
}

/// The `kind` of the settings called `name`, a preset or a file; `None` if they have no kind or cannot be read.
#[cfg(feature = "cli")]
pub(crate) fn kind(name: &str) -> Option<String> {
    let layers = Layers::read(Source::find(name, Path::new("")).ok()?).ok()?;
    layers.kind()?.as_str().map(String::from)
}

/// The methods of every type of settings: reading, writing, changing and checking. The built-in documents are the
/// files of `data/SYSTEM`, which `build.rs` lists.
macro_rules! document {
    ($type:ty, $system:literal) => {
        impl crate::run::settings::Document for $type {
            const SYSTEM: &'static str = $system;
            const PRESETS: crate::run::settings::Shipped =
                include!(concat!(env!("OUT_DIR"), "/", $system, "-presets.rs"));
            const VARIANTS: crate::run::settings::Shipped =
                include!(concat!(env!("OUT_DIR"), "/", $system, "-variants.rs"));
            const SWEEPS: crate::run::settings::Shipped =
                include!(concat!(env!("OUT_DIR"), "/", $system, "-sweeps.rs"));
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
            /// The built-in documents: the name and TOML of each.
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

            /// The TOML of the preset called `name`, with its comments.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) with the nearest name.
            pub fn preset_text(name: &str) -> Result<&'static str> {
                crate::run::settings::preset_text::<Self>(name)
            }

            /// The built-in lists of methods: the name and TOML of each.
            pub fn variants() -> crate::run::settings::Shipped {
                <Self as crate::run::settings::Document>::VARIANTS
            }

            /// Finds the settings called `name`: a preset, or a TOML file if the name ends in `.toml` or is a path. A
            /// relative path starts at `folder`.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) with the nearest preset, or as
            /// [`from_file`](Self::from_file).
            pub fn find(name: &str, folder: &std::path::Path) -> Result<Self> {
                crate::run::settings::find(name, folder)
            }

            /// Reads a TOML document and checks every value; `source_name` is its name in errors.
            ///
            /// # Errors
            /// [`Error::Settings`](crate::Error::Settings) with the source, the line and the key.
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

            /// The settings as a TOML document with every key; [`from_toml`](Self::from_toml) reads equal settings from
            /// it.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) if [`validate`](Self::validate) refuses a value.
            pub fn to_toml(&self) -> Result<String> {
                crate::run::settings::to_toml(self)
            }

            /// These settings with each `key=value` applied in turn, then checked.
            ///
            /// Values are TOML, except that text needs no quotes. Entries of a list are addressed by name. A new tag
            /// (`rule` of an optimizer, `kind` of a network) removes the keys of the old variant: set the tag first,
            /// then the keys of the new variant.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) for an unknown key,
            /// [`Error::Setting`](crate::Error::Setting) for a value of the wrong type or outside its range.
            pub fn with_overrides<S: AsRef<str>>(&self, overrides: &[S]) -> Result<Self> {
                crate::run::settings::changed(self, overrides)
            }

            /// These settings with only the named methods, in this order.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) for an unknown name,
            /// [`Error::Setting`](crate::Error::Setting) for an empty list or a repeated entry.
            pub fn with_methods<S: AsRef<str>>(&self, names: &[S]) -> Result<Self> {
                crate::run::settings::with_methods(self, names)
            }

            /// These settings with their methods replaced by a built-in list.
            ///
            /// # Errors
            /// [`Error::Unknown`](crate::Error::Unknown) with the nearest name.
            pub fn with_variants(&self, name: &str) -> Result<Self> {
                crate::run::settings::with_variants(self, name)
            }

            /// These settings with other seeds.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) for an empty list or a repeated entry.
            pub fn with_seeds(&self, seeds: &[u64]) -> Result<Self> {
                crate::run::settings::with_seeds(self, seeds)
            }

            /// The differences from the preset of the same name, without title and description; `None` if there is no
            /// such preset.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) if TOML cannot represent the settings.
            pub fn changes(&self) -> Result<Option<Vec<crate::run::settings::Change>>> {
                crate::run::settings::changes(self, &self.name)
            }

            /// Checks that every value is in its range.
            ///
            /// # Errors
            /// [`Error::Setting`](crate::Error::Setting) with the first setting that is not, its value and the valid
            /// values.
            pub fn validate(&self) -> Result<()> {
                crate::run::settings::validate(self)
            }
        }
    };
}

pub(crate) use document;
