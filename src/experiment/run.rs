//! Running an experiment: every method with every seed, side by side over the cores.

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::results::hexadecimal;
use super::{
    EvaluatedTasks, MethodSettings, NetworkSettings, Results, Run, Settings, Status, StreamKind,
};
use crate::analysis::{Snapshot, Watched};
use crate::backend::{Backend, Cpu};
use crate::data::{Dataset, TrainTest};
use crate::error::{Error, Result};
use crate::gain::GainDynamics;
use crate::models::{Mlp, MlpShape, Network, SlimResNet, SlimResNetShape};
use crate::stream::{self, Context};
use crate::train::{
    GradientDescent, History, Normalisation, Record, Samples, TestTasks, Trainer, Transform,
};

/// What an experiment gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The runs that were begun, methods and seeds in the order of the settings.
    pub results: Results,
    /// Images trained on or evaluated, a second of the whole experiment.
    pub images_per_second: f64,
}

/// An experiment that is ready to run: what all its runs share, and only read.
pub struct Experiment<'a> {
    settings: &'a Settings,
    backend: &'a Cpu,
    training: Samples,
    test: TestTasks,
    contexts: Vec<Context>,
    /// Of the training samples; none without a memory, which alone reads them.
    labels: Vec<u8>,
    network: Blueprint,
}

/// What each run's network is made from.
enum Blueprint {
    Mlp(MlpShape),
    SlimResNet(SlimResNetShape),
}

/// A run that ended, with its place in the order of the settings.
struct Ended {
    place: usize,
    run: Run,
}

impl<'a> Experiment<'a> {
    /// Settings on samples: everything that can be wrong with them shows here.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be run on these samples, [`Error::Memory`] if there
    /// is no room.
    pub fn new(settings: &'a Settings, samples: &TrainTest, backend: &'a Cpu) -> Result<Self> {
        settings.validate()?;
        let data = &settings.data;
        let normalisation = Normalisation {
            maximum: data.maximum,
            mean: data.mean.clone(),
            standard_deviation: data.standard_deviation.clone(),
        };
        let network = network(&settings.network, &samples.train)?;
        let (train, contexts) =
            contexts(settings, &samples.train, settings.stream.contexts.clone())?;
        let training = Samples::new(backend, &train, &normalisation)?;
        let mut tasks = stream::tasks(&settings.stream.contexts);
        if settings.evaluation.tasks == EvaluatedTasks::First {
            tasks.truncate(1);
        }
        let (test, tasks) = self::contexts(settings, &samples.test, tasks)?;
        let most = match settings.evaluation.limit {
            0 => usize::MAX,
            limit => limit,
        };
        let tasks = tasks.into_iter().map(|mut task| {
            task.samples.truncate(most);
            task.samples
        });
        let transform = match settings.evaluation.augmented {
            true => transform(settings),
            false => Transform::default(),
        };
        let test = Samples::new(backend, &test, &normalisation)?;
        Ok(Experiment {
            settings,
            training,
            test: TestTasks::new(backend, test, tasks.collect(), transform)?,
            contexts,
            labels: match settings.stream.memory {
                Some(_) => train.labels().to_vec(),
                None => Vec::new(),
            },
            network,
            backend,
        })
    }

    /// What an iteration costs, in images: three for one that is trained on, whose backward pass takes about
    /// twice the forward's time, and one for one that is evaluated.
    pub fn cost(&self, record: &Record) -> u64 {
        let tasks = record.test.iter().len() + record.later_tasks.len();
        let tested: usize = self.test.samples().take(tasks).sum();
        (3 * self.settings.training.batch + tested) as u64
    }

    /// What all iterations of all runs cost together, in the unit of [`cost`](Self::cost).
    pub fn total_cost(&self) -> u64 {
        let Settings {
            stream,
            training,
            evaluation,
            methods,
            ..
        } = self.settings;
        let evaluations = (stream.iterations / evaluation.every) as u64;
        let trained = 3 * (training.batch * stream.iterations) as u64;
        let context = |number: usize| {
            let tested: usize = self.test.samples().take(number).sum();
            trained + evaluations * tested as u64
        };
        let run: u64 = (1..=stream.contexts.len()).map(context).sum();
        run * (methods.len() * training.seeds.len()) as u64
    }

    /// Runs every method with every seed, at most `threads` at a time; the backend says on
    /// how many threads the kernels of each run.
    ///
    /// A seed names the initial weights and the batches, the same for every method, so that methods are
    /// compared pair by pair. `on_iteration` sees every iteration's record; `on_run` sees each run as it
    /// ends, one at a time, those that `stop` interrupted or that diverged included.
    ///
    /// # Errors
    /// What `on_run` fails with, and what the kernels fail with. A run that diverges is no error: its
    /// [`Status`] says so.
    pub fn run(
        &self,
        threads: usize,
        stop: &AtomicBool,
        on_iteration: &(dyn Fn(&Record) + Sync),
        on_run: &(dyn Fn(&Run) -> Result<()> + Sync),
    ) -> Result<Outcome> {
        let seeds = &self.settings.training.seeds;
        let methods = self.settings.methods.iter();
        let jobs: Vec<(&MethodSettings, u64)> = methods
            .flat_map(|method| seeds.iter().map(move |&seed| (method, seed)))
            .collect();
        let next = AtomicUsize::new(0);
        // A run that fails stops the others.
        let failed = AtomicBool::new(false);
        let go_on = || !stop.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed);
        let ended: Mutex<Vec<Result<Ended>>> = Mutex::new(Vec::new());
        let began = Instant::now();
        let work = || {
            while go_on() {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(&(method, seed)) = jobs.get(place) else {
                    return;
                };
                let result = self.one(method, seed, |record| {
                    on_iteration(record);
                    go_on()
                });
                // A poisoned lock still holds whole runs: they are pushed in one step.
                let mut ended = ended.lock().unwrap_or_else(|e| e.into_inner());
                let result = result.and_then(|run| {
                    on_run(&run)?;
                    Ok(Ended { place, run })
                });
                if result.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
                ended.push(result);
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.clamp(1, jobs.len()) {
                scope.spawn(work);
            }
            work();
        });
        let seconds = began.elapsed().as_secs_f64();
        let ended = ended.into_inner().unwrap_or_else(|e| e.into_inner());
        let mut ended = ended.into_iter().collect::<Result<Vec<_>>>()?;
        ended.sort_by_key(|ended| ended.place);

        let runs: Vec<Run> = ended.into_iter().map(|ended| ended.run).collect();
        let trained = |run: &Run| run.history.records.len() * self.settings.training.batch;
        let samples: Vec<usize> = self.test.samples().collect();
        let tested = |run: &Run| -> usize {
            let evaluated = run.history.evaluated();
            let tasks = evaluated.map(|(record, _)| 1 + record.later_tasks.len());
            tasks
                .map(|tasks| samples[..tasks].iter().sum::<usize>())
                .sum()
        };
        let images: usize = runs.iter().map(|run| trained(run) + tested(run)).sum();
        Ok(Outcome {
            results: Results {
                settings: self.settings.clone(),
                runs,
            },
            images_per_second: images as f64 / seconds,
        })
    }

    /// One method with one seed.
    fn one(
        &self,
        method: &MethodSettings,
        seed: u64,
        observe: impl FnMut(&Record) -> bool,
    ) -> Result<Run> {
        let backend = self.backend;
        match &self.network {
            Blueprint::Mlp(shape) => {
                self.train(Mlp::new(backend, shape, seed)?, method, seed, observe)
            }
            Blueprint::SlimResNet(shape) => self.train(
                SlimResNet::new(backend, shape, seed)?,
                method,
                seed,
                observe,
            ),
        }
    }

    /// One method with one seed, as [`run`](Self::run) does it, and the weights after each of `iterations`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a network that is not a multilayer perceptron, and what training fails with.
    pub fn snapshots(
        &self,
        method: &MethodSettings,
        seed: u64,
        iterations: Vec<usize>,
    ) -> Result<Vec<Snapshot>> {
        let Blueprint::Mlp(shape) = &self.network else {
            return Err(Error::setting("network.kind", "slim-resnet18", "mlp"));
        };
        let (descent, trainer) = self.learner(method, seed)?;
        let mut network = Mlp::new(self.backend, shape, seed)?;
        let mut watched = Watched::new(descent, iterations);
        let mut history = History::default();
        trainer.run(
            &mut network,
            &mut watched,
            &self.contexts(seed)?,
            &mut history,
            |_| true,
        )?;
        Ok(watched.snapshots)
    }

    /// What a method with a seed learns by.
    fn learner(
        &self,
        method: &MethodSettings,
        seed: u64,
    ) -> Result<(GradientDescent, Trainer<'_>)> {
        let Experiment {
            settings, backend, ..
        } = *self;
        let gain = method.gain.as_ref().unwrap_or(&settings.gain);
        let dynamics = match method.gain_modulated {
            true => Some(GainDynamics::new(gain.gamma, gain.g0, gain.eta)?),
            false => None,
        };
        let rate = settings.training.learning_rate;
        let descent = GradientDescent::new(backend, method.optimiser, rate, dynamics)?
            .with_backbone(method.backbone.unwrap_or(method.optimiser))?
            .with_drive(method.drive.unwrap_or_default())
            .only_slow(method.only_slow.unwrap_or(false))
            .reset_at_switch(method.reset_at_switch.unwrap_or(false));
        let training = &settings.training;
        let trainer = Trainer {
            backend,
            training: &self.training,
            test: &self.test,
            batch: training.batch,
            transform: transform(settings),
            evaluate_every: settings.evaluation.every,
            seed,
        };
        Ok((descent, trainer))
    }

    /// What a run with this seed learns from.
    fn contexts(&self, seed: u64) -> Result<Cow<'_, [Context]>> {
        let contexts = self.contexts.as_slice();
        Ok(match &self.settings.stream.memory {
            None => Cow::Borrowed(contexts),
            Some(memory) => {
                let (kind, size) = (memory.kind, memory.size);
                Cow::Owned(stream::replay(contexts, &self.labels, kind, size, seed)?)
            }
        })
    }

    fn train(
        &self,
        mut network: impl Network,
        method: &MethodSettings,
        seed: u64,
        observe: impl FnMut(&Record) -> bool,
    ) -> Result<Run> {
        let Experiment {
            settings, backend, ..
        } = *self;
        let (mut descent, trainer) = self.learner(method, seed)?;
        let mut history = History::default();
        let contexts = self.contexts(seed)?;
        let ended = trainer.run(&mut network, &mut descent, &contexts, &mut history, observe);
        let total = settings.stream.iterations * contexts.len();
        let status = match ended {
            Ok(()) => Status::Complete,
            Err(Error::Interrupted { iteration }) if iteration == total => Status::Complete,
            Err(Error::Interrupted { .. }) => Status::Interrupted,
            Err(Error::Diverged {
                iteration,
                quantity,
                value,
            }) => Status::Diverged {
                iteration,
                quantity: quantity.into(),
                value,
            },
            Err(error) => return Err(error),
        };
        let bits = hash(backend, &mut network, &history)?;
        let run = Run {
            method: method.name.clone(),
            seed,
            status,
            history,
            hash: Some(hexadecimal(bits)),
        };
        Ok(run)
    }
}

/// The network that settings ask for, on these samples.
fn network(settings: &NetworkSettings, samples: &Dataset) -> Result<Blueprint> {
    let shape = samples.shape();
    Ok(match settings {
        NetworkSettings::Mlp {
            hidden,
            hidden_standard_deviation,
            output_standard_deviation,
        } => {
            let mut neurons = vec![samples.features()];
            neurons.extend(hidden);
            neurons.push(samples.classes());
            Blueprint::Mlp(MlpShape {
                neurons,
                hidden_standard_deviation: *hidden_standard_deviation,
                output_standard_deviation: *output_standard_deviation,
            })
        }
        NetworkSettings::SlimResnet18 {
            width,
            head_standard_deviation,
            modulated,
        } => {
            if shape.height != shape.width {
                let expected = "mlp: this network needs square images";
                return Err(Error::setting("network.kind", shape, expected));
            }
            Blueprint::SlimResNet(SlimResNetShape {
                side: shape.height,
                channels: shape.channels,
                classes: samples.classes(),
                width: *width,
                head_standard_deviation: *head_standard_deviation,
                modulated: modulated.clone(),
            })
        }
    })
}

/// What is done to training images.
fn transform(settings: &Settings) -> Transform {
    Transform {
        crop_padding: u8::try_from(settings.training.crop_padding).unwrap_or(u8::MAX),
        mirror: settings.training.mirror,
    }
}

/// A context for each of `lists`, and the samples that they index: those given, or variants of them.
fn contexts<'a>(
    settings: &Settings,
    samples: &'a Dataset,
    lists: Vec<Vec<u16>>,
) -> Result<(Cow<'a, Dataset>, Vec<Context>)> {
    let iterations = settings.stream.iterations;
    match settings.stream.kind {
        StreamKind::Split => {
            let class = |&class: &u16| {
                let known = u8::try_from(class).ok();
                let present = known.filter(|&class| !samples.of_classes(&[class]).is_empty());
                present.ok_or_else(|| {
                    let expected = format!(
                        "classes below {} that have training and test samples",
                        samples.classes()
                    );
                    Error::setting("stream.contexts", class, expected)
                })
            };
            let classes = lists.iter().map(|list| list.iter().map(class).collect());
            let classes = classes.collect::<Result<Vec<Vec<u8>>>>()?;
            Ok((
                Cow::Borrowed(samples),
                stream::split(samples, &classes, iterations)?,
            ))
        }
        StreamKind::Rotated => {
            let (rotated, contexts) = stream::rotated(samples, &lists, iterations)?;
            Ok((Cow::Owned(rotated), contexts))
        }
        StreamKind::Permuted => {
            let (permuted, contexts) = stream::permuted(samples, &lists, iterations)?;
            Ok((Cow::Owned(permuted), contexts))
        }
    }
}

fn hash<B: Backend>(
    backend: &B,
    network: &mut impl Network<B>,
    history: &History,
) -> Result<Sha256> {
    let mut hash = Sha256::new();
    for record in &history.records {
        let tests = record.test.iter().chain(&record.later_tasks);
        let tests = tests.flat_map(|test| [test.loss, test.accuracy]);
        let numbers = [record.train.loss, record.train.accuracy, record.entropy];
        let layers = record.gain.iter().chain(&record.mean_absolute_weight);
        let layers = layers.copied();
        for number in numbers.into_iter().chain(tests).chain(layers) {
            hash.update(number.to_bits().to_le_bytes());
        }
    }
    for parameter in network.parameters() {
        for weight in parameter.value.to_rows(backend)? {
            hash.update(weight.to_bits().to_le_bytes());
        }
    }
    Ok(hash)
}
