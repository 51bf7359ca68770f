//! The trained networks whose loss is probed, and the samples of the loss.

use rayon::prelude::*;

use super::{Context, NETWORK, PERCEPTRON, Precision};
use crate::analysis::{
    Coordinates, Eigenpair, LayerWeights, LossSurface, MlpSurface, NetworkSurface,
};
use crate::backend::Backend;
use crate::backend::cpu::on_all_cores;
use crate::data::TrainTest;
use crate::error::{Error, Result};
use crate::learn::{Batch, BatchConfig, Batches, Draw, Learner, RandomCropFlip, Sampling};
use crate::models::Network;
use crate::nn::Parameter;
use crate::rng::{Purpose, RandomStream};
use crate::run::MemoryNeed;
use crate::run::continual::{MethodSettings, NetworkConfig};
use crate::state::Checkpoint;
use crate::systems::stability_gap::{Experiment, Settings};

/// The largest number of training samples over which a context's loss is computed; fewer, two training batches, if
/// these are small.
const SAMPLES: usize = 128;

/// An experiment, the seed of its runs, and the samples over which each context's loss is computed.
pub(super) struct Probe<'a, B: Backend> {
    pub(super) settings: &'a Settings,
    pub(super) seed: u64,
    /// The number of samples of a context.
    pub(super) samples: usize,
    experiment: Experiment<'a, B>,
    contexts: Vec<Batch<B>>,
}

/// A network after an iteration.
#[derive(Clone)]
pub(super) struct Trained<'a> {
    pub(super) method: &'a MethodSettings,
    pub(super) iteration: usize,
    /// The gain of the layers that have one; 1 if none has.
    pub(super) gain: f64,
    weights: Weights,
}

#[derive(Clone)]
enum Weights {
    /// All weights of a multilayer perceptron, whose surface is computed from them alone.
    Perceptron(Vec<LayerWeights>),
    /// What inference reads.
    Network(Checkpoint),
}

impl<'a, B: Backend> Probe<'a, B> {
    pub(super) fn new(settings: &'a Settings, samples: &TrainTest, backend: &'a B) -> Result<Self> {
        let experiment = Experiment::new(settings, samples, backend)?;
        let seed = settings.training.seeds.first().copied().unwrap_or(0);
        let samples = SAMPLES.min(2 * settings.training.batch);
        let config = BatchConfig {
            size: samples,
            sampling: Sampling::Uniform,
            transform: RandomCropFlip::default(),
            seed,
        };
        let mut contexts = Vec::new();
        let training = &experiment.data.training;
        let replay = settings.stream.replay.as_ref();
        for (number, context) in experiment.data.contexts(replay, seed)?.enumerate() {
            let mut batches = Batches::new(backend, training, config, &context, number + 1)?;
            let mut stream = RandomStream::new(seed, Purpose::Probe, number as u64);
            let mut batch = training.batch(backend)?;
            let mut drawn = batches.drawn_from(backend, &mut stream);
            drawn.draw(samples, &mut batch)?;
            contexts.push(batch);
        }
        Ok(Probe {
            settings,
            seed,
            samples,
            experiment,
            contexts,
        })
    }

    /// Whether the surface is that of a multilayer perceptron, in f64 with exact products.
    fn is_perceptron(&self) -> bool {
        matches!(self.experiment.data.network, NetworkConfig::Mlp(_))
    }

    /// Eigenvalues and products of the surfaces.
    pub(super) fn precision(&self) -> &'static Precision {
        match self.is_perceptron() {
            true => &PERCEPTRON,
            false => &NETWORK,
        }
    }

    /// Trains a method up to the last of `iterations`, and shows `visit` its network after each of them.
    pub(super) fn train(
        &self,
        method: &'a MethodSettings,
        iterations: &[usize],
        mut visit: impl FnMut(Trained<'a>),
    ) -> Result<()> {
        let backend = self.experiment.backend;
        let train = |iteration, learner: &mut dyn Learner<B>| {
            let layers = learner.layers();
            let gain = layers.iter().find_map(|layer| layer.gain.as_ref());
            let gain = gain.map(|gain| gain.to_rows(backend)).transpose()?;
            visit(Trained {
                method,
                iteration,
                gain: gain.map_or(1.0, |gain| f64::from(gain[0])),
                weights: match self.is_perceptron() {
                    true => {
                        let of = |layer: &&mut Parameter<B>| LayerWeights::of(backend, layer);
                        Weights::Perceptron(layers.iter().map(of).collect::<Result<_>>()?)
                    }
                    false => Weights::Network(Checkpoint {
                        network: Checkpoint::take(backend, learner)?.network,
                        ..Checkpoint::default()
                    }),
                },
            });
            Ok(())
        };
        self.experiment.follow(method, self.seed, iterations, train)
    }

    /// How the figures of networks other than perceptrons were computed, as the end of a caption.
    pub(super) fn note(&self) -> &'static str {
        match self.is_perceptron() {
            true => "",
            false => {
                " Directions are of the weights of linear layers and convolutions. Products with the Hessian are central \
                 differences of gradients. Batch normalisation uses the statistics of these samples."
            }
        }
    }

    /// The memory, besides that of a run, of the networks of both methods after `measured` iterations, and of the
    /// directions from which eigenvalues are computed.
    pub(super) fn memory(&self, method: &MethodSettings, measured: usize) -> Result<MemoryNeed> {
        let backend = self.experiment.backend;
        let mut weights = 0;
        let mut network = self.network(method)?;
        network.for_each_parameter(&mut |parameter| {
            weights += backend.length(parameter.value.floats()) as u64;
            Ok(())
        })?;
        // Networks in f32, or perceptrons in f64; directions in f64, of perceptrons on every core.
        let (of_network, cores) = match self.is_perceptron() {
            true => (
                8,
                std::thread::available_parallelism().map_or(1, usize::from),
            ),
            false => (4, 1),
        };
        let networks = of_network * (2 * measured as u64 + 2);
        // The directions of the figure and of its states, and a few copies.
        let kept = 48;
        let directions = 8 * (self.precision().products as u64 * cores as u64 + kept);
        Ok(MemoryNeed {
            bytes: weights.saturating_mul(networks + directions),
            purpose: format!(
                "{measured} networks of two methods, each of {weights} weights, and the directions of their curvature"
            ),
            remedy: "use a smaller network, or fewer contexts",
        })
    }

    /// A method's network with its first weights.
    fn network(&self, method: &MethodSettings) -> Result<Box<dyn Network<B>>> {
        let Experiment { backend, data, .. } = &self.experiment;
        data.network.build(*backend, method, self.seed)
    }

    /// The names of the layers of a method's network with gains, and of those without.
    pub(super) fn layers(&self, method: &MethodSettings) -> Result<[Vec<String>; 2]> {
        let mut network = self.network(method)?;
        let layers = network.layers();
        let (with, without): (Vec<_>, Vec<_>) = layers.iter().partition(|l| l.gain.is_some());
        Ok([with, without].map(|layers| layers.iter().map(|l| l.name.clone()).collect()))
    }

    /// The loss on the samples of a context around a network's weights.
    pub(super) fn surface(
        &self,
        trained: &Trained<'_>,
        context: Context,
    ) -> Result<Box<dyn LossSurface + '_>> {
        let backend = self.experiment.backend;
        let batch = &self.contexts[context.min(self.contexts.len() - 1)];
        match &trained.weights {
            Weights::Perceptron(layers) => {
                let rows = batch.inputs.to_rows(backend)?;
                let rows = rows.chunks(batch.inputs.shape().columns());
                let inputs = rows.map(|row| row.iter().map(|&x| f64::from(x)).collect());
                let inputs: Vec<Vec<f64>> = inputs.collect();
                let labels = backend.download_bytes(&batch.labels)?;
                Ok(Box::new(MlpSurface::new(layers.clone(), &inputs, &labels)?))
            }
            Weights::Network(state) => {
                let method = trained.method;
                let mut network = self.network(method)?;
                state.restore(backend, &mut network).map_err(|_| {
                    let name = format!("methods.{}.learner", method.name);
                    let learner = method.learner.as_deref().unwrap_or("(default)");
                    let expected =
                        "a learner whose network is that of the settings, such as gradient-descent";
                    Error::setting(name, learner, expected)
                })?;
                Ok(Box::new(NetworkSurface::new(backend, network, batch)?))
            }
        }
    }

    /// The eigenpairs of the largest eigenvalues.
    pub(super) fn largest(
        &self,
        surface: &dyn LossSurface,
        coordinates: Coordinates,
    ) -> Result<Vec<Eigenpair>> {
        let Precision {
            eigenvalues,
            tolerance,
            products,
        } = *self.precision();
        surface.largest_eigenpairs(coordinates, eigenvalues, tolerance, products)
    }

    /// `measure` of each item, in order: of perceptrons on all cores; of other networks, whose kernels use the backend's
    /// threads and whose eigenvectors need much memory, one after another.
    pub(super) fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        measure: impl Fn(&T) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        match self.is_perceptron() {
            true => on_all_cores(|| items.par_iter().map(&measure).collect()),
            false => items.iter().map(measure).collect(),
        }
    }
}
