//! The registry of learners: a method selects one with `learner = "..."`.

use std::any::Any;
use std::sync::{Mutex, MutexGuard};

use serde::de::DeserializeOwned;

use super::{GainSettings, MethodSettings, NetworkConfig, check};
use crate::backend::{Backend, Cpu};
use crate::error::{Error, Result};
use crate::gain::GainDynamics;
use crate::learn::{
    Drive, GainConfig, GainTarget, GradientDescent, Learner, Maml, NeuMoSync, OptimizerConfig,
    Schedule,
};
use crate::models::Network;
use crate::run::settings::{Range, unknown};

/// The default learner.
pub(super) const DEFAULT: &str = GradientDescent::<Cpu>::NAME;

/// The learner that reads the settings `maml`.
pub(super) const MAML: &str = Maml::<Cpu>::NAME;

/// The learner that reads the settings `neumosync`.
pub(super) const NEUMOSYNC: &str = NeuMoSync::<Cpu>::NAME;

/// The built-in learners, one per line.
const SHIPPED: &[Registration] = &[
    Registration::of::<GradientDescent>(),
    Registration::of::<Maml>(),
    Registration::of::<NeuMoSync>(),
];

/// Learners that the program has registered.
static ADDED: Mutex<Vec<Registration>> = Mutex::new(Vec::new());

/// A type of learner that settings can name.
pub trait LearnerKind: 'static {
    /// Its name in TOML: letters, digits, `-` and `_`.
    const NAME: &'static str;

    /// Builds the learner of a method and seed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting outside its range, [`Error::Memory`] if memory does not suffice.
    fn build<B: Backend>(setup: &Setup<'_, B>) -> Result<Box<dyn Learner<B>>>;
}

type Build<B> = fn(&Setup<'_, B>) -> Result<Box<dyn Learner<B>>>;

/// A learner's name and its constructor for each backend.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    name: &'static str,
    /// A [`Build`] for each backend.
    builds: &'static [&'static (dyn Any + Send + Sync)],
}

impl Registration {
    /// The registration of a type of learner.
    pub const fn of<K: LearnerKind>() -> Self {
        Registration {
            name: K::NAME,
            builds: &[
                &(K::build::<Cpu> as Build<Cpu>),
                #[cfg(feature = "cuda")]
                &(K::build::<crate::backend::Cuda> as Build<crate::backend::Cuda>),
            ],
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn build<B: Backend>(&self, setup: &Setup<'_, B>) -> Result<Box<dyn Learner<B>>> {
        let mut builds = self.builds.iter();
        match builds.find_map(|build| build.downcast_ref::<Build<B>>()) {
            Some(build) => build(setup),
            None => {
                let expected =
                    "a learner for this backend: learners are registered for cpu and cuda only";
                Err(Error::setting("learner", self.name, expected))
            }
        }
    }
}

/// Registers these learners for the whole process, so that settings can name them.
///
/// # Errors
/// [`Error::Setting`] for a name that is taken or not valid.
pub fn register(learners: &[Registration]) -> Result<()> {
    for learner in learners {
        Range::Name.check("learner", &toml::Value::from(learner.name))?;
        if known().any(|known| known.name == learner.name) {
            let expected = "a name that no other learner has";
            return Err(Error::setting("learner", learner.name, expected));
        }
        added().push(*learner);
    }
    Ok(())
}

/// Every learner that settings can name.
pub fn known() -> impl Iterator<Item = Registration> {
    let added = added().clone();
    SHIPPED.iter().copied().chain(added)
}

/// Finds the learner with this name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name.
pub(super) fn find(name: &str) -> Result<Registration> {
    known().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<String> = known().map(|known| known.name.into()).collect();
        unknown("learner", name, &names)
    })
}

/// Builds the learner of a method.
pub(crate) fn build<B: Backend>(setup: &Setup<'_, B>) -> Result<Box<dyn Learner<B>>> {
    find(setup.method.learner.as_deref().unwrap_or(DEFAULT))?.build(setup)
}

fn added() -> MutexGuard<'static, Vec<Registration>> {
    // A poisoned lock still holds complete registrations: each is pushed in one step.
    ADDED.lock().unwrap_or_else(|e| e.into_inner())
}

/// The input for building a learner.
#[derive(Debug)]
pub struct Setup<'a, B: Backend = Cpu> {
    /// The backend that it runs on.
    pub backend: &'a B,
    /// The method.
    pub method: &'a MethodSettings,
    /// The experiment's learning rate, for methods without one.
    pub learning_rate: f32,
    /// The experiment's constants of the gain dynamics, for gain-modulated methods without constants.
    pub gain: Option<&'a GainSettings>,
    /// The seed of the run's random streams.
    pub seed: u64,
    pub(crate) network: &'a NetworkConfig,
}

impl<B: Backend> Setup<'_, B> {
    /// The experiment's network, with weights drawn from the seed.
    ///
    /// # Errors
    /// [`Error::Setting`] for a layer that does not exist, [`Error::Memory`] if memory does not suffice.
    pub fn network(&self) -> Result<Box<dyn Network<B>>> {
        self.network.build(self.backend, self.method, self.seed)
    }

    /// The gradient-descent learner of the method's settings.
    ///
    /// # Errors
    /// As [`network`](Self::network), and [`Error::Setting`] for a constant outside its range.
    pub fn gradient_descent(&self) -> Result<GradientDescent<B>> {
        let method = self.method;
        let gain = match method.gain_modulated {
            true => {
                let constants = method.gain.as_ref().or(self.gain).ok_or_else(|| {
                    let key = format!("methods.{}.gain", method.name);
                    Error::setting(
                        key,
                        "(missing)",
                        "gamma, g0 and eta, because gain_modulated is true",
                    )
                })?;
                let dynamics = GainDynamics::new(constants.gamma, constants.g0, constants.eta)?;
                Some(GainConfig {
                    dynamics,
                    drive: method.drive.unwrap_or(Drive::Entropy),
                    target: method.gain_target.unwrap_or(GainTarget::Weights),
                })
            }
            false => None,
        };
        let optimizer = self.optimizer();
        let mut learner = GradientDescent::new(self.backend, self.network()?, optimizer, gain)?;
        for regularizer in method.regularizers.iter().flatten() {
            let network = &mut learner.network;
            let regularizer = regularizer.build(self.backend, network, self.seed)?;
            learner = learner.with_regularizer(regularizer);
        }
        if let Some(replacement) = &method.replacement {
            let built = replacement.build(&mut learner.network);
            let replacement = check::within(&format!("methods.{}", method.name), built)?;
            learner = learner.with_replacement(replacement, self.seed);
        }
        Ok(learner)
    }

    /// The method's optimizers and learning rate.
    pub fn optimizer(&self) -> OptimizerConfig {
        let method = self.method;
        OptimizerConfig {
            optimizer: method.optimizer,
            backbone: method.backbone.unwrap_or(method.optimizer),
            learning_rate: method.learning_rate.unwrap_or(self.learning_rate),
            schedule: method.schedule.unwrap_or(Schedule::Constant),
            weight_decay: method.weight_decay.unwrap_or(0.0),
            clip: method.clip.unwrap_or(0.0),
            reset_optimizer_on_switch: method.reset_optimizer_on_switch.unwrap_or(false),
        }
    }

    /// The method's table `parameters`, which a registered learner reads as `T`; an absent table is read as empty.
    ///
    /// # Errors
    /// [`Error::Setting`] if it does not match `T`.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T> {
        let table = self.method.parameters.clone().unwrap_or_default();
        table.clone().try_into().map_err(|error| {
            let name = format!("methods.{}.parameters", self.method.name);
            let expected = format!("the learner's parameters ({})", error.message());
            Error::setting(name, toml::Value::Table(table), expected)
        })
    }
}

impl<B: Backend> LearnerKind for GradientDescent<B> {
    const NAME: &'static str = "gradient-descent";

    fn build<D: Backend>(setup: &Setup<'_, D>) -> Result<Box<dyn Learner<D>>> {
        Ok(Box::new(setup.gradient_descent()?))
    }
}

impl<B: Backend> LearnerKind for Maml<B> {
    const NAME: &'static str = "maml";

    fn build<D: Backend>(setup: &Setup<'_, D>) -> Result<Box<dyn Learner<D>>> {
        let config = setup.method.maml.unwrap_or_default();
        let (backend, optimizer, seed) = (setup.backend, setup.optimizer(), setup.seed);
        let learner = Maml::new(backend, setup.network()?, optimizer, config, seed)?;
        Ok(Box::new(learner))
    }
}

impl<B: Backend> LearnerKind for NeuMoSync<B> {
    const NAME: &'static str = "neumosync";

    fn build<D: Backend>(setup: &Setup<'_, D>) -> Result<Box<dyn Learner<D>>> {
        let NetworkConfig::Feedforward(network) = setup.network else {
            let expected = "\"feedforward\", for learner = \"neumosync\"";
            return Err(Error::setting("network.kind", "(another)", expected));
        };
        let config = setup.method.neumosync.clone().unwrap_or_default();
        let (backend, optimizer, seed) = (setup.backend, setup.optimizer(), setup.seed);
        let learner = NeuMoSync::new(backend, network, &config, optimizer, seed)?;
        Ok(Box::new(learner))
    }
}
